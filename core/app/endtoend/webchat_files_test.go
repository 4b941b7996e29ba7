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
