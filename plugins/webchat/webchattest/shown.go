package webchattest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Messages returns what is shown, in order.
func (p *Panel) Messages() []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Message, 0, len(p.messages))
	for _, position := range slices.Sorted(maps.Keys(p.messages)) {
		list = append(list, p.messages[position])
	}
	return list
}

// Texts returns the texts of what is shown.
func (p *Panel) Texts() []string {
	var texts []string
	for _, m := range p.Messages() {
		texts = append(texts, m.Text)
	}
	return texts
}

// Status returns how the conversation stands.
func (p *Panel) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// Limits returns what the server said it takes.
func (p *Panel) Limits() Limits {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limits
}

// Gaps returns how often the panel had to forget what it had.
func (p *Panel) Gaps() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gaps
}

// AgentTypes reports whether somebody types to the visitor.
func (p *Panel) AgentTypes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.typing
}

// Await waits until a message is shown that is wanted.
func (p *Panel) Await(ctx context.Context, wanted func(Message) bool) (found Message, err error) {
	err = p.until(ctx, func() (bool, error) {
		for _, m := range p.messages {
			if wanted(m) {
				found = m
				return true, nil
			}
		}
		return false, nil
	})
	return found, err
}

// AwaitText waits until a message with a text is shown.
func (p *Panel) AwaitText(ctx context.Context, text string) (Message, error) {
	return p.Await(ctx, func(m Message) bool { return m.Text == text })
}

// AwaitState waits until the conversation is in a state: "open", "active", "closed" …
func (p *Panel) AwaitState(ctx context.Context, state string) error {
	return p.until(ctx, func() (bool, error) { return p.status.State == state, nil })
}

// AwaitTyping waits until somebody types to the visitor, or no longer does.
func (p *Panel) AwaitTyping(ctx context.Context, on bool) error {
	return p.until(ctx, func() (bool, error) { return p.typing == on, nil })
}

func (p *Panel) newest() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	newest := ""
	for position := range p.messages {
		newest = max(newest, position)
	}
	return newest
}

func (p *Panel) oldest() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	oldest := ""
	for position := range p.messages {
		if oldest == "" || position < oldest {
			oldest = position
		}
	}
	return oldest
}

// take shows what a frame says.
func (p *Panel) take(from link, raw []byte) error {
	var f Frame
	if err := json.Unmarshal(raw, &f); err != nil {
		return fmt.Errorf("webchattest: frame %s: %w", strconv.Quote(string(raw)), err)
	}
	if p.opts.OnRaw != nil {
		p.opts.OnRaw(raw)
	}
	if p.opts.OnFrame != nil {
		p.opts.OnFrame(f)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if from != nil && p.link != from {
		return nil // cut meanwhile
	}
	defer p.wake()
	switch f.T {
	case "welcome":
		if f.Gap {
			clear(p.messages)
			p.gaps++
		}
		if f.Gap || len(p.messages) == 0 {
			p.more = f.More
		}
		p.welcomes, p.status, p.limits = p.welcomes+1, f.Status, f.Limits
		p.keep(f.Messages)
	case "older":
		p.more = f.More
		p.older++
		p.keep(f.Messages)
	case "message":
		if p.more && p.before(f.Message.Position) {
			break // it comes with its page
		}
		p.keep([]Message{f.Message})
	case "later":
		if f.What == "older" {
			p.olderAfter = max(seconds(f.After), time.Millisecond)
		}
		p.settled[f.ID] = f
	case "accepted", "refused":
		p.settled[f.ID] = f
	case "status":
		p.status = f.Status
	case "typing":
		p.typing = f.On
	case "bye":
		return &Bye{Code: f.Code, After: seconds(f.After)}
	}
	return nil
}

// before reports whether a position is before all that is shown. The caller holds mu.
func (p *Panel) before(position string) bool {
	for known := range p.messages {
		if known <= position {
			return false
		}
	}
	return len(p.messages) > 0
}

func (p *Panel) keep(messages []Message) {
	for _, m := range messages {
		p.messages[m.Position] = m
	}
	if p.opts.Forgetful > 0 && len(p.messages) > 2*p.opts.Forgetful {
		positions := slices.Sorted(maps.Keys(p.messages))
		for _, position := range positions[:len(positions)-p.opts.Forgetful] {
			delete(p.messages, position)
		}
		p.more = true
	}
}
