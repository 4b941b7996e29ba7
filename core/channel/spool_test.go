package channel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

func callback(account string, body []byte) Request {
	return Request{
		Method: "POST", URL: "https://desk.example.com/channels/" + account + "/callback", Path: "callback", Body: body, ReceivedAt: time.Now(),
		Headers: []Header{{"Content-Type", "application/json"}, {"x-signature", sign(fakeSecret, body)}},
	}
}

// TestKillUnderLoad kills the plugin twenty times under steady load from senders that never send again, as LINE does by
// default. Everything that was answered 200 must be stored exactly once. Twenty kills in a few seconds are more than the
// policy forgives; the pauses stay, made shorter.
func TestKillUnderLoad(t *testing.T) { killUnderLoad(t, 20, 200*time.Millisecond) }

// TestKillUnderLoadWithPauses makes the pauses longer than a sender's patience, so that requests have to be spooled.
func TestKillUnderLoadWithPauses(t *testing.T) {
	if spooled := killUnderLoad(t, 3, time.Second); spooled == 0 {
		t.Error("nothing was spooled")
	}
}

func killUnderLoad(t *testing.T, kills int, longest time.Duration) (spooled uint64) {
	b := newBench(t)
	b.policy.firstBackoff, b.policy.maxBackoff, b.policy.failAfter = longest, longest, 1000
	l := b.run(t)
	var (
		accepted, refused sync.Map
		count, errorsSeen atomic.Int64
		senders           sync.WaitGroup
		stop              = make(chan struct{})
	)
	for sender := range 8 {
		senders.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("%d-%d", sender, i)
				r, err := b.HandleHTTP(context.Background(), "shop", callback("shop", ids(id)))
				if r.Status == 200 {
					count.Add(1)
					accepted.Store(id, true)
				} else {
					errorsSeen.Add(1)
					refused.Store(id, err)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	for range kills {
		time.Sleep(time.Duration(20+rand.IntN(100)) * time.Millisecond) // a process of any age
		if err := syscall.Kill(l.pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		l = b.live(t, l.generation)
	}
	close(stop)
	senders.Wait()
	until(t, "the spool is empty", func() bool { return b.memory.spoolLength() == 0 })
	until(t, "everything accepted is stored", func() bool { return int64(len(b.received.ids())) >= count.Load() })

	stored := map[string]int{}
	for _, id := range b.received.ids() {
		stored[id]++
	}
	accepted.Range(func(id, _ any) bool {
		if stored[id.(string)] != 1 {
			t.Errorf("%s was answered 200 and stored %d times", id, stored[id.(string)])
		}
		return true
	})
	refused.Range(func(id, err any) bool {
		t.Errorf("%s was refused: %v", id, err)
		return true
	})
	spooled = b.Status()[0].Spooled
	t.Logf("%d kills: %d requests answered 200 (%d of them from the spool), %d answered 503", kills, count.Load(), spooled, errorsSeen.Load())
	return spooled
}

func TestSpoolKeepsOrder(t *testing.T) {
	broken := atomic.Bool{}
	broken.Store(true)
	b := newBench(t, func(o *Options) {
		o.Find = func(name string) (Source, bool) {
			if broken.Load() {
				return Source{Path: "/no/such/file"}, true
			}
			return fakeSource(name)
		}
		o.Builtin = func(string) (*channelv1.Manifest, bool) { return fakeManifest(t), true }
	})
	if err := b.Apply(b.setup); err != nil {
		t.Fatal(err)
	}
	until(t, "the plugin backs off", func() bool { return b.Status()[0].State == BackingOff })
	for i := range 5 {
		if r, err := b.HandleHTTP(t.Context(), "shop", callback("shop", ids(strconv.Itoa(i)))); err != nil || r.Status != 200 {
			t.Fatalf("while it is down: %+v, %v", r, err)
		}
	}
	if got := b.received.ids(); len(got) != 0 || b.memory.spoolLength() != 5 {
		t.Fatalf("stored %v, spooled %d", got, b.memory.spoolLength())
	}

	// What the host cannot vouch for is refused, never with a 4xx: only the plugin knows.
	forged := callback("shop", ids("forged"))
	forged.Headers[1].Value = sign("another secret", forged.Body)
	unsigned := callback("shop", ids("unsigned"))
	unsigned.Headers = nil
	elsewhere := callback("shop", ids("elsewhere"))
	elsewhere.Path = "status"
	get := callback("shop", ids("get"))
	get.Method = "GET"
	for _, r := range []Request{forged, unsigned, elsewhere, get} {
		if got, err := b.HandleHTTP(t.Context(), "shop", r); err == nil || got.Status != 503 {
			t.Errorf("%s %s %v: %+v", r.Method, r.Path, r.Headers, got)
		}
	}
	b.memory.mu.Lock()
	b.memory.failPut = errors.New("the disk is full")
	b.memory.mu.Unlock()
	if got, err := b.HandleHTTP(t.Context(), "shop", callback("shop", ids("full"))); err == nil || got.Status != 503 {
		t.Errorf("with a full disk: %+v", got)
	}

	broken.Store(false)
	b.hurry()
	b.live(t, 0)
	if r, err := b.HandleHTTP(t.Context(), "shop", callback("shop", ids("5"))); err != nil || r.Status != 200 {
		t.Fatalf("when it is up: %+v, %v", r, err)
	}
	if got := b.received.ids(); !slices.Equal(got, []string{"0", "1", "2", "3", "4", "5"}) {
		t.Errorf("stored %v", got)
	}
}

func TestSpoolOfAnEarlierRunComesFirst(t *testing.T) {
	b := newBench(t)
	b.policy.spoolPause = 10 * time.Millisecond
	for _, body := range [][]byte{ids("old-1"), ids("panic"), []byte("not json"), ids("old-2")} {
		r := callback("shop", body)
		raw, err := proto.Marshal(requestOf("shop", &r))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.memory.Put(t.Context(), "shop", raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.memory.Put(t.Context(), "shop", []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	b.run(t)
	until(t, "the spool is empty", func() bool { return b.memory.spoolLength() == 0 })
	if r, err := b.HandleHTTP(t.Context(), "shop", callback("shop", ids("new"))); err != nil || r.Status != 200 {
		t.Fatalf("a new one: %+v, %v", r, err)
	}
	// What the plugin cannot handle was acknowledged all the same: it is kept as it came, and does not block the rest.
	var got []string
	for _, e := range b.received.events {
		if e.Kind == core.InUnknown {
			got = append(got, "raw:"+string(e.Raw))
			continue
		}
		got = append(got, e.ID)
	}
	if want := []string{"old-1", `raw:["panic"]`, "raw:not json", "old-2", "raw:damaged", "new"}; !slices.Equal(got, want) {
		t.Errorf("stored %q, want %q", got, want)
	}
	for range 2 {
		if a := <-b.alerts; a.Code != "request-not-understood" || a.Account != "shop" {
			t.Errorf("alert %+v", a)
		}
	}
}

func TestVerifier(t *testing.T) {
	body := []byte("body")
	for _, c := range []struct {
		name string
		v    *channelv1.Verification
		ok   bool
	}{
		{"unknown algorithm", &channelv1.Verification{Algorithm: "rot13", Encoding: "hex", Header: "H", SecretSetting: "s"}, false},
		{"unknown encoding", &channelv1.Verification{Algorithm: "hmac-sha1", Encoding: "base32", Header: "H", SecretSetting: "s"}, false},
		{"no secret", &channelv1.Verification{Algorithm: "hmac-sha1", Encoding: "hex", Header: "H", SecretSetting: "absent"}, false},
		{"none declared", nil, false},
		{"known", &channelv1.Verification{Algorithm: "hmac-sha512", Encoding: "hex", Header: "H", SecretSetting: "s"}, true},
	} {
		if got := newVerifier(c.v, map[string]any{"s": "key"}); (got != nil) != c.ok {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	v := newVerifier(&channelv1.Verification{
		Algorithm: "hmac-sha256", Encoding: "base64", Header: "X-Line-Signature", SecretSetting: "s", Path: "/callback",
	}, map[string]any{"s": "key"})
	request := func(header, value string) *channelv1.HTTPRequest {
		return &channelv1.HTTPRequest{Method: "POST", Path: "callback", Body: body, Headers: []*channelv1.Header{{Name: header, Value: value}}}
	}
	good := sign("key", body)
	for value, want := range map[string]bool{
		good: true, strings.TrimRight(good, "="): false, good[:len(good)-4]: false, "": false, sign("other", body): false,
	} {
		if got := v.verified(request("x-line-signature", value)); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
	replaced := newVerifier(&channelv1.Verification{
		Algorithm: "hmac-sha256", Encoding: "base64", Header: "H", SecretSetting: "s", PreviousSecretSetting: "p",
	}, map[string]any{"s": "key", "p": "former"})
	for secret, want := range map[string]bool{"key": true, "former": true, "other": false, "": false} {
		r := request("H", sign(secret, body))
		r.Path = ""
		if got := replaced.verified(r); got != want {
			t.Errorf("while the secret is replaced, signed with %q: %v", secret, got)
		}
		if got := newVerifier(&channelv1.Verification{
			Algorithm: "hmac-sha256", Encoding: "base64", Header: "H", SecretSetting: "s", PreviousSecretSetting: "p",
		}, map[string]any{"s": "key", "p": ""}).verified(r); got != (secret == "key") {
			t.Errorf("without a previous secret, signed with %q: %v", secret, got)
		}
	}
	if v.verified(request("X-Other", good)) {
		t.Error("another header counted")
	}
	if v.status != 200 {
		t.Errorf("status %d", v.status)
	}
}
