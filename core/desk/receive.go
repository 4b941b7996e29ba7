package desk

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// Cursor is the place a pulling channel has reached; it is stored with the last event of its batch.
type Cursor struct {
	Account string
	Name    string
	Value   []byte
}

const (
	maxInlineRaw  = 32 << 10 // a longer raw event lies in a blob
	maxInlineText = 32 << 10 // a longer text goes on as an attachment
	// receiveLanes is how many threads of one batch are stored at the same time. Events of one thread keep their order.
	receiveLanes = 32
)

// Receive stores events, each in a transaction of its own, in order within a thread. When it returns nil everything is
// durable; after an error some may be, and sending all of them again is harmless.
func (d *Desk) Receive(ctx context.Context, events []core.Inbound, cursor *Cursor) (stored, duplicates int, err error) {
	switch {
	case cursor != nil && len(events) == 0:
		// What the provider had was nothing to store, and is not to be asked for again.
		return 0, 0, d.setCursor(ctx, cursor)
	case cursor != nil && len(events) > 1:
		return d.receiveBatch(ctx, events, cursor)
	case len(events) <= 1:
		return d.receiveInOrder(ctx, events, cursor)
	}
	lanes := make(map[core.Thread][]core.Inbound)
	var order []core.Thread
	for _, e := range events {
		if _, ok := lanes[e.Thread]; !ok {
			order = append(order, e.Thread)
		}
		lanes[e.Thread] = append(lanes[e.Thread], e)
	}
	var storedN, duplicateN atomic.Int64
	var wait sync.WaitGroup
	failures := make(chan error, len(order))
	slots := make(chan struct{}, receiveLanes)
	for _, thread := range order {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			s, dup, err := d.receiveInOrder(ctx, lanes[thread], nil)
			storedN.Add(int64(s))
			duplicateN.Add(int64(dup))
			if err != nil {
				failures <- err
			}
		})
	}
	wait.Wait()
	close(failures)
	var errs []error
	for e := range failures {
		errs = append(errs, e)
	}
	return int(storedN.Load()), int(duplicateN.Load()), errors.Join(errs...)
}

// receiveBatch stores the cursor with the last event, when all before it are durable.
func (d *Desk) receiveBatch(ctx context.Context, events []core.Inbound, cursor *Cursor) (stored, duplicates int, err error) {
	last := len(events) - 1
	if stored, duplicates, err = d.Receive(ctx, events[:last], nil); err != nil {
		return stored, duplicates, err
	}
	s, dup, err := d.receiveInOrder(ctx, events[last:], cursor)
	return stored + s, duplicates + dup, err
}

func (d *Desk) receiveInOrder(ctx context.Context, events []core.Inbound, cursor *Cursor) (stored, duplicates int, err error) {
	for i := range events {
		var with *Cursor
		if i == len(events)-1 {
			with = cursor
		}
		fresh, err := d.receiveOne(ctx, &events[i], with)
		switch {
		case err != nil:
			return stored, duplicates, err
		case fresh:
			stored++
		default:
			duplicates++
		}
	}
	return stored, duplicates, nil
}

// arrival is one event with all that its transaction must not make itself: ids, and content put aside beforehand.
type arrival struct {
	in           *core.Inbound
	channel      *core.Channel
	workstream   *core.Workstream
	retired      bool // the channel or its account begins no new conversations
	conversation core.ID
	contact      core.ID
	group        core.ID
	message      core.ID
	raw          *core.RawEvent
	overflow     *core.Attachment // the whole text, when it is too long for a record
}

func (d *Desk) receiveOne(ctx context.Context, in *core.Inbound, cursor *Cursor) (fresh bool, err error) {
	if in.ID == "" {
		return false, core.Errorf(core.Invalid, "account %q reported an event without an id, which could not be told from a repeated one", in.Account)
	}
	a, err := d.arrive(ctx, in)
	if err != nil {
		return false, err
	}
	if in.Kind == core.InTyping {
		d.customerTyping(ctx, a)
		return true, d.setCursor(ctx, cursor)
	}
	var profile *core.Identity
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		profile = nil
		if cursor != nil {
			tx.SetPluginState(cursor.Account, "cursor/"+cursor.Name, cursor.Value)
		}
		fresh, err = tx.Claim(in.Account, in.Kind, in.ID)
		if err != nil || !fresh {
			return err
		}
		profile, err = d.apply(tx, a)
		if errors.Is(err, errRetired) {
			profile, err = nil, d.keepRaw(tx, a)
		}
		return err
	})
	if err == nil && profile != nil {
		d.profiles.want(in.Account, profile.IdentityKey, in.Thread)
	}
	return fresh, err
}

func (d *Desk) setCursor(ctx context.Context, cursor *Cursor) error {
	if cursor == nil {
		return nil
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		tx.SetPluginState(cursor.Account, "cursor/"+cursor.Name, cursor.Value)
		return nil
	})
}

// arrive prepares what a transaction may not do: it looks the channel up, makes ids, and puts long content aside.
func (d *Desk) arrive(ctx context.Context, in *core.Inbound) (*arrival, error) {
	setup := d.Setup()
	channel, ok := setup.ChannelFor(in.Account, in.Address)
	if !ok {
		return nil, core.Errorf(core.Unavailable, "an event came to account %q at an address that no channel has: %v", in.Account, in.Address)
	}
	workstream, ok := setup.Workstreams[channel.Workstream]
	if !ok {
		return nil, core.Errorf(core.Unavailable, "channel %q has no workstream", channel.ID)
	}
	if in.ReceivedAt.IsZero() {
		in.ReceivedAt = time.Now()
	}
	in.ReceivedAt, in.OccurredAt = store.Time(in.ReceivedAt), store.Time(in.OccurredAt)
	if in.OccurredAt.IsZero() {
		in.OccurredAt = in.ReceivedAt
	}
	a := &arrival{
		in: in, channel: channel, workstream: workstream,
		conversation: core.NewID(in.ReceivedAt), contact: core.NewID(in.ReceivedAt), group: core.NewID(in.ReceivedAt),
		message: core.NewID(in.ReceivedAt),
	}
	account := setup.Accounts[in.Account]
	a.retired = channel.Retired || account != nil && account.Retired
	if len(in.Raw) > 0 {
		a.raw = &core.RawEvent{Kind: in.Kind, ID: in.ID, ReceivedAt: in.ReceivedAt}
		if len(in.Raw) <= maxInlineRaw {
			a.raw.Body = string(in.Raw)
		} else {
			hash, _, _, err := d.blobs.Put(ctx, bytes.NewReader(in.Raw), int64(len(in.Raw)))
			if err != nil {
				return nil, err
			}
			a.raw.Blob = hash
		}
	}
	if m := in.Message; m != nil {
		for i := range m.Attachments {
			m.Attachments[i].ID = core.NewID(in.ReceivedAt)
		}
	}
	text := in.Text // of an edit
	if in.Message != nil {
		text = in.Message.Text
	}
	if len(text) > maxInlineText {
		hash, size, _, err := d.blobs.Put(ctx, strings.NewReader(text), int64(len(text)))
		if err != nil {
			return nil, err
		}
		a.overflow = &core.Attachment{
			ID: core.NewID(in.ReceivedAt), State: core.Ready, Name: overflowName, Type: "text/plain; charset=utf-8", Size: size, Hash: hash,
		}
	}
	return a, nil
}

// overflowName is the name of the attachment that holds the whole of a text that is too long for a record.
const overflowName = "message.txt"

// setText gives a message its text; a long one goes on in an attachment, which replaces that of a former text.
func (a *arrival) setText(m *core.Message, text string) {
	m.Attachments = slices.DeleteFunc(slices.Clone(m.Attachments), func(at core.Attachment) bool {
		return at.Name == overflowName && at.Handle == "" && at.URL == ""
	})
	m.Text = text
	if a.overflow != nil {
		m.Text = cut(text, maxInlineText)
		m.Attachments = append(m.Attachments, *a.overflow)
	}
}

// apply stores one event that has not been stored before. It returns an identity whose profile should be looked up.
func (d *Desk) apply(tx *store.Tx, a *arrival) (*core.Identity, error) {
	switch a.in.Kind {
	case core.InMessage, core.InPostback, core.InEcho:
		return d.applyMessage(tx, a)
	case core.InUnknown:
		if a.in.Message != nil {
			return d.applyMessage(tx, a)
		}
		return nil, d.keepRaw(tx, a)
	case core.InEdited:
		return d.applyEdit(tx, a)
	case core.InDeleted:
		return d.applyDelete(tx, a)
	case core.InReaction:
		return nil, d.applyReaction(tx, a)
	case core.InStatus:
		return nil, d.applyStatus(tx, a)
	case core.InRead:
		return nil, d.applyRead(tx, a)
	case core.InBlocked, core.InUnblocked, core.InOptedOut, core.InOptedIn:
		return d.applyConsent(tx, a)
	case core.InIdentityChanged:
		return nil, d.applyIdentityChange(tx, a)
	case core.InConversationStarted, core.InLiveAgentRequested:
		return d.applyStart(tx, a)
	case core.InConversationEnded:
		return nil, d.applyEnd(tx, a)
	case core.InNotice:
		return nil, d.applyNotice(tx, a)
	default: // group joined and left, survey answered
		return nil, d.applyActivity(tx, a)
	}
}

// keepRaw keeps the provider's text: beside the conversation that goes on in the thread, else beside the account.
func (d *Desk) keepRaw(tx *store.Tx, a *arrival) error {
	if a.raw == nil {
		return nil
	}
	c, err := tx.OngoingConversation(a.in.Account, a.channel.ID, a.in.Thread)
	if err != nil {
		return err
	}
	if c == nil {
		tx.AddAccountRaw(a.in.Account, a.raw)
		return nil
	}
	tx.AddRaw(c.ID, a.raw)
	return nil
}

// customerTyping passes on what is not kept: it takes no transaction.
func (d *Desk) customerTyping(ctx context.Context, a *arrival) {
	err := d.store.View(ctx, func(tx *store.Tx) error {
		c, err := tx.OngoingConversation(a.in.Account, a.channel.ID, a.in.Thread)
		if err == nil && c != nil {
			d.typing(c, a.in.Removed)
		}
		return err
	})
	if err != nil {
		d.log.Debug("typing was not passed on", "account", a.in.Account, "error", err)
	}
}
