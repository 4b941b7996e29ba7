package desk_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/guichet/guichet/core"
)

// channels plays the plugin host.
type channels struct {
	mu       sync.Mutex
	forget   bool // keep no record: for benchmarks
	sends    []core.Outgoing
	inFlight map[core.ID]int
	broken   []string // rules that a send broke
	signals  []core.Signal
	send     func(ctx context.Context, out *core.Outgoing) core.Outcome
	asked    []core.Outgoing
	find     func(ctx context.Context, out *core.Outgoing) core.Outcome // what became of a send; nil: nobody can tell
	asking   map[string]int                                             // askings in flight, by account
	fetch    func(ctx context.Context, handle string, start func(core.MediaHead) (io.Writer, error)) core.FetchOutcome
	limit    core.TextLimit
	profile  func(ctx context.Context, key core.IdentityKey) (*core.Profile, error)
}

func newChannels() *channels {
	return &channels{
		inFlight: map[core.ID]int{}, asking: map[string]int{},
		send: func(_ context.Context, out *core.Outgoing) core.Outcome { return accepted(out) },
	}
}

// accepted is a provider that takes everything.
func accepted(out *core.Outgoing) core.Outcome {
	return core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"sent-" + out.Entry.ID + out.Entry.Resume}}
}

func (c *channels) Send(ctx context.Context, out *core.Outgoing) core.Outcome {
	id := out.Entry.Conversation
	if c.forget {
		return c.send(ctx, out)
	}
	c.mu.Lock()
	for _, before := range c.sends {
		if before.Entry.Conversation == id && before.Entry.Seq > out.Entry.Seq && before.Entry.CreatedAt.Before(out.Entry.CreatedAt) {
			c.broken = append(c.broken, fmt.Sprintf("message %d of %s goes out after message %d", out.Entry.Seq, id, before.Entry.Seq))
		}
	}
	if c.inFlight[id]++; c.inFlight[id] > 1 {
		c.broken = append(c.broken, fmt.Sprintf("%d messages of %s are in flight", c.inFlight[id], id))
	}
	c.sends = append(c.sends, *out)
	send := c.send
	c.mu.Unlock()
	outcome := send(ctx, out)
	c.mu.Lock()
	c.inFlight[id]--
	c.mu.Unlock()
	return outcome
}

// answer sets what the provider does from now on.
func (c *channels) answer(send func(ctx context.Context, out *core.Outgoing) core.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send = send
}

// script answers one call after another, the last outcome for ever.
func (c *channels) script(outcomes ...core.Outcome) {
	next := 0
	c.answer(func(_ context.Context, out *core.Outgoing) core.Outcome {
		c.mu.Lock()
		defer c.mu.Unlock()
		o := outcomes[min(next, len(outcomes)-1)]
		next++
		if o.Kind == core.OutcomeAccepted && o.ExternalIDs == nil {
			o.ExternalIDs = []string{fmt.Sprintf("sent-%s-%d", out.Entry.ID, next)}
		}
		return o
	})
}

func (c *channels) sent() []core.Outgoing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sends)
}

// finds sets what the provider says became of a send from now on; nil: it cannot be asked.
func (c *channels) finds(find func(ctx context.Context, out *core.Outgoing) core.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.find = find
}

func (c *channels) Reconciles(string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.find != nil
}

func (c *channels) Reconcile(ctx context.Context, out *core.Outgoing) core.Outcome {
	c.mu.Lock()
	account := out.Entry.Account
	if c.asking[account]++; c.asking[account] > 1 {
		c.broken = append(c.broken, fmt.Sprintf("account %s is asked %d things at once", account, c.asking[account]))
	}
	c.asked = append(c.asked, *out)
	find := c.find
	c.mu.Unlock()
	outcome := find(ctx, out)
	c.mu.Lock()
	c.asking[account]--
	c.mu.Unlock()
	return outcome
}

// askings returns about what the provider was asked so far.
func (c *channels) askings() []core.Outgoing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.asked)
}

func (c *channels) Signal(_ context.Context, _ string, _ core.Thread, _ core.IdentityKey, s core.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.signals = append(c.signals, s)
}

func (c *channels) FetchMedia(ctx context.Context, _, handle string, _ int64, start func(core.MediaHead) (io.Writer, error)) core.FetchOutcome {
	c.mu.Lock()
	fetch := c.fetch
	c.mu.Unlock()
	return fetch(ctx, handle, start)
}

func (c *channels) TextLimit(string) core.TextLimit { return c.limit }

func (c *channels) FetchProfile(ctx context.Context, _ string, key core.IdentityKey, _ core.Thread) (*core.Profile, error) {
	c.mu.Lock()
	profile := c.profile
	c.mu.Unlock()
	if profile == nil {
		return nil, nil
	}
	return profile(ctx, key)
}

// blobs keeps content in memory.
type blobs struct {
	mu      sync.Mutex
	content map[string][]byte
}

func (b *blobs) Put(_ context.Context, r io.Reader, limit int64) (string, int64, string, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return "", 0, "", err
	}
	if int64(len(raw)) > limit {
		return "", 0, "", core.Errorf(core.TooLarge, "too large")
	}
	sum := sha256.Sum256(raw)
	hash := hex.EncodeToString(sum[:])
	b.mu.Lock()
	defer b.mu.Unlock()
	b.content[hash] = raw
	return hash, int64(len(raw)), "application/octet-stream", nil
}
