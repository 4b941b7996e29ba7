package config

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// memoryHistory keeps versions in memory; its seal is visible, so that a test can see that it was used.
type memoryHistory struct {
	mu       sync.Mutex
	versions []Version
	failSave error
}

func (h *memoryHistory) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failSave = err
}

func (h *memoryHistory) LastApplied(context.Context) (Version, bool, error) {
	if len(h.versions) == 0 {
		return Version{}, false, nil
	}
	return h.versions[len(h.versions)-1], true, nil
}

func (h *memoryHistory) SaveApplied(_ context.Context, v Version) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failSave != nil {
		return h.failSave
	}
	h.versions = append(h.versions, v)
	return nil
}

func (h *memoryHistory) Seal(plain []byte) ([]byte, error) {
	sealed := bytes.Clone(plain)
	for i := range sealed {
		sealed[i] ^= 0x5A
	}
	return sealed, nil
}
func (h *memoryHistory) Open(sealed []byte) ([]byte, error) { return h.Seal(sealed) }
func (h *memoryHistory) FingerprintKey() []byte             { return []byte("key") }

// desk is an application: it remembers what it was given and may refuse.
type desk struct {
	t         *testing.T
	mu        sync.Mutex
	path      string
	history   *memoryHistory
	env       Environment
	revisions []int
	queues    []string // of the version in force
	refuse    error
	reported  []Problems
}

func newDesk(t *testing.T) *desk {
	return &desk{t: t, path: filepath.Join(t.TempDir(), "guichet.toml"), history: &memoryHistory{}, env: testEnvironment()}
}

func (d *desk) source(required bool) *Source {
	return NewSource(Options{Path: d.path, Required: required, Environment: d.env, History: d.history,
		Apply: func(_ context.Context, c *Config, revision int) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.refuse != nil {
				return d.refuse
			}
			d.revisions = append(d.revisions, revision)
			d.queues = nil
			for id := range c.Setup(revision).Queues {
				d.queues = append(d.queues, id)
			}
			slices.Sort(d.queues)
			return nil
		},
		Report: func(p Problems) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.reported = append(d.reported, p)
		},
	})
}

func (d *desk) write(text string) {
	d.t.Helper()
	if err := os.WriteFile(d.path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) inForce(queues string, revisions ...int) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if got := strings.Join(d.queues, " "); got != queues || !slices.Equal(d.revisions, revisions) {
		d.t.Fatalf("in force: queues %q after revisions %v; want %q after %v", got, d.revisions, queues, revisions)
	}
}

func queueText(ids ...string) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString("[[queue]]\nid = " + quote(id) + "\n")
	}
	return b.String()
}
