package line

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/plugins/sdk"
)

// host is a fake sdk.Host that keeps media and state in memory.
type host struct {
	scheme string // of published addresses

	mu        sync.Mutex
	state     map[string][]byte
	media     map[string]stored
	published int
	broken    error // every call fails with this
}

type stored struct {
	kind, name string
	content    []byte
}

func newHost() *host {
	return &host{scheme: "https", state: map[string][]byte{}, media: map[string]stored{}}
}

// add stores content and returns it as an attachment to send.
func (h *host) add(mimeType, name string, content []byte) sdk.OutgoingAttachment {
	handle, _ := h.PutMedia(context.Background(), mimeType, name, bytes.NewReader(content))
	return sdk.OutgoingAttachment{Handle: handle, Type: mimeType, Name: name, Size: int64(len(content))}
}

func (h *host) Receive(context.Context, *sdk.Cursor, ...sdk.Event) error {
	return errors.New("the line plugin does not pull")
}

func (h *host) Conversations() sdk.Conversations { return nil }

func (h *host) GetState(_ context.Context, key string) ([]byte, uint64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken != nil {
		return nil, 0, h.broken
	}
	value, ok := h.state[key]
	if !ok {
		return nil, 0, sdk.ErrStateAbsent
	}
	return value, 1, nil
}

func (h *host) SetState(_ context.Context, key string, value []byte) (uint64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken != nil {
		return 0, h.broken
	}
	h.state[key] = bytes.Clone(value)
	return 1, nil
}

func (h *host) CompareAndSetState(ctx context.Context, key string, value []byte, _ uint64) (uint64, error) {
	return h.SetState(ctx, key, value)
}

func (h *host) DeleteState(_ context.Context, key string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.state, key)
	return h.broken
}

func (h *host) ListState(_ context.Context, prefix string) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var keys []string
	for key := range h.state {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	return keys, h.broken
}

func (h *host) Keys(context.Context, string, string) ([]byte, error) {
	return nil, sdk.ErrKeysUnavailable
}

func (h *host) PutMedia(_ context.Context, mimeType, name string, r io.Reader) (string, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	handle := fmt.Sprintf("media-%d", len(h.media)+1)
	h.media[handle] = stored{mimeType, name, content}
	return handle, h.broken
}

func (h *host) GetMedia(_ context.Context, handle string) (*sdk.Media, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m, ok := h.media[handle]
	if !ok {
		return nil, errors.New("no such media")
	}
	return &sdk.Media{Type: m.kind, Name: m.name, Size: int64(len(m.content)), Body: io.NopCloser(bytes.NewReader(m.content))}, nil
}

// PublishMedia signs a new address each time, as the real host does.
func (h *host) PublishMedia(_ context.Context, handle string, _ time.Duration) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.published++
	return fmt.Sprintf("%s://shop.example/media/%s?signature=%d", h.scheme, handle, h.published), h.broken
}

func (h *host) stateKeys() []string {
	keys, _ := h.ListState(context.Background(), "")
	return keys
}

// platform starts a fake LINE, validating against LINE's own description where that is at hand.
func platform(t *testing.T, opts linetest.Options) *linetest.Platform {
	t.Helper()
	opts.Spec = messagingSpec(t)
	p, err := linetest.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	t.Cleanup(func() {
		if v := p.Violations(); len(v) > 0 && !t.Failed() {
			t.Errorf("the plugin broke the protocol: %q", v)
		}
	})
	return p
}

var loadSpec = sync.OnceValues(func() (*linetest.Spec, error) {
	return linetest.LoadSpec(filepath.Join(specDir(), "messaging-api.yml"))
})

// messagingSpec is LINE's description of its calls, nil where it is not at hand.
func messagingSpec(t *testing.T) *linetest.Spec {
	t.Helper()
	if specDir() == "" {
		return nil
	}
	spec, err := loadSpec()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// settingsOf decodes a platform's settings as the SDK would.
func settingsOf(p *linetest.Platform, stateless bool) Settings {
	s := p.Settings(stateless)
	return Settings{
		ChannelID: s["channel_id"], ChannelSecret: s["channel_secret"], ChannelAccessToken: s["channel_access_token"],
		APIURL: s["api_url"], DataURL: s["data_url"],
	}
}

// account opens an account on a platform.
func account(t *testing.T, p *linetest.Platform, h *host, change ...func(*Settings)) *channel {
	t.Helper()
	settings := settingsOf(p, false)
	for _, f := range change {
		f(&settings)
	}
	opened, err := Plugin.Open(t.Context(), sdk.Account{
		ID: "shop-line", PublicURL: "https://shop.example/channels/shop-line", Test: true, Host: h,
	}, settings)
	if err != nil {
		t.Fatal(err)
	}
	ch := opened.(*channel)
	t.Cleanup(func() { _ = ch.Close() })
	return ch
}

// recorder is the SDK's side of a webhook.
type recorder struct {
	*httptest.ResponseRecorder
	events []sdk.Event
}

func (r *recorder) Receive(events ...sdk.Event) { r.events = append(r.events, events...) }

// callback calls an account's webhook.
func callback(ch *channel, r *http.Request) (int, []sdk.Event) {
	w := &recorder{ResponseRecorder: httptest.NewRecorder()}
	ch.ServeWebhook(w, r)
	return w.Code, w.events
}

// outgoing is a text to a customer.
func outgoing(to string, text string) *sdk.Outgoing {
	return &sdk.Outgoing{
		OutboxID:  "0191d2b0-3c00-7000-8000-000000000001",
		Thread:    sdk.Thread{ID: to, Kind: "user"},
		Recipient: user(to),
		Text:      text,
		Author:    sdk.Author{Kind: sdk.AuthorAgent, Name: "Ana"},
	}
}

// inbound posts events through the webhook and returns what the host would store.
func inbound(t *testing.T, ch *channel, p *linetest.Platform, events ...linetest.Event) []sdk.Event {
	t.Helper()
	r, err := p.Request(t.Context(), "https://shop.example/channels/shop-line/callback", p.Body(events...))
	if err != nil {
		t.Fatal(err)
	}
	code, got := callback(ch, r)
	if code != http.StatusOK {
		t.Fatalf("the webhook answered %d", code)
	}
	return got
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
