package endtoend

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/scripts/load/harness"
)

var binary string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := harness.TempDir()
	if err == nil {
		defer os.RemoveAll(dir) //nolint:errcheck // in the system's temporary folder
		binary, err = harness.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// patience bounds every wait. It is long because other tests may keep the machine busy; nothing waits for it to pass.
const patience = 30 * time.Second

// scene is an open desk with a test around it.
type scene struct {
	*harness.Desk
	t   *testing.T
	ctx context.Context
}

// open opens a desk. At the end the server is stopped and its data checked, and LINE must have nothing to complain of.
func open(t *testing.T, config harness.Config, options ...func(*harness.Options)) *scene {
	t.Helper()
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	if config.Agents == 0 {
		config.Agents = 2
	}
	config.People = append(config.People, harness.Supervisor)
	o := harness.Options{Binary: binary, Config: config, Validate: true}
	for _, change := range options {
		change(&o)
	}
	d, err := harness.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{Desk: d, t: t, ctx: ctx}
	t.Cleanup(func() {
		if !t.Failed() {
			s.check()
		}
		if t.Failed() {
			t.Logf("the server's log ends with\n%s", d.Log(40))
		}
		d.Close()
	})
	return s
}

// check stops the server and looks whether its data is whole.
func (s *scene) check() {
	s.t.Helper()
	if err := s.Stop(); err != nil {
		s.t.Error(err)
	}
	if out, err := s.Run(s.ctx, "", "fsck"); err != nil {
		s.t.Errorf("fsck: %v\n%s", err, out)
	}
	for _, v := range s.Line.Violations() {
		s.t.Errorf("LINE complains: %s", v)
	}
}

// must fails the test on an error.
func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// join signs a person in.
func (s *scene) join(id string) *harness.Client {
	s.t.Helper()
	c, err := s.Join(s.ctx, id)
	s.must(err)
	return c
}

// agent signs an agent in who can be offered work.
func (s *scene) agent(n int) *harness.Client {
	s.t.Helper()
	c := s.join(harness.AgentID(n))
	s.must(c.SetPresence(s.ctx, "available"))
	return c
}

// strike kills, in turn, a plugin and the whole server, which is started again.
func (s *scene) strike(turn int, plugin string) {
	s.t.Helper()
	if turn%2 == 1 {
		s.Kill()
		s.must(s.Start(s.ctx))
		return
	}
	pid, err := s.PluginNamed(plugin)
	s.must(err)
	if pid != 0 { // else it is just coming back
		s.must(s.KillPluginNamed(plugin))
	}
}

// await waits until a condition holds.
func (s *scene) await(what string, holds func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			s.t.Fatalf("within %s it did not come to this: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond) // between two looks
	}
}

// deliver posts events until they are acknowledged.
func (s *scene) deliver(events ...linetest.Event) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	_, err := s.Line.Deliver(ctx, s.CallbackURL(), events...)
	s.must(err)
}

// accept waits for an offer and takes it; it returns the conversation.
func (s *scene) accept(c *harness.Client) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	offer, err := c.AwaitOffer(ctx)
	s.must(err)
	s.must(c.Accept(ctx, offer.ID))
	return offer.Conversation
}

// begin lets a customer write and an agent accept.
func (s *scene) begin(agent *harness.Client, name, text string) (*linetest.Customer, string) {
	s.t.Helper()
	customer := s.Line.NewCustomer(name)
	s.deliver(customer.Text(text))
	return customer, s.accept(agent)
}

// say sends a text in a conversation.
func (s *scene) say(c *harness.Client, conversation, id, text string) {
	s.t.Helper()
	_, _, err := c.Send(s.ctx, conversation, harness.Draft{ID: id, Text: text})
	s.must(err)
}

// messages returns all messages of a conversation.
func (s *scene) messages(c *harness.Client, conversation string) []harness.Message {
	s.t.Helper()
	list, err := c.Messages(s.ctx, conversation, 0)
	s.must(err)
	return list
}

// message returns one message by its client's id.
func (s *scene) message(c *harness.Client, conversation, id string) harness.Message {
	s.t.Helper()
	for _, m := range s.messages(c, conversation) {
		if m.ID == id {
			return m
		}
	}
	s.t.Fatalf("conversation %s has no message %q", conversation, id)
	return harness.Message{}
}

// awaitState waits until a message has come so far.
func (s *scene) awaitState(c *harness.Client, conversation, id, state string) harness.Message {
	s.t.Helper()
	var m harness.Message
	last := func() string { return fmt.Sprintf("message %q is %s", id, state) }
	s.await(last(), func() bool {
		m = s.message(c, conversation, id)
		return m.State == state
	})
	return m
}

// sent waits until LINE has accepted n messages to a customer.
func (s *scene) sent(customer *linetest.Customer, n int) []linetest.Sent {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	list, err := s.Line.Await(ctx, customer.ID, n)
	s.must(err)
	return list
}

// texts returns what people said in a conversation, in order.
func texts(list []harness.Message) []string {
	var out []string
	for _, m := range list {
		if m.Kind != "activity" {
			out = append(out, m.Text)
		}
	}
	return out
}
