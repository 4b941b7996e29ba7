package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/guichet/guichet/scripts/load/harness"
)

// agent answers customers through the API: it accepts what is offered, replies to what is unread, and now and then
// ends, leaves or transfers. Every call is repeated until it is answered; the ids of messages make that harmless.
type agent struct {
	soak   *soak
	id     string
	api    *harness.Client
	random *rand.Rand
	sent   int
	seen   time.Time // presence was last set
}

// work starts the agents; the function it returns waits until they have finished what they were doing.
func (s *soak) work(ctx context.Context, clients []*harness.Client) func() error {
	var wait sync.WaitGroup
	errs := make([]error, len(clients))
	for n, client := range clients {
		a := &agent{soak: s, id: harness.AgentID(n + 1), api: client, random: random(s.plan.seed, 2000+uint64(n))}
		wait.Go(func() { errs[n] = a.work(ctx) })
	}
	return func() error {
		wait.Wait()
		return errors.Join(errs...)
	}
}

func (a *agent) work(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := a.round(ctx); err != nil && ctx.Err() == nil {
			switch status := harness.StatusOf(err); {
			case status == 0 || status == http.StatusServiceUnavailable:
				// The server is down.
			default:
				return fmt.Errorf("%s: %w", a.id, err)
			}
			a.seen = time.Time{}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(20+a.random.IntN(60)) * time.Millisecond):
		}
	}
	return nil
}

// round is one look at everything.
func (a *agent) round(ctx context.Context) error {
	if time.Since(a.seen) > 10*time.Second {
		if err := a.api.SetPresence(ctx, "available"); err != nil {
			return err
		}
		a.seen = time.Now()
	}
	offers, err := a.api.Offers(ctx)
	if err != nil {
		return err
	}
	for _, o := range offers {
		if err := a.api.Accept(ctx, o.ID); err != nil && !passed(err) {
			return err
		}
	}
	mine, err := a.api.Conversations(ctx, "mine", "")
	if err != nil {
		return err
	}
	answered := 0
	for _, i := range a.random.Perm(len(mine.Items)) {
		c := mine.Items[i]
		if c.State != "active" || c.Unread == 0 {
			continue
		}
		if answered++; answered > 3 {
			break
		}
		if err := a.answer(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// passed reports whether an error means that somebody else, or a deadline, was faster.
func passed(err error) bool {
	switch harness.StatusOf(err) {
	case http.StatusNotFound, http.StatusConflict, http.StatusForbidden, http.StatusGone:
		return true
	}
	return false
}

// answer replies, and sometimes does more.
func (a *agent) answer(ctx context.Context, conversation string) error {
	a.sent++
	text := fmt.Sprintf("%s answer %d", a.id, a.sent)
	draft := harness.Draft{ID: fmt.Sprintf("%s-%d", a.id, a.sent), Text: text}
	if a.random.IntN(10) == 0 {
		draft.Visibility = "internal"
	}
	if err := a.insist(ctx, conversation, draft); err != nil {
		return err
	}
	var err error
	switch a.random.IntN(100) {
	case 0, 1:
		err = a.api.Command(ctx, conversation, "leave", nil)
	case 2:
		err = a.api.Command(ctx, conversation, "transfer", map[string]string{"queue": harness.Queue})
	case 3:
		if err = a.api.Command(ctx, conversation, "end", nil); err == nil {
			err = a.api.Command(ctx, conversation, "close", nil)
		}
	}
	if err != nil && passed(err) {
		return nil
	}
	return err
}

// insist sends a message until it is known what became of it, also beyond the end of the agents' work.
func (a *agent) insist(ctx context.Context, conversation string, draft harness.Draft) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUp)
	defer cancel()
	for {
		m, _, err := a.api.Send(ctx, conversation, draft)
		switch {
		case err == nil:
			if m.Text != draft.Text {
				return fmt.Errorf("the answer to message %s shows %q, not %q", draft.ID, m.Text, draft.Text)
			}
			a.soak.ledger.reply(draft, conversation)
			return nil
		case passed(err):
			a.soak.ledger.refused(draft)
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("message %s: %w", draft.ID, err)
		case harness.StatusOf(err) != 0 && harness.StatusOf(err) != http.StatusServiceUnavailable:
			return fmt.Errorf("message %s: %w", draft.ID, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(resendAfter):
		}
	}
}
