package webchattest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Send says something and returns when it is durable. It keeps at it, over reconnects too, until it is accepted or
// refused or ctx ends.
func (p *Panel) Send(ctx context.Context, text string, handles ...string) (id string, err error) {
	id = rand.Text()
	return id, p.SendAs(ctx, id, text, handles...)
}

// SendAs is Send with the message's id.
func (p *Panel) SendAs(ctx context.Context, id, text string, handles ...string) error {
	p.sending.Lock()
	defer p.sending.Unlock()
	frame := map[string]any{"t": "send", "id": id, "text": text, "attachments": handles, "token": p.opts.Token}
	if len(p.opts.Context) > 0 {
		frame["context"] = p.opts.Context
	}
	for {
		if err := p.Connect(ctx); err != nil {
			if ctx.Err() != nil || fatal(err) {
				return err
			}
			if err := pause(ctx, 100*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		p.mu.Lock()
		delete(p.settled, id)
		p.named = true
		p.mu.Unlock()
		if p.say(ctx, frame) != nil {
			p.Cut()
			continue
		}
		var answer Frame
		err := p.until(ctx, func() (ok bool, err error) {
			answer, ok = p.settled[id]
			delete(p.settled, id)
			if !ok && p.link == nil {
				return true, nil // sent again over the next one
			}
			return ok, nil
		})
		switch {
		case err != nil:
			return err
		case answer.T == "accepted":
			return nil
		case answer.T == "refused":
			return &Refused{Code: answer.Code, After: seconds(answer.After)}
		case answer.T == "later":
			if err := pause(ctx, seconds(answer.After)); err != nil {
				return err
			}
		}
	}
}

// fatal is what no reconnect makes better.
func fatal(err error) bool {
	var bye *Bye
	return errors.As(err, &bye) && bye.Code != "restart" && bye.Code != "too-many"
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("webchattest: %w", context.Cause(ctx))
	}
}

// Typing says that the visitor types, or has stopped.
func (p *Panel) Typing(ctx context.Context, on bool) error {
	return p.say(ctx, map[string]any{"t": "typing", "on": on})
}

// Delivered says that everything that is shown has arrived, and nothing more of it read than before.
func (p *Panel) Delivered(ctx context.Context) error {
	return p.say(ctx, map[string]any{"t": "seen", "delivered": p.newest(), "read": ""})
}

// Seen says that everything that is shown has been read.
func (p *Panel) Seen(ctx context.Context) error {
	newest := p.newest()
	return p.say(ctx, map[string]any{"t": "seen", "delivered": newest, "read": newest})
}

// Say says a frame as it is given, also one that no panel says of itself.
func (p *Panel) Say(ctx context.Context, frame map[string]any) error { return p.say(ctx, frame) }

// End ends the conversation.
func (p *Panel) End(ctx context.Context) error { return p.say(ctx, map[string]any{"t": "end"}) }

// Older goes one step back in the history; more says whether there is still more.
func (p *Panel) Older(ctx context.Context) (more bool, err error) {
	p.mu.Lock()
	positions := slices.Sorted(maps.Keys(p.messages))
	pages := p.older
	p.mu.Unlock()
	if len(positions) == 0 {
		return false, nil
	}
	for {
		if err := p.say(ctx, map[string]any{"t": "older", "before": positions[0]}); err != nil {
			return false, err
		}
		var pause time.Duration
		err = p.until(ctx, func() (bool, error) {
			more, pause, p.olderAfter = p.more, p.olderAfter, 0
			return p.older > pages || pause > 0, p.lost
		})
		if err != nil || pause == 0 {
			return more, err
		}
		select { // the server asked to be asked later
		case <-time.After(pause):
		case <-ctx.Done():
			return false, fmt.Errorf("webchattest: %w", context.Cause(ctx))
		}
	}
}
