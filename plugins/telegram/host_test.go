package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/telegram/telegramtest"
)

// host is a fake sdk.Host that keeps media and state in memory.
type host struct {
	mu     sync.Mutex
	state  map[string][]byte
	media  map[string]stored
	broken error // every call fails with this
	cut    int64 // GetMedia breaks off after so many bytes
}

type stored struct {
	kind, name string
	content    []byte
}

func newHost() *host { return &host{state: map[string][]byte{}, media: map[string]stored{}} }

// add stores content and returns it as an attachment to send.
func (h *host) add(mimeType, name string, content []byte) sdk.OutgoingAttachment {
	handle, _ := h.PutMedia(context.Background(), mimeType, name, bytes.NewReader(content))
	return sdk.OutgoingAttachment{Handle: handle, Type: mimeType, Name: name, Size: int64(len(content))}
}

func (h *host) Receive(context.Context, *sdk.Cursor, ...sdk.Event) error {
	return errors.New("events are told by emit")
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
	slices.Sort(keys)
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
	var body io.Reader = bytes.NewReader(m.content)
	if h.cut > 0 {
		body = io.MultiReader(io.LimitReader(body, h.cut), errorReader{errors.New("the host has gone")})
	}
	return &sdk.Media{Type: m.kind, Name: m.name, Size: int64(len(m.content)), Body: io.NopCloser(body)}, nil
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func (h *host) PublishMedia(_ context.Context, handle string, _ time.Duration) (string, error) {
	return "https://shop.example/media/" + handle, nil
}

// specFile is Telegram's description beside the project, "" where it is not.
func specFile() string {
	const file = "../../../shared/specs/telegram/api.shape-only.json"
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

// platform starts a fake Telegram that checks every call.
func platform(t *testing.T, opts telegramtest.Options) *telegramtest.Platform {
	t.Helper()
	opts.SpecFile = specFile()
	if opts.PollAtMost == 0 {
		opts.PollAtMost = 20 * time.Millisecond
	}
	p, err := telegramtest.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		if v := p.Violations(); len(v) > 0 {
			t.Errorf("the plugin broke the protocol: %q", v)
		}
	})
	return p
}

const publicURL = "https://desk.example.com/channels/shop"

// account opens an account on a platform.
func account(t *testing.T, p *telegramtest.Platform, h sdk.Host, change ...func(*sdk.Account, *Settings)) *channel {
	t.Helper()
	settings := Settings{BotToken: p.Token(), Mode: modePoll, APIURL: p.URL()}
	of := sdk.Account{ID: "shop", PublicURL: publicURL, Test: true, Host: h}
	for _, f := range change {
		f(&of, &settings)
	}
	opened, err := Plugin.Open(t.Context(), of, settings)
	if err != nil {
		t.Fatal(err)
	}
	ch := opened.(*channel)
	t.Cleanup(func() { _ = ch.Close() })
	return ch
}

func asWebhook(_ *sdk.Account, s *Settings) { s.Mode = modeWebhook }

// at sets the account's clock.
func at(now func() time.Time) func(*sdk.Account, *Settings) {
	return func(a *sdk.Account, _ *Settings) { a.Clock = now }
}

// outgoingText is a text to a chat.
func outgoingText(chat int64, text string) *sdk.Outgoing {
	d := destination{chat: chat}
	return &sdk.Outgoing{
		OutboxID: "0191d2b0-3c00-7000-8000-000000000001", Thread: d.thread(chat < 0), Recipient: user(chat), Text: text,
		Author: sdk.Author{Kind: sdk.AuthorAgent, Name: "Ana"},
	}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
