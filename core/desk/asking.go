package desk

import (
	"context"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// askAfter is how long after a send of unknown outcome its provider is asked what became of it, and then how long after
// each answer that it cannot tell. After the last one people decide.
var askAfter = [...]time.Duration{3 * time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute}

const (
	// askPatience is how long an answer is waited for.
	askPatience = 30 * time.Second
	// notAskedPause is how long to wait for a plugin that is down and does not say for how long, longestAskPause how long
	// at most for anything.
	notAskedPause   = 10 * time.Second
	longestAskPause = 30 * time.Minute
)

// asker asks channels what became of sends whose outcome is unknown, one at a time for each account. When to ask is a
// durable deadline that names the attempt; it stands until the answer is stored, so that an asking that a crash cuts off
// is repeated.
type asker struct {
	desk *Desk

	mu    sync.Mutex
	taken map[string]bool          // outbox entries whose deadline has come and whose answer is not stored
	lines map[string][]*core.Timer // by account, without the one that is being asked about
}

func newAsker(d *Desk) *asker {
	return &asker{desk: d, taken: map[string]bool{}, lines: map[string][]*core.Timer{}}
}

// has reports whether the asker is at what a deadline is for.
func (a *asker) has(t *core.Timer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.taken[t.Ref]
}

// take puts an asking whose time has come in its account's line; a late one is forgotten.
func (a *asker) take(ctx context.Context, t *core.Timer) error {
	out, err := a.desk.question(ctx, t)
	if err != nil || out == nil {
		return err
	}
	account := out.Entry.Account
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken[t.Ref] = true
	line, served := a.lines[account]
	a.lines[account] = append(line, t)
	if !served {
		a.desk.run(func() { a.serve(ctx, account) })
	}
	return nil
}

// serve asks what stands in an account's line until it is empty.
func (a *asker) serve(ctx context.Context, account string) {
	for {
		a.mu.Lock()
		line := a.lines[account]
		if len(line) == 0 || ctx.Err() != nil {
			delete(a.lines, account)
			a.mu.Unlock()
			return
		}
		t := line[0]
		a.lines[account] = line[1:]
		a.mu.Unlock()
		a.ask(ctx, t)
		a.mu.Lock()
		delete(a.taken, t.Ref)
		a.mu.Unlock()
	}
}

// ask asks once and stores the answer. One that comes while the process stops is lost and asked for again.
func (a *asker) ask(ctx context.Context, t *core.Timer) {
	d := a.desk
	var out *core.Outgoing
	a.insist(ctx, t, func() (err error) {
		out, err = d.question(ctx, t)
		return err
	})
	if ctx.Err() != nil || out == nil {
		return
	}
	var outcome *core.Outcome
	if d.reconciles(out.Entry.Account) {
		patience, cancel := context.WithTimeout(ctx, askPatience)
		o := d.reconciler.Reconcile(patience, out)
		cancel()
		outcome = &o
	}
	if ctx.Err() != nil {
		return
	}
	a.insist(ctx, t, func() error { return d.answered(ctx, t, outcome, len(out.Previous)) })
}

// insist repeats what the store refuses to do.
func (a *asker) insist(ctx context.Context, t *core.Timer, do func() error) {
	for {
		err := do()
		if err == nil || ctx.Err() != nil {
			return
		}
		a.desk.log.Error("asking what became of a send: the store refuses; trying again", "conversation", t.Conversation, "outbox", t.Ref, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (d *Desk) reconciles(account string) bool {
	return d.reconciler != nil && d.reconciler.Reconciles(account)
}

// question returns the send that an asking is about; nil, and the deadline is forgotten, when it is late: a receipt has
// settled the message, or a person has sent it again.
func (d *Desk) question(ctx context.Context, t *core.Timer) (out *core.Outgoing, err error) {
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		out = nil
		c, m, e, err := inQuestion(tx, t)
		if err != nil {
			return err
		}
		if e == nil {
			tx.DeleteTimer(t)
			return nil
		}
		last := core.Attempt{LastInboundID: c.LastInboundID, LastInboundAt: c.LastInboundAt}
		if n := len(e.Attempts); n > 0 {
			last = e.Attempts[n-1]
		}
		out = outgoingOf(tx, c, m, e, last, e.Attempts)
		return nil
	})
	return out, err
}

// inQuestion reads what an asking is about; a nil entry when it is late.
func inQuestion(tx *store.Tx, t *core.Timer) (*core.Conversation, *core.Message, *core.OutboxEntry, error) {
	e, err := tx.OutboxEntry(t.Conversation, t.Version)
	if err != nil || e == nil || e.ID != t.Ref || e.State != core.OutboxUnknown || !e.AskAt.Equal(t.Due) {
		return nil, nil, nil, err
	}
	c, err := tx.Conversation(t.Conversation)
	if err != nil {
		return nil, nil, nil, err
	}
	m, err := tx.Message(c, e.Seq)
	if err != nil || m.State != core.Unknown {
		return nil, nil, nil, err
	}
	return c, m, e, nil
}

// answered writes down what an asking after so many attempts brought; nil where the channel cannot be asked any more.
func (d *Desk) answered(ctx context.Context, t *core.Timer, o *core.Outcome, attempts int) error {
	pause := backoff(attempts)
	return d.store.Update(ctx, func(tx *store.Tx) error {
		tx.DeleteTimer(t)
		c, m, e, err := inQuestion(tx, t)
		if err != nil || e == nil {
			return err
		}
		e.AskAt = time.Time{}
		switch {
		case o == nil:
			leaveToPeople(m, e)
		case tells(e, o):
			d.learn(tx, c, m, e, *o, pause)
			return nil
		case o.Kind == core.OutcomeNotStarted && tx.Now().Before(e.Deadline): // nobody was asked
			wait := o.After
			if wait <= 0 {
				wait = notAskedPause
			}
			ask(tx, m, e, min(wait, longestAskPause))
		default:
			if e.Asked++; e.Asked < len(askAfter) {
				ask(tx, m, e, max(askAfter[e.Asked], min(o.After, longestAskPause)))
			} else {
				leaveToPeople(m, e)
			}
		}
		tx.PutOutboxEntry(e)
		tx.PutMessage(c, m)
		return nil
	})
}

// tells reports whether an answer says what became of a send. One about credentials or limits concerns the asking: to
// take it for "not sent" might send twice, and to take it for "failed" might be wrong.
func tells(e *core.OutboxEntry, o *core.Outcome) bool {
	switch o.Kind {
	case core.OutcomeAccepted:
		return o.Resume == "" || o.Resume != e.Resume
	case core.OutcomeRejected, core.OutcomeWindowClosed, core.OutcomeQuota, core.OutcomeRetryable:
		return true
	}
	return false
}

// learn settles an entry by what its provider says became of it.
func (d *Desk) learn(tx *store.Tx, c *core.Conversation, m *core.Message, e *core.OutboxEntry, o core.Outcome, pause time.Duration) {
	e.Asked, e.RequestID = 0, o.RequestID
	for i := range e.Attempts { // the answer is about all of them: the plugin need not fear any more that one went out
		switch at := &e.Attempts[i]; at.Outcome {
		case "", string(core.OutcomeLost), string(core.OutcomeUnknown):
			at.Outcome, at.Reason = string(o.Kind), joined(o.Code, o.Reason)
		}
	}
	if n := len(e.Attempts); n > 0 && o.Kind == core.OutcomeRetryable && !o.UsedReplyToken {
		giveBack(tx, c, e.Attempts[n-1].Reply)
	}
	moved := take(m, e, o)
	if o.After > 0 {
		pause = o.After
	}
	d.conclude(tx, c, m, e, o, pause, moved)
}

// ask sets the time of the next asking, and says on the message that there is one.
func ask(tx *store.Tx, m *core.Message, e *core.OutboxEntry, wait time.Duration) {
	e.AskAt = store.Time(tx.Now().Add(wait))
	tx.PutTimer(askTimer(e))
	m.Reason = &core.Reason{
		Code: "asking", Provider: e.Reason.Provider,
		Text: "The message may have been sent, or not. Guichet is asking the provider what became of it; you can also look there and decide yourself.",
	}
	partly(e, m.Reason)
}

// stopAsking forgets that the provider was to be asked.
func stopAsking(tx *store.Tx, e *core.OutboxEntry) {
	if !e.AskAt.IsZero() {
		tx.DeleteTimer(askTimer(e))
	}
	e.AskAt, e.Asked = time.Time{}, 0
}

func askTimer(e *core.OutboxEntry) *core.Timer {
	return &core.Timer{Due: e.AskAt, Kind: core.TimerAsk, Ref: e.ID, Version: e.Seq, Conversation: e.Conversation}
}

// leaveToPeople leaves a message to people.
func leaveToPeople(m *core.Message, e *core.OutboxEntry) {
	reason := *e.Reason
	if e.Asked > 0 {
		reason.Text += " Its provider was asked and could not tell."
	}
	e.Reason, m.Reason = &reason, &reason
}
