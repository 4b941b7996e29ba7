package channel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/guichet/guichet/plugins/sdk/outbound"
)

// provider stands for the fetching of a key set.
type provider struct {
	mu      sync.Mutex
	fetches int
	ids     []string
	err     error
	slow    time.Duration
}

func (p *provider) fetch(ctx context.Context, _ string, _ bool) ([]byte, error) {
	p.mu.Lock()
	p.fetches++
	ids, err, slow := p.ids, p.err, p.slow
	p.mu.Unlock()
	pause(ctx, slow)
	var keys []string
	for _, id := range ids {
		keys = append(keys, fmt.Sprintf(`{"kid":%q}`, id))
	}
	return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`), err
}

func (p *provider) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

func withKeys(t *testing.T, test func(c *keyCache, p *provider)) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		c, p := newKeyCache(), &provider{ids: []string{"a"}}
		c.fetch = p.fetch
		test(c, p)
		c.close()
	})
}

const keyURL = "https://keys.example.com/jwks"

func TestKeysAreFetchedOnceAndKeptFresh(t *testing.T) {
	withKeys(t, func(c *keyCache, p *provider) {
		p.slow = time.Second
		c.prefetch(keyURL, false)
		var asking sync.WaitGroup
		for range 50 {
			asking.Go(func() {
				if set, err := c.get(context.Background(), keyURL, "a", false); err != nil || !strings.Contains(string(set.document), `"a"`) {
					t.Errorf("%v", err)
				}
			})
		}
		asking.Wait()
		if got := p.count(); got != 1 {
			t.Errorf("%d fetches for 50 who asked at once", got)
		}
		// Older than an hour: used, and fetched again beside.
		time.Sleep(keysFresh + time.Minute)
		start := time.Now()
		if _, err := c.get(context.Background(), keyURL, "a", false); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		time.Sleep(2 * time.Second)
		if got := p.count(); got != 2 {
			t.Errorf("%d fetches after an hour", got)
		}
		// The provider is down: the set is used for a day.
		p.set(func() { p.err, p.slow = errors.New("down"), 0 })
		time.Sleep(keysUsable - time.Hour)
		if _, err := c.get(context.Background(), keyURL, "a", false); err != nil {
			t.Errorf("while the provider is down: %v", err)
		}
		time.Sleep(2 * time.Hour)
		if _, err := c.get(context.Background(), keyURL, "a", false); err == nil {
			t.Error("a set older than a day was used")
		}
	})
}

func TestUnknownKeyIsFetchedOnceAMinute(t *testing.T) {
	withKeys(t, func(c *keyCache, p *provider) {
		if _, err := c.get(context.Background(), keyURL, "a", false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(keysRefetch)
		for range 100 {
			if _, err := c.get(context.Background(), keyURL, "new", false); err == nil {
				t.Fatal("an unknown key was found")
			}
		}
		if got := p.count(); got != 2 {
			t.Errorf("%d fetches for an unknown key within a minute", got)
		}
		p.set(func() { p.ids = []string{"a", "new"} })
		time.Sleep(keysRefetch)
		if _, err := c.get(context.Background(), keyURL, "new", false); err != nil {
			t.Errorf("after the provider published it: %v", err)
		}
	})
}

func TestKeysThatCannotBeHad(t *testing.T) {
	withKeys(t, func(c *keyCache, p *provider) {
		p.err = errors.New("down")
		for range 10 {
			if _, err := c.get(context.Background(), keyURL, "", false); err == nil {
				t.Fatal("keys came out of nothing")
			}
		}
		if got := p.count(); got != 1 {
			t.Errorf("%d fetches within a minute of a failure", got)
		}
		p.set(func() { p.slow = time.Hour })
		time.Sleep(keysRefetch)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := c.get(ctx, keyURL, "", false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a slow provider: %v", err)
		}
	})
}

func TestKeyIDs(t *testing.T) {
	for document, want := range map[string]int{
		`{"keys":[{"kid":"a"},{"kid":"b"}]}`:  2,
		`{"a":"-----BEGIN CERTIFICATE-----"}`: 1,
		`{"keys":[]}`:                         0,
		`{"error":{"code":1}}`:                0,
		`[]`:                                  0,
		`<html>`:                              0,
	} {
		ids, err := keyIDs([]byte(document))
		if len(ids) != want && err == nil || (want == 0) != (err != nil) {
			t.Errorf("%s: %v, %v", document, ids, err)
		}
	}
}

func TestOnlyPublicAddressesAreFetched(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	for _, address := range []string{server.URL, "http://example.com/k", "https://user@example.com/k"} {
		if _, err := fetchKeys(t.Context(), keysClient(false), address, false); !errors.Is(err, outbound.ErrForbidden) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestPluginsGetKeysThroughTheHost(t *testing.T) {
	var fetches atomic.Int64
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/metadata", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"issuer":"x","jwks_uri":"%s/keys"}`, server.URL)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		fetches.Add(1)
		_, _ = fmt.Fprint(w, `{"keys":[{"kid":"one"}]}`)
	})
	b := newBench(t)
	b.setup.Accounts["shop"].Test = true
	b.setup.Accounts["shop"].Settings["key_url"] = server.URL + "/metadata"
	b.setup.Accounts["strict"] = fakeAccount("strict")
	b.setup.Accounts["strict"].Settings["key_url"] = server.URL + "/metadata"
	b.run(t)
	until(t, "the keys are prefetched", func() bool { return fetches.Load() == 1 })
	r, err := b.post(t, "shop", "keys", []byte("one"))
	if err != nil || string(r.Body) != `{"keys":[{"kid":"one"}]}` {
		t.Errorf("keys: %d %s %v", r.Status, r.Body, err)
	}
	if r, err := b.post(t, "shop", "keys", []byte("two")); err != nil || r.Status != 503 {
		t.Errorf("an unknown key: %d %v", r.Status, err)
	}
	if r, err := b.post(t, "strict", "keys", []byte("one")); err != nil || r.Status != 503 {
		t.Errorf("a private address for an ordinary account: %d %v", r.Status, err)
	}
	if fetches.Load() != 1 {
		t.Errorf("%d fetches", fetches.Load())
	}
	if b.account("shop").namesKeys(server.URL + "/other") {
		t.Error("an address that was not named can be asked for")
	}
}
