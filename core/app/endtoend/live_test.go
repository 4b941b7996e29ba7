package endtoend

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/scripts/load/harness"
)

// follower is a browser's state, made of frames alone.
type follower struct {
	s     *scene
	seq   uint64
	shown map[string]card
}

// card is what is compared of a conversation.
type card struct {
	State, Assignee, OfferedTo, Text string
	LastSeq                          uint64
	Unread                           int
}

func cardOf(c *harness.Conversation) card {
	k := card{State: c.State, Assignee: c.Assignee, OfferedTo: c.OfferedTo, LastSeq: c.LastSeq, Unread: c.Unread}
	if c.LastMessage != nil {
		k.Text = c.LastMessage.Text
	}
	return k
}

// read takes frames in until a condition holds.
func (f *follower) read(l *harness.Live, what string, holds func() bool) {
	f.s.t.Helper()
	ctx, cancel := context.WithTimeout(f.s.ctx, patience)
	defer cancel()
	for !holds() {
		frame, err := l.Next(ctx)
		if err != nil {
			f.s.t.Fatalf("waiting for this: %s: %v", what, err)
		}
		f.take(frame)
	}
}

func (f *follower) take(frame *harness.Frame) {
	switch frame.Type {
	case "snapshot":
		if frame.Part == 0 {
			clear(f.shown)
		}
		for _, c := range frame.Conversations {
			f.shown[c.ID] = cardOf(&c)
		}
	case "conversation":
		var c harness.Conversation
		f.s.must(json.Unmarshal(frame.Conversation, &c))
		f.shown[c.ID] = cardOf(&c)
	case "removed":
		var id string
		f.s.must(json.Unmarshal(frame.Conversation, &id))
		delete(f.shown, id)
	}
	f.seq = max(f.seq, frame.Seq)
}

// fresh is what somebody sees who comes now.
func (s *scene) fresh(c *harness.Client) map[string]card {
	s.t.Helper()
	l, err := c.Live(s.ctx, 0)
	s.must(err)
	defer l.Close()
	f := &follower{s: s, shown: map[string]card{}}
	done := false
	for !done {
		frame, err := l.Next(s.ctx)
		s.must(err)
		f.take(frame)
		done = frame.Type == "snapshot" && frame.Last
	}
	return f.shown
}

// A browser follows the desk over its socket, loses it because the server is killed, comes back with the place it had
// reached, and knows everything that somebody knows who begins anew.
func TestLiveSocketResumesOverKill(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "one")
	l, err := agent.Live(s.ctx, 0)
	s.must(err)
	defer l.Close()
	f := &follower{s: s, shown: map[string]card{}}
	text := func(want string) func() bool { return func() bool { return f.shown[c].Text == want } }
	f.read(l, "the snapshot shows the conversation", text("one"))
	s.deliver(customer.Text("two"))
	f.read(l, "the second message is shown", text("two"))

	// Without a kill, the rest comes and nothing else.
	l.Close()
	s.deliver(customer.Text("three"))
	again, err := agent.Live(s.ctx, f.seq)
	s.must(err)
	defer again.Close()
	hello, err := again.Next(s.ctx)
	s.must(err)
	if hello.Type != "hello" || !hello.Resumed {
		t.Errorf("the first frame after a short absence is %+v, want a resumption", hello)
	}
	f.read(again, "the third message is shown", text("three"))

	s.Kill()
	for err == nil { // what had come before the kill, then the end
		_, err = again.Next(s.ctx)
	}
	s.must(s.Start(s.ctx))
	s.deliver(customer.Text("four"))
	s.deliver(s.Line.NewCustomer("Ben").Text("hello"))
	last, err := agent.Live(s.ctx, f.seq)
	s.must(err)
	defer last.Close()
	f.read(last, "the fourth message and the new customer are shown", func() bool { return f.shown[c].Text == "four" && len(f.shown) == 2 })
	s.must(agent.SetPresence(s.ctx, "available"))
	s.say(agent, c, "a-1", "five")
	s.awaitState(agent, c, "a-1", "sent")
	f.read(last, "the answer is shown", text("five"))

	s.await("the follower knows what a newcomer knows", func() bool {
		want := s.fresh(agent)
		if cmp.Equal(want, f.shown) {
			return true
		}
		// What is still on its way: one more change makes the socket speak up at the latest.
		s.deliver(customer.Text("still there?"))
		f.read(last, "the socket goes on", text("still there?"))
		want = s.fresh(agent)
		return cmp.Equal(want, f.shown)
	})
}
