package endtoend

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/core/blob"
	"github.com/guichet/guichet/core/blob/keys"
	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/plugins/webchat/webchattest"
	"github.com/guichet/guichet/scripts/load/harness"
)

// upload gives the server a visitor's file.
func (s *scene) upload(v *visitor, name string, content []byte) (handle string) {
	s.t.Helper()
	s.patiently("the file is taken", func(ctx context.Context) (err error) {
		handle, err = v.Upload(ctx, name, content)
		return err
	})
	return handle
}

// refusal is the code with which something was refused, "" when it was not.
func refusal(err error) string {
	var refused *webchattest.Refused
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

func TestFilesBetweenVisitorAndAgent(t *testing.T) {
	bothWays(t, func(t *testing.T, way func(*webchattest.Options)) {
		s := open(t, harness.Config{More: chat})
		agent := s.agent(1)
		ana := s.visitor("Ana", way)
		s.arrive(ana)
		content := picture(t, 300)
		s.writes(ana, "", s.upload(ana, "étagère rouge.png", content))
		c := s.accept(agent)
		s.stands(ana, "active")
		a := s.attachment(agent, c, 2) // after the activity that says where the visitor was
		if a.State != "ready" || a.Type != "image/png" || a.Name != "étagère rouge.png" || a.Size != int64(len(content)) {
			t.Errorf("the agent is shown %+v", a)
		}
		if got, err := agent.Get(s.ctx, a.URL); err != nil || !bytes.Equal(got, content) {
			t.Errorf("the agent gets %d bytes (%v), want the %d that were uploaded", len(got), err, len(content))
		}
		own, err := ana.Await(s.ctx, func(m webchattest.Message) bool { return len(m.Attachments) == 1 && m.Attachments[0].URL != "" })
		s.must(err)
		stranger := &harness.Client{Server: s.Server} // a visitor's browser has nothing but the address
		for _, v := range own.Attachments {
			if got, err := stranger.Get(s.ctx, v.URL); err != nil || !bytes.Equal(got, content) || !strings.HasPrefix(v.URL, "/media/") {
				t.Errorf("at %s the visitor gets %d bytes of the own file (%v)", v.URL, len(got), err)
			}
		}

		answer := picture(t, 200)
		sent, err := agent.Upload(s.ctx, "blue.png", "image/png", answer)
		s.must(err)
		_, _, err = agent.Send(s.ctx, c, harness.Draft{ID: "a", Text: "Or this one?", Attachments: []string{sent}})
		s.must(err)
		shown := s.reads(ana, "Or this one?")
		if len(shown.Attachments) != 1 {
			t.Fatalf("the visitor is shown %+v", shown)
		}
		v := shown.Attachments[0]
		if v.State != "ready" || v.Name != "blue.png" || v.Type != "image/png" || v.Size != int64(len(answer)) || !strings.HasPrefix(v.URL, "/media/") {
			t.Errorf("the visitor is shown %+v", v)
		}
		if got, err := stranger.Get(s.ctx, v.URL); err != nil || !bytes.Equal(got, answer) {
			t.Errorf("the visitor gets %d bytes (%v), want %d", len(got), err, len(answer))
		}

		// Nothing opens it but the signed address.
		token := strings.TrimPrefix(v.URL, "/media/")
		body, mac, _ := strings.Cut(token, ".")
		for what, path := range map[string]string{
			"without its signature": "/media/" + body, "with a forged signature": "/media/" + body + "." + strings.Repeat("A", len(mac)),
			"with another's signature": "/media/" + strings.Split(strings.TrimPrefix(own.Attachments[0].URL, "/media/"), ".")[0] + "." + mac,
			"through the agents' API":  a.URL,
		} {
			if _, err := stranger.Get(s.ctx, path); harness.StatusOf(err) < 400 {
				t.Errorf("%s the file is given: %v", what, err)
			}
		}
	})
}

// An address that was good is refused when its day is over: here one is signed whose day is over already.
func TestExpiredAddressIsRefused(t *testing.T) {
	s := open(t, harness.Config{More: chat})
	agent := s.agent(1)
	ana := s.visitor("Ana")
	s.arrive(ana)
	s.writes(ana, "", s.upload(ana, "red.png", picture(t, 20)))
	s.accept(agent)
	own, err := ana.Await(s.ctx, func(m webchattest.Message) bool { return len(m.Attachments) == 1 && m.Attachments[0].URL != "" })
	s.must(err)
	k, err := keys.Open(filepath.Join(s.Data(), "keys"))
	s.must(err)
	signer := blob.NewSigner(k.Derive("public media addresses"), nil)
	grant, err := signer.Verify(strings.TrimPrefix(own.Attachments[0].URL, "/media/"))
	s.must(err)
	if day := time.Until(grant.Expires); day > 24*time.Hour || day < 23*time.Hour {
		t.Errorf("an address is good for %s, want a day", day)
	}
	stranger := &harness.Client{Server: s.Server}
	for _, test := range []struct {
		after time.Duration
		want  int
	}{{time.Hour, 0}, {-time.Second, http.StatusGone}} {
		grant.Expires = time.Now().Add(test.after)
		if _, err := stranger.Get(s.ctx, "/media/"+signer.Sign(grant)); harness.StatusOf(err) != test.want {
			t.Errorf("an address that ends in %s: %v, want %d", test.after, err, test.want)
		}
	}
}

func TestFilesThatAreNotTaken(t *testing.T) {
	s := open(t, harness.Config{More: chat})
	ana := s.visitor("Ana")
	s.arrive(ana)
	for want, file := range map[string]struct {
		name    string
		content []byte
	}{
		"type-not-allowed": {"invoice.pdf.exe", []byte("MZ")},
		"empty-file":       {"nothing.txt", nil},
		"too-large":        {"large.bin", make([]byte, ana.Limits().File+1)},
	} {
		if _, err := ana.Upload(s.ctx, file.name, file.content); refusal(err) != want {
			t.Errorf("%s: %v, want %s", file.name, err, want)
		}
	}
	if handle := s.upload(ana, "just right.bin", make([]byte, ana.Limits().File)); handle == "" {
		t.Error("a file of the largest size has no handle")
	}
}

// Where a channel takes no files, the panel is told so, uploads are refused, and an agent's file too; what the
// configuration says holds at once, also for chats that are open.
func TestChannelsWithoutFiles(t *testing.T) {
	s := open(t, harness.Config{Agents: 1, More: chat})
	agent := s.agent(1)
	ana := s.visitor("Ana")
	c := s.chats(agent, ana, "Hello")
	handle := s.upload(ana, "red.png", picture(t, 20))
	if l := ana.Limits(); l.Files == 0 || l.File == 0 {
		t.Fatalf("the limits are %+v", l)
	}
	allowed := func() (out struct {
		Attachments struct {
			FromCustomer bool `json:"from_customer"`
			FromAgent    bool `json:"from_agent"`
		} `json:"attachments"`
	}) {
		_, err := agent.Do(s.ctx, http.MethodGet, "/api/v1/conversations/"+c, nil, &out)
		s.must(err)
		return out
	}
	if got := allowed().Attachments; !got.FromCustomer || !got.FromAgent {
		t.Errorf("the agent is told %+v", got)
	}

	changed := s.Config
	changed.More = strings.Replace(chat, "workstream = \"site\"\n", "workstream = \"site\"\nattachments = { from_customer = false, from_agent = false }\n", 1)
	s.must(s.Configure(changed.TOML()))
	s.await("the configuration is in force", func() bool { return !allowed().Attachments.FromCustomer })
	s.await("the panel is told", func() bool {
		if err := ana.Connect(s.ctx); err != nil { // a changed account sends its panels away to come back
			return false
		}
		return ana.Limits().Files == 0 && ana.Limits().File == 0
	})
	if _, err := ana.Upload(s.ctx, "red.png", picture(t, 20)); refusal(err) != "not-allowed" {
		t.Errorf("a visitor's file: %v, want not-allowed", err)
	}
	if _, err := ana.Send(s.ctx, "with a file from before", handle); refusal(err) != "not-allowed" {
		t.Errorf("a message with a visitor's file: %v, want not-allowed", err)
	}
	s.writes(ana, "without a file")
	s.hears(agent, c, "without a file")

	if got := allowed().Attachments; got.FromAgent {
		t.Errorf("the agent is told %+v", got)
	}
	sent, err := agent.Upload(s.ctx, "blue.png", "image/png", picture(t, 20))
	s.must(err)
	_, _, err = agent.Send(s.ctx, c, harness.Draft{ID: "a", Text: "Or this?", Attachments: []string{sent}})
	var problem *harness.Problem
	if !errors.As(err, &problem) || problem.Status != http.StatusBadRequest || !strings.Contains(problem.Detail, "send the text without them") {
		t.Errorf("an agent's file: %v, want 400 with a sentence", err)
	}
	s.say(agent, c, "b", "Just words")
	s.reads(ana, "Just words")
}

// A channel that cannot be told (LINE) brings a file all the same: the agent sees that it came and why it is not there.
func TestFilesThatComeAllTheSameAreRefused(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hello")
	s.must(s.Configure(strings.Replace(s.Config.TOML(), "id = \"line\"\n", "id = \"line\"\nattachments = { from_customer = false }\n", 1)))
	n := 0
	s.await("a file is refused", func() bool {
		n++
		s.deliver(customer.Attach("image", "", linetest.Content{Type: "image/png", Bytes: picture(t, 20)}))
		a := s.attachment(agent, c, n+1)
		return a.State == "refused" && strings.Contains(a.Reason, "customers may not send attachments") && a.URL == ""
	})
}
