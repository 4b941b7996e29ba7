package endtoend

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/scripts/load/harness"
)

// lived makes some of everything: conversations in several states, media, notes, a failed message.
func (s *scene) lived(agent *harness.Client) (*linetest.Customer, string) {
	s.t.Helper()
	customer, c := s.begin(agent, "Ana", "Hello")
	s.deliver(customer.Attach("image", "", linetest.Content{Type: "image/png", Bytes: picture(s.t, 64)}))
	if a := s.attachment(agent, c, 2); a.State != "ready" {
		s.t.Fatalf("the picture is %+v", a)
	}
	s.say(agent, c, "a-1", "Hi Ana")
	s.awaitState(agent, c, "a-1", "sent")
	s.Line.SetQuota(1, 1)
	s.say(agent, c, "a-2", "not today")
	s.awaitState(agent, c, "a-2", "failed")
	_, other := s.begin(agent, "Ben", "Me too")
	s.must(agent.Command(s.ctx, other, "end", nil))
	s.must(agent.Command(s.ctx, other, "close", nil))
	return customer, c
}

// at is the same configuration over another data directory.
func (s *scene) at(name string) *harness.Server {
	s.t.Helper()
	other, err := harness.NewServer(binary, filepath.Join(s.Dir, name), &s.Config)
	s.must(err)
	s.t.Cleanup(other.Close)
	return other
}

// A backup is made while messages come; what was acknowledged before it began is in it, whole.
func TestBackupOfLiveServerIsRestored(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	agent := s.agent(1)
	customer, c := s.lived(agent)
	file := filepath.Join(s.Dir, "backup")
	var wait sync.WaitGroup
	stop := make(chan struct{})
	wait.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.deliver(customer.Next())
			}
		}
	})
	before := s.messages(agent, c)
	_, err := s.Run(s.ctx, "", "backup", file)
	close(stop)
	wait.Wait()
	s.must(err)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the backup is %v (%v): it must be the owner's alone", info, err)
	}
	s.must(s.Stop())

	restored := s.at("restored")
	if _, err := restored.Run(s.ctx, "", "restore", file); err != nil {
		t.Fatal(err)
	}
	if out, err := restored.Run(s.ctx, "", "fsck"); err != nil {
		t.Fatalf("fsck of what was restored: %v\n%s", err, out)
	}
	if _, err := restored.Run(s.ctx, "", "restore", file); err == nil {
		t.Error("a backup was restored over data that is there")
	}
	s.must(restored.Start(s.ctx))
	key, err := restored.Run(s.ctx, "", "user", "token", harness.Email(harness.AgentID(1)))
	s.must(err)
	again := &harness.Client{Server: restored, Key: strings.TrimSpace(key)}
	after, err := again.Messages(s.ctx, c, 0)
	s.must(err)
	if len(after) < len(before) {
		t.Fatalf("%d messages were restored, %d were there before the backup", len(after), len(before))
	}
	if diff := cmp.Diff(before, after[:len(before)]); diff != "" {
		t.Errorf("messages (-before +restored):\n%s", diff)
	}
	if content, err := again.Get(s.ctx, after[1].Attachments[0].URL); err != nil || len(content) == 0 {
		t.Errorf("the picture has %d bytes (%v)", len(content), err)
	}
	s.must(restored.Stop())
}

// export → import → export gives the same bytes.
func TestExportAndImport(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	s.lived(s.agent(1))
	running, err := s.Run(s.ctx, "", "export")
	s.must(err)
	for _, kind := range []string{"conversation", "message", "contact", "identity", "session", "outbox"} {
		if !strings.Contains(running, fmt.Sprintf("{%q:%q,", "kind", kind)) {
			t.Errorf("the export of a running server has no %s", kind)
		}
	}
	s.must(s.Stop())
	all := []string{"export", "--with-secrets", "--with-blobs"}
	first, err := s.Run(s.ctx, "", all...)
	s.must(err)
	other := s.at("imported")
	if _, err := other.Run(s.ctx, first, "import"); err != nil {
		t.Fatal(err)
	}
	if out, err := other.Run(s.ctx, "", "fsck"); err != nil {
		t.Fatalf("fsck of what was imported: %v\n%s", err, out)
	}
	second, err := other.Run(s.ctx, "", all...)
	s.must(err)
	if first != second {
		t.Errorf("an export of %d bytes came back as one of %d:\n%s", len(first), len(second),
			cmp.Diff(strings.SplitAfter(first, "\n"), strings.SplitAfter(second, "\n")))
	}
	s.must(other.Start(s.ctx))
	s.must(other.Stop())
}
