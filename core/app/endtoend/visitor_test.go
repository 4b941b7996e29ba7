package endtoend

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/guichet/guichet/plugins/webchat/webchattest"
	"github.com/guichet/guichet/scripts/load/harness"
)

// chat is a web chat whose conversations go to the queue that LINE's go to.
const chat = `
[[account]]
id = "site"
plugin = "webchat"
[[channel]]
id = "site"
account = "site"
workstream = "site"
[[workstream]]
id = "site"
fallback_queue = "general"
offer_timeout = "30m"
wrap_up = { block = "none" }
`

// visitor is somebody on a shop's page, with a record of every frame that the page was given.
type visitor struct {
	*webchattest.Panel
	name string

	mu     sync.Mutex
	frames []string
}

// visitor makes one, who has not opened the chat yet. The chat is closed at the end of the test.
func (s *scene) visitor(name string, change ...func(*webchattest.Options)) *visitor {
	v := &visitor{name: name}
	o := webchattest.Options{
		BaseURL: s.URL(), Account: "site", Channel: "site", Language: "en", Fresh: true,
		Page: webchattest.Page{URL: "https://shop.example.com/" + strings.ToLower(name), Title: name},
		OnRaw: func(raw []byte) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.frames = append(v.frames, string(raw))
		},
	}
	for _, f := range change {
		f(&o)
	}
	v.Panel = webchattest.New(o)
	s.t.Cleanup(v.Close)
	return v
}

// polling is how a visitor chats where WebSockets are blocked; as is another tab of a visitor, or the same on a later day.
func polling(o *webchattest.Options) { o.Polling = true }

func as(other *visitor) func(*webchattest.Options) {
	return func(o *webchattest.Options) { o.Token, o.Fresh = other.Token(), false }
}

// wasGiven reports whether any frame held a text.
func (v *visitor) wasGiven(text string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.ContainsFunc(v.frames, func(frame string) bool { return strings.Contains(frame, text) })
}

// spoken is what a panel shows of what people say, in order.
func (v *visitor) spoken() []string {
	var list []string
	for _, m := range v.Messages() {
		if m.From.Kind != "system" {
			list = append(list, m.Text)
		}
	}
	return list
}

// patiently bounds a wait.
func (s *scene) patiently(what string, wait func(context.Context) error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeoutCause(s.ctx, patience, fmt.Errorf("within %s it did not come to this: %s", patience, what))
	defer cancel()
	s.must(wait(ctx))
}

// arrive opens the chat.
func (s *scene) arrive(v *visitor) {
	s.t.Helper()
	s.patiently("the chat is open", v.Connect)
}

// writes lets a visitor say something, durably.
func (s *scene) writes(v *visitor, text string, handles ...string) {
	s.t.Helper()
	s.patiently("the message is accepted", func(ctx context.Context) error {
		_, err := v.Send(ctx, text, handles...)
		return err
	})
}

// reads waits until a visitor is shown a text.
func (s *scene) reads(v *visitor, text string) (m webchattest.Message) {
	s.t.Helper()
	s.patiently(fmt.Sprintf("%s is shown %q", v.name, text), func(ctx context.Context) (err error) {
		m, err = v.AwaitText(ctx, text)
		return err
	})
	return m
}

// stands waits until a visitor is told that the conversation is in a state.
func (s *scene) stands(v *visitor, state string) {
	s.t.Helper()
	s.patiently("the conversation is "+state, func(ctx context.Context) error { return v.AwaitState(ctx, state) })
}

// chats opens the chat, lets the visitor write and an agent accept.
func (s *scene) chats(agent *harness.Client, v *visitor, text string) (conversation string) {
	s.t.Helper()
	s.arrive(v)
	s.writes(v, text)
	conversation = s.accept(agent)
	s.stands(v, "active")
	return conversation
}

// hears waits until a conversation has a message with a text.
func (s *scene) hears(c *harness.Client, conversation, text string) (m harness.Message) {
	s.t.Helper()
	s.await(fmt.Sprintf("the conversation has the message %q", text), func() bool {
		list := s.messages(c, conversation)
		i := slices.IndexFunc(list, func(m harness.Message) bool { return m.Text == text })
		if i >= 0 {
			m = list[i]
		}
		return i >= 0
	})
	return m
}

// bothWays runs a test with a visitor who has a WebSocket, and with one who polls.
func bothWays(t *testing.T, test func(t *testing.T, way func(*webchattest.Options))) {
	t.Run("live", func(t *testing.T) { test(t, func(*webchattest.Options) {}) })
	t.Run("polling", func(t *testing.T) { test(t, polling) })
}
