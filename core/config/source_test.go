package config

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/guichet/guichet/core"
)

func TestWithoutFileTheDefaultsHold(t *testing.T) {
	d := newDesk(t)
	s := d.source(false)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.inForce("general", 1)
	if c, revision := s.Current(); c == nil || revision != 1 || s.Problems() != nil {
		t.Errorf("revision %d, problems %v", revision, s.Problems())
	}
}

func TestAskedForFileMustExist(t *testing.T) {
	d := newDesk(t)
	err := d.source(true).Start(t.Context())
	var problems Problems
	if !errors.As(err, &problems) || !strings.Contains(problems[0].Message, "no such file") {
		t.Errorf("err %v", err)
	}
	d.inForce("")

	// Once a version was applied, a file that is missing leaves it in force like any other bad file.
	d.write(queueText("a"))
	if err := d.source(true).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(d.path); err != nil {
		t.Fatal(err)
	}
	s := d.source(true)
	if err := s.Start(t.Context()); err != nil || len(s.Problems()) != 1 {
		t.Errorf("err %v, banner %v", err, s.Problems())
	}
	d.inForce("a", 1, 1)
}

func TestBadFileLeavesTheLastGoodVersionInForce(t *testing.T) {
	d := newDesk(t)
	d.write(queueText("a"))
	s := d.source(false)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.write("[[queue]]\nid = 5\n")
	if err := s.Reload(t.Context(), "test"); err == nil {
		t.Fatal("a bad file was taken")
	}
	d.inForce("a", 1)
	if p := s.Problems(); len(p) != 1 || p[0].Line != 2 {
		t.Errorf("banner %v", p)
	}

	// Also after a restart.
	d.queues = nil
	s = d.source(false)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.inForce("a", 1, 1)
	if c, revision := s.Current(); revision != 1 || !strings.Contains(c.name(), "version 1") || len(s.Problems()) != 1 {
		t.Errorf("%s, revision %d, problems %v", c.name(), revision, s.Problems())
	}

	// Mending it makes the next version; going back to the old text as well.
	d.write(queueText("a", "b"))
	if err := s.Reload(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	d.inForce("a b", 1, 1, 2)
	d.write(queueText("a"))
	if err := s.Reload(t.Context(), "test"); err != nil || s.Problems() != nil {
		t.Fatal(err)
	}
	d.inForce("a", 1, 1, 2, 3)
	if len(d.history.versions) != 3 {
		t.Errorf("history has %d versions", len(d.history.versions))
	}
}

func TestSameTextIsTheSameVersion(t *testing.T) {
	d := newDesk(t)
	d.write(queueText("a"))
	s := d.source(false)
	for range 3 {
		if err := s.Reload(t.Context(), "test"); err != nil {
			t.Fatal(err)
		}
	}
	d.inForce("a", 1)
	if err := d.source(false).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.inForce("a", 1, 1)
	if len(d.history.versions) != 1 {
		t.Errorf("history has %d versions", len(d.history.versions))
	}
}

func TestTheDeskMayRefuse(t *testing.T) {
	d := newDesk(t)
	d.write(queueText("a", "b"))
	s := d.source(false)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.write(queueText("a"))
	d.refuse = Problems{{File: d.path, Path: "queue[b]", Message: "3 open conversations wait in it."}}
	if err := s.Reload(t.Context(), "test"); !strings.Contains(err.Error(), "open conversations") {
		t.Errorf("err %v", err)
	}
	d.refuse = core.Errorf(core.StorageFull, "The disk is full: %w", errors.New("secret detail"))
	if err := s.Reload(t.Context(), "test"); !strings.Contains(err.Error(), "disk is full") || strings.Contains(err.Error(), "detail") {
		t.Errorf("err %v", err)
	}
	d.inForce("a b", 1)
	if len(d.history.versions) != 1 {
		t.Error("a refused version is in the history")
	}

	// A file that was changed while the server was down and is refused now leaves the last version in force.
	d.refuse = nil
	refusals := 0
	next := d.source(false)
	apply := next.options.Apply
	next.options.Apply = func(ctx context.Context, c *Config, revision int) error {
		if len(c.Queues) == 1 {
			refusals++
			return Problems{{Message: "3 open conversations wait in it."}}
		}
		return apply(ctx, c, revision)
	}
	if err := next.Start(t.Context()); err != nil || refusals != 1 {
		t.Fatalf("err %v after %d refusals", err, refusals)
	}
	d.inForce("a b", 1, 1)
}

func TestAFileThatIsGoneDoesNotMeanDefaults(t *testing.T) {
	d := newDesk(t)
	d.write(queueText("a"))
	if err := d.source(false).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(d.path); err != nil {
		t.Fatal(err)
	}
	s := d.source(false)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.inForce("a", 1, 1)
	if p := s.Problems(); len(p) != 1 || !strings.Contains(p[0].Message, "gone") {
		t.Errorf("banner %v", p)
	}
	d.write("")
	if err := s.Reload(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	d.inForce("general", 1, 1, 2)
}

func TestHistoryHasNoReadableSecret(t *testing.T) {
	d := newDesk(t)
	d.write(lineAccount + "[mail]\nhost = \"h\"\nfrom = \"a@b.example\"\npassword = { file = \"token\" }\n")
	if err := d.source(false).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := d.history.versions[0]
	for _, secret := range []string{"s3cret-value", "from-env"} {
		if bytes.Contains(v.Redacted, []byte(secret)) || bytes.Contains(v.Sealed, []byte(secret)) || strings.Contains(v.Hash, secret) {
			t.Errorf("%q is readable in %s / %q", secret, v.Redacted, v.Sealed)
		}
	}
	if v.Revision != 1 || v.Who != "start" || v.When.IsZero() {
		t.Errorf("version %+v", v)
	}

	// A variable that has gone makes the file bad, but the last version remembers it.
	d.env.Env = nil
	s := d.source(false)
	s.options.Environment.Env = func(string) (string, bool) { return "", false }
	s.options.Environment.File = func(string) (string, error) { return "", os.ErrNotExist }
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, _ := s.Current()
	if got := c.Setup(1).Accounts["shop-line"].Settings["channel_access_token"]; got != "from-env" || c.Mail.Password != "from-file" || len(s.Problems()) != 2 {
		t.Errorf("token %v, problems %v", got, s.Problems())
	}
	// A variable that has changed is a new version of the same text.
	s.options.Environment.Env = func(string) (string, bool) { return "rotated", true }
	s.options.Environment.File = d.env.File
	if err := s.Reload(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	if _, revision := s.Current(); revision != 2 {
		t.Errorf("revision %d", revision)
	}
}

// TestTheFileIsFollowed runs in fake time: each step of the test is followed by seconds in which the file is looked at.
func TestTheFileIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.write(queueText("a"))
		s := d.source(false)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		signals := make(chan os.Signal)
		done := make(chan error)
		go func() { done <- s.Run(ctx, signals) }()
		after := func(seconds int) {
			time.Sleep(time.Duration(seconds)*pollEvery + pollEvery/2)
			synctest.Wait()
		}
		after(3)
		d.inForce("a", 1)
		d.mu.Lock()
		if len(d.reported) != 1 {
			t.Errorf("an unchanged file was read %d times", len(d.reported))
		}
		d.mu.Unlock()

		// Written in place: one look sees the change, the next one sees that it has settled.
		d.write(queueText("a", "b"))
		after(0)
		d.inForce("a", 1)
		after(1)
		d.inForce("a b", 1, 2)

		// Still being written: every look finds it different.
		d.write(queueText("a"))
		after(0)
		d.write(queueText("a") + "# more to come\n")
		after(0)
		d.inForce("a b", 1, 2)
		d.write(queueText("a", "b", "c"))
		after(2)
		d.inForce("a b c", 1, 2, 3)

		// Renamed over, as editors do, with the same size.
		next := d.path + "~"
		if err := os.WriteFile(next, []byte(queueText("a", "b", "d")), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, d.path); err != nil {
			t.Fatal(err)
		}
		after(2)
		d.inForce("a b d", 1, 2, 3, 4)

		if err := os.Remove(d.path); err != nil {
			t.Fatal(err)
		}
		after(2)
		if p := s.Problems(); len(p) != 1 || !strings.Contains(p[0].Message, "gone") {
			t.Errorf("banner %v", p)
		}

		// A signal reads at once.
		d.write(queueText("e"))
		signals <- syscall.SIGHUP
		synctest.Wait()
		d.inForce("e", 1, 2, 3, 4, 5)
		if s.Problems() != nil {
			t.Errorf("banner %v", s.Problems())
		}
		close(signals)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
}

func TestLocate(t *testing.T) {
	t.Chdir(t.TempDir())
	if path, required := Locate("x.toml", "data"); path != "x.toml" || !required {
		t.Errorf("asked: %s %v", path, required)
	}
	if path, required := Locate("", "data"); path != filepath.Join("data", "guichet.toml") || required {
		t.Errorf("nothing there: %s %v", path, required)
	}
	if err := os.WriteFile("guichet.toml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if path, required := Locate("", "data"); path != "guichet.toml" || required {
		t.Errorf("in the working directory: %s %v", path, required)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "desk.toml")
	if _, problems := Load(path, Environment{}); len(problems) != 1 || !strings.Contains(problems[0].Remedy, "config example") {
		t.Errorf("absent: %v", problems)
	}
	if _, problems := Load(dir, Environment{}); len(problems) != 1 {
		t.Errorf("a folder: %v", problems)
	}
	if err := os.WriteFile(path, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, problems := Load(path, Environment{}); len(problems) != 1 || !strings.Contains(problems[0].Message, "larger") {
		t.Errorf("too large: %v", problems)
	}
	if err := os.WriteFile(path, []byte("[mail]\nhost = \"h\"\nfrom = \"a@b.example\"\npassword = { file = \"pw\" }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pw"), []byte("secret\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, problems := Load(path, Environment{})
	if problems != nil || c.Mail.Password != "secret" {
		t.Errorf("problems %v", problems)
	}
}

// TestDefaultsHaveAWebChat starts without a file where there is a plugin for web chats, also on data that ran with the
// defaults of an earlier version: those are no file that has gone.
func TestDefaultsHaveAWebChat(t *testing.T) {
	former := newDesk(t)
	if err := former.source(false).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := former.history.versions[0].Redacted; !isFormerDefault(got) {
		t.Errorf("the defaults without a chat are those of the earlier version; not known is\n%s", got)
	}
	d := newDesk(t)
	d.history = former.history
	plugins := d.env.Plugin
	d.env.Plugin = func(name string) (core.PluginSchema, bool) {
		if name == chatPlugin {
			return core.PluginSchema{Plugin: name, Live: true}, true
		}
		return plugins(name)
	}
	s := d.source(false)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.inForce("general", 2)
	c, _ := s.Current()
	setup := c.Setup(1)
	ch := setup.Channels["website"]
	if len(s.Problems()) != 0 || ch == nil || ch.Widget == nil || setup.Workstreams[ch.Workstream].FallbackQueue != "general" {
		t.Fatalf("problems %v, setup %+v", s.Problems(), setup)
	}
	// Adding a person writes the chat into the file with everything else.
	if err := appendAgent(t, d.path, core.Agent{Email: "ada@example.com"}, d.env); err != nil {
		t.Fatal(err)
	}
	if written := mustDecode(t, read(t, d.path), d.env).Setup(1); written.Channels["website"] == nil || written.Agents["ada"] == nil {
		t.Errorf("written: %+v", written)
	}
}
