package endtoend

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/kv/badgerkv"
	"github.com/guichet/guichet/core/store"
	"github.com/guichet/guichet/scripts/load/harness"
)

// approvedEcho approves the echo channel of others and lets a customer and an agent talk over it. It returns the hash that
// was approved and the conversation.
func (s *scene) approvedEcho(agent *harness.Client, boss *harness.Client) (hash, conversation string) {
	s.t.Helper()
	dir := filepath.Join(s.t.TempDir(), "echo")
	s.bundle(dir, echoBundle, "./plugins/sdk/examples/echo")
	_, err := s.Run(s.ctx, "", "plugin", "approve", dir, "--yes")
	s.must(err)
	s.Config.More = echoAccount
	s.must(s.Configure(s.Config.TOML()))
	s.await("the channel takes messages", func() bool { return s.plugin(boss, "echo").State == "running" })
	s.writesToEcho("m1", "is anybody there?")
	conversation = s.accept(agent)
	s.say(agent, conversation, "a-1", "yes")
	s.awaitState(agent, conversation, "a-1", "sent")
	return s.plugin(boss, "echo").SHA256, conversation
}

// The person that goes on working in a restored server.
func (s *scene) inRestored(at *harness.Server, email string) *harness.Client {
	s.t.Helper()
	key, err := at.Run(s.ctx, "", "user", "token", email)
	s.must(err)
	return &harness.Client{Server: at, Key: strings.TrimSpace(key)}
}

// What was approved runs after a restore, in and out, and nobody approves it again. A copy that is not what was approved is
// not taken along, and the backup says so.
func TestApprovedPluginIsRestoredWithABackup(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	agent, boss := s.agent(1), s.join(harness.Supervisor.ID)
	hash, c := s.approvedEcho(agent, boss)
	file := filepath.Join(s.Dir, "backup")
	out, err := s.Run(s.ctx, "", "backup", file)
	if err != nil || !strings.Contains(out, "is complete and was read back") {
		t.Fatalf("%s %v", out, err)
	}

	// The copy is damaged while its plugin runs.
	program := filepath.Join(s.Data(), "plugins", hash, "echo")
	kept, err := os.ReadFile(program)
	s.must(err)
	swap := func(content []byte) {
		s.must(errors.Join(os.Chmod(filepath.Dir(program), 0o700), os.Remove(program), os.WriteFile(program, content, 0o500)))
	}
	swap([]byte("#!/bin/sh\n"))
	out, err = s.Run(s.ctx, "", "backup", filepath.Join(s.Dir, "lacking"))
	if err != nil || !strings.Contains(out, "something is not in it") || !strings.Contains(out, "echo 1 (sha256 "+hash+"): the file echo was changed") {
		t.Errorf("a backup without the copy: %s %v", out, err)
	}
	swap(kept)
	s.must(s.Stop())

	lacking := s.at("lacking-restored")
	out, err = lacking.Run(s.ctx, "", "restore", filepath.Join(s.Dir, "lacking"))
	if err != nil || !strings.Contains(out, "the file echo was changed") {
		t.Errorf("restoring it: %s %v", out, err)
	}

	restored := s.at("restored")
	_, err = restored.Run(s.ctx, "", "restore", file)
	s.must(err)
	s.must(restored.Start(s.ctx))
	s.Server = restored // what is asked of the scene is asked of this server now
	agent, boss = s.inRestored(restored, harness.Email(harness.AgentID(1))), s.inRestored(restored, harness.Email(harness.Supervisor.ID))
	s.await("the plugin runs", func() bool { return s.plugin(boss, "echo").State == "running" })
	if p := s.plugin(boss, "echo"); p.SHA256 != hash || p.Kind != "third-party" {
		t.Errorf("what runs: %+v", p)
	}
	s.writesToEcho("m2", "are you back?")
	s.await("the message has come", func() bool {
		messages := s.messages(agent, c)
		return messages[len(messages)-1].Text == "are you back?"
	})
	s.say(agent, c, "a-2", "we are")
	s.awaitState(agent, c, "a-2", "sent")
}

// forgedCopies are approved copies with one that somebody has changed in the backup.
type forgedCopies struct {
	shelf *channel.Shelf
	hash  string
}

func (f forgedCopies) Approved() []store.PluginCopy {
	return []store.PluginCopy{{Hash: f.hash, Name: "echo"}}
}

func (f forgedCopies) Files(hash string) ([]store.PluginFile, error) {
	files, err := f.shelf.Files(hash)
	for i, file := range files {
		if file.Executable {
			files[i].Write = func(w io.Writer) error {
				if err := file.Write(w); err != nil {
					return err
				}
				_, err := io.WriteString(w, "and something else")
				return err
			}
		}
	}
	return files, err
}

// A backup is not trusted for what it brings: a plugin of which it holds other bytes is restored, not run, and says why.
func TestForgedPluginOfABackupIsNotRun(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	hash, _ := s.approvedEcho(s.agent(1), s.join(harness.Supervisor.ID))
	s.must(s.Stop())
	shelf, err := channel.NewShelf(s.Data())
	s.must(err)
	db, err := badgerkv.Open(badgerkv.Options{Dir: filepath.Join(s.Data(), "db")})
	s.must(err)
	file := filepath.Join(s.Dir, "forged")
	f, err := os.Create(file)
	s.must(err)
	s.must(store.WriteBackup(s.ctx, f, db, store.Schema, store.BackupOptions{Created: time.Now(), Plugins: forgedCopies{shelf, hash}}))
	s.must(errors.Join(db.Close(), f.Close()))

	restored := s.at("restored")
	_, err = restored.Run(s.ctx, "", "restore", file)
	s.must(err)
	if info, err := os.Stat(filepath.Join(restored.Data(), "plugins", hash, "echo")); err != nil || info.Mode().Perm() != 0o500 {
		t.Fatalf("the copy is %v, %v", info, err)
	}
	s.must(restored.Launch(s.ctx)) // not ready: it has a plugin that does not run
	s.Server = restored
	boss := s.inRestored(restored, harness.Email(harness.Supervisor.ID))
	const why = "the file echo was changed after it was approved: it is not run"
	s.await("it is said why the plugin is not run", func() bool {
		p := s.plugin(boss, "echo")
		return p.LastExit != nil && strings.Contains(p.LastExit.Reason, why)
	})
	if p := s.plugin(boss, "echo"); p.State == "running" {
		t.Errorf("it runs: %+v", p)
	}
	if response, err := http.Post(s.URL()+"/channels/echo-shop/callback", "text/plain", strings.NewReader("hello")); err != nil || response.StatusCode == http.StatusOK {
		t.Errorf("it takes messages: %v, %v", response, err)
	} else {
		_ = response.Body.Close()
	}
}
