package channel

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

const anAPIKey = "gck_0123456789abcdefghijABCDEFGHIJ01"

// credentials are what somebody may send, and what a plugin sees of it.
var credentials = map[string]string{
	"Bearer of-theirs": "Bearer of-theirs", "Bearer gck_short": "Bearer gck_short",
	"Bearer " + anAPIKey: "", "bearer  " + anAPIKey + " ": "", anAPIKey: "",
}

// TestNoCredentialOfOursGoesToPlugins sends the host's own credentials the way of each request; live connections have
// TestLiveRequest.
func TestNoCredentialOfOursGoesToPlugins(t *testing.T) {
	b := newBench(t)
	b.run(t)
	for _, name := range []string{"Cookie", "cookie", "COOKIE"} {
		for authorization, want := range credentials {
			r, err := b.HandleHTTP(t.Context(), "shop", Request{Method: "POST", Path: "headers", Headers: []Header{
				{name, "guichet=1"}, {"authorization", authorization}, {name, "guichet=2"}, {"X-Other", "kept"},
			}})
			if got, want := string(r.Body), "|"+want+"|kept"; err != nil || got != want {
				t.Errorf("with %s and %q the plugin saw %q, want %q (%v)", name, authorization, got, want, err)
			}
		}
	}
}

// TestNoCredentialOfOursIsSpooled looks at what lies on the disk while the plugin is down.
func TestNoCredentialOfOursIsSpooled(t *testing.T) {
	b := newBench(t, func(o *Options) {
		o.Find = func(string) (Source, bool) { return Source{Path: "/no/such/file"}, true }
		o.Builtin = func(string) (*channelv1.Manifest, bool) { return fakeManifest(t), true }
	})
	if err := b.Apply(b.setup); err != nil {
		t.Fatal(err)
	}
	until(t, "the plugin backs off", func() bool { return b.Status()[0].State == BackingOff })
	request := callback("shop", ids("1"))
	request.Headers = append(request.Headers, Header{"Cookie", "guichet=1"}, Header{"Authorization", "Bearer " + anAPIKey})
	if r, err := b.HandleHTTP(t.Context(), "shop", request); err != nil || r.Status != 200 {
		t.Fatalf("while it is down: %+v, %v", r, err)
	}
	looked := errors.New("one is enough")
	err := b.memory.Each(t.Context(), "shop", func(_ string, raw []byte) error {
		var kept channelv1.HTTPRequest
		if err := proto.Unmarshal(raw, &kept); err != nil {
			return err
		}
		if len(kept.GetHeaders()) != 2 || strings.Contains(string(raw), "guichet=1") || strings.Contains(string(raw), anAPIKey) {
			t.Errorf("the spool holds %v", kept.GetHeaders())
		}
		return looked
	})
	if !errors.Is(err, looked) {
		t.Errorf("nothing was spooled: %v", err)
	}
}
