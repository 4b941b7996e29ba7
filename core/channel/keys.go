package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk/outbound"
)

const (
	keysFresh    = time.Hour      // a set older than this is fetched again beside its use
	keysUsable   = 24 * time.Hour // one older than this is not used
	keysRefetch  = time.Minute    // between fetches for unknown keys, and after failures
	keysMaxBytes = 1 << 20
)

// keyCache fetches and keeps the key sets that providers publish. Each address is fetched once at a time, whoever asks.
type keyCache struct {
	life context.Context
	end  context.CancelFunc
	work sync.WaitGroup
	// fetch is replaced in tests.
	fetch func(ctx context.Context, address string, test bool) ([]byte, error)

	mu      sync.Mutex
	entries map[keyAddress]*keyEntry
}

// keyAddress separates what test accounts may fetch from what others may.
type keyAddress struct {
	url  string
	test bool
}

// keySet is a document with the ids of the keys in it; immutable.
type keySet struct {
	document  []byte
	ids       map[string]bool
	fetchedAt time.Time
}

type keyEntry struct {
	set     *keySet
	err     error     // of the last fetch
	tried   time.Time // start of the last fetch
	running chan struct{}
}

func newKeyCache() *keyCache {
	c := &keyCache{entries: map[keyAddress]*keyEntry{}}
	c.life, c.end = context.WithCancel(context.Background())
	clients := map[bool]*http.Client{false: keysClient(false), true: keysClient(true)}
	c.fetch = func(ctx context.Context, address string, test bool) ([]byte, error) {
		return fetchKeys(ctx, clients[test], address, test)
	}
	return c
}

// keysClient fetches keys for ordinary or for test accounts.
func keysClient(test bool) *http.Client {
	return outbound.Client(outbound.Options{Test: test, Redirects: 2, Answer: 5 * time.Second, Whole: 10 * time.Second})
}

func (c *keyCache) close() {
	c.end()
	c.work.Wait()
}

// prefetch begins to fetch a set that is not there yet.
func (c *keyCache) prefetch(address string, test bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entry(keyAddress{address, test}); e.set == nil {
		c.refresh(keyAddress{address, test}, e)
	}
}

// get returns the set with the wanted key, from memory where it can. Any error means that nobody knows whether the key
// is good: the request that needs it is to be repeated.
func (c *keyCache) get(ctx context.Context, address, id string, test bool) (*keySet, error) {
	at := keyAddress{address, test}
	for fetched := false; ; fetched = true {
		c.mu.Lock()
		e := c.entry(at)
		set, age := e.set, time.Duration(0)
		if set != nil {
			age = time.Since(set.fetchedAt)
		}
		if set != nil && age < keysUsable && (id == "" || set.ids[id]) {
			if age > keysFresh {
				c.refresh(at, e)
			}
			c.mu.Unlock()
			return set, nil
		}
		running := c.refresh(at, e)
		err := e.err
		c.mu.Unlock()
		if running == nil || fetched {
			switch {
			case err != nil:
				return nil, fmt.Errorf("the keys of %s could not be fetched: %w", address, err)
			case set != nil && age < keysUsable:
				return nil, fmt.Errorf("the keys of %s do not have the id %q", address, id)
			}
			return nil, fmt.Errorf("the keys of %s are not there yet", address)
		}
		select {
		case <-running:
		case <-ctx.Done():
			return nil, fmt.Errorf("the keys of %s are still being fetched: %w", address, ctx.Err())
		}
	}
}

func (c *keyCache) entry(at keyAddress) *keyEntry {
	e := c.entries[at]
	if e == nil {
		e = &keyEntry{}
		c.entries[at] = e
	}
	return e
}

// refresh begins a fetch, or joins the one that runs; it returns nil when the last one is too recent. The caller holds
// mu. A fetch goes on when those who wait for it have lost patience.
func (c *keyCache) refresh(at keyAddress, e *keyEntry) <-chan struct{} {
	if e.running != nil {
		return e.running
	}
	if !e.tried.IsZero() && time.Since(e.tried) < keysRefetch || c.life.Err() != nil {
		return nil
	}
	running := make(chan struct{})
	e.running, e.tried = running, time.Now()
	c.work.Go(func() {
		document, err := c.fetch(c.life, at.url, at.test)
		var ids map[string]bool
		if err == nil {
			ids, err = keyIDs(document)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		e.err = err
		if err == nil {
			e.set = &keySet{document: document, ids: ids, fetchedAt: time.Now()}
		}
		e.running = nil
		close(running)
	})
	return running
}

// keyIDs finds the ids of the keys in a JSON Web Key Set, or in an object from ids to certificates (as Google publishes
// them).
func keyIDs(document []byte) (map[string]bool, error) {
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("not a key set: %w", err)
	}
	ids := map[string]bool{}
	for _, key := range set.Keys {
		ids[key.ID] = true
	}
	if set.Keys == nil {
		var certificates map[string]string
		if json.Unmarshal(document, &certificates) != nil {
			return nil, errors.New("not a key set")
		}
		for id := range certificates {
			ids[id] = true
		}
	}
	if len(ids) == 0 {
		return nil, errors.New("a key set without keys")
	}
	return ids, nil
}

// fetchKeys gets a key set; from OpenID metadata it follows jwks_uri.
func fetchKeys(ctx context.Context, client *http.Client, address string, test bool) ([]byte, error) {
	document, err := fetchDocument(ctx, client, address, test)
	if err != nil {
		return nil, err
	}
	var metadata struct {
		Keys json.RawMessage `json:"keys"`
		URI  string          `json:"jwks_uri"`
	}
	if json.Unmarshal(document, &metadata) == nil && metadata.Keys == nil && metadata.URI != "" {
		return fetchDocument(ctx, client, metadata.URI, test)
	}
	return document, nil
}

func fetchDocument(ctx context.Context, client *http.Client, address string, test bool) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("malformed address")
	}
	if err := outbound.Check(u, test); err != nil {
		return nil, fmt.Errorf("%s: %w", u.Redacted(), err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", u.Redacted(), response.Status)
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, keysMaxBytes+1))
	if err == nil && len(document) > keysMaxBytes {
		err = fmt.Errorf("%s is larger than %d bytes", u.Redacted(), keysMaxBytes)
	}
	return document, err
}
