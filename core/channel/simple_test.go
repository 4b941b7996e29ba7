package channel

import (
	"os"
	"slices"
	"testing"
)

// TestPluginThatDoesNotMultiplex: it is called and reaches the host over sockets of their own, after a restart too.
func TestPluginThatDoesNotMultiplex(t *testing.T) {
	b := newBench(t, func(o *Options) {
		o.Find = func(string) (Source, bool) {
			self, err := os.Executable()
			return Source{Path: self, Env: []string{fakeVariable + "=simple"}}, err == nil
		}
	})
	l := b.run(t)
	for range 2 {
		r, err := b.post(t, "shop", "receive", nil)
		if err != nil || r.Status != 200 {
			t.Fatalf("a request that has the plugin call the host: %d %s %v\n%s", r.Status, r.Body, err, b.log)
		}
		if !slices.Contains(b.received.ids(), "pulled") {
			t.Errorf("the host received %q", b.received.ids())
		}
		if _, err := b.post(t, "shop", "crash", nil); err == nil {
			t.Error("a crash was answered")
		}
		b.hurry()
		l = b.live(t, l.generation)
	}
}
