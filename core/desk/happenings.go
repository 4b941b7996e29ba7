package desk

import (
	"maps"
	"slices"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// target finds the message that an event is about; nil when it is not (yet) known.
func (d *Desk) target(tx *store.Tx, account, external string) (*core.Conversation, *core.Message, error) {
	id, seq, err := tx.ByExternalID(account, external)
	if err != nil || id == "" {
		return nil, nil, err
	}
	c, err := tx.Conversation(id)
	if err != nil {
		return nil, nil, err
	}
	m, err := tx.Message(c, seq)
	return c, m, err
}

// applyEdit replaces a customer's text; the newest edit wins. One that overtook its message is stored as the message.
func (d *Desk) applyEdit(tx *store.Tx, a *arrival) (*core.Identity, error) {
	in := a.in
	if len(in.TargetIDs) == 0 {
		return nil, d.keepRaw(tx, a)
	}
	at := store.Time(in.At)
	if at.IsZero() {
		at = in.OccurredAt
	}
	c, m, err := d.target(tx, in.Account, in.TargetIDs[0])
	if err != nil {
		return nil, err
	}
	if m == nil {
		return d.overtake(tx, a, func(m *core.Message) {
			a.setText(m, in.Text)
			m.EditedAt = at
		})
	}
	changed := in.Reply != nil && !c.Ended()
	if changed {
		c.Reply = in.Reply
	}
	if m.DeletedAt.IsZero() && at.After(m.EditedAt) {
		a.setText(m, in.Text)
		m.EditedAt = at
		tx.PutMessage(c, m)
		changed = preview(c, m) || changed
	}
	if changed {
		tx.PutConversation(c, false)
	}
	if a.raw != nil && m.DeletedAt.IsZero() {
		tx.AddRaw(c.ID, a.raw)
	}
	return nil, nil
}

// parkedDeletion is the parked state of a message that was taken back before it came.
const parkedDeletion core.MessageState = "deleted"

// applyDelete takes a customer's message away, as they asked: what it said is gone, that it was there stays.
func (d *Desk) applyDelete(tx *store.Tx, a *arrival) (*core.Identity, error) {
	in := a.in
	if len(in.TargetIDs) == 0 {
		return nil, d.keepRaw(tx, a)
	}
	c, m, err := d.target(tx, in.Account, in.TargetIDs[0])
	if err != nil {
		return nil, err
	}
	erase := func(m *core.Message) {
		m.Text, m.Attachments, m.Location, m.Sticker, m.Contacts, m.DeletedAt = "", nil, nil, nil, nil, tx.Now()
	}
	if m == nil {
		ongoing, err := tx.OngoingConversation(in.Account, a.channel.ID, in.Thread)
		if err != nil {
			return nil, err
		}
		if ongoing == nil {
			// Most likely it is of a message from before our time: that is no reason to begin a conversation.
			tx.Park(&core.ParkedStatus{Account: in.Account, ExternalID: in.TargetIDs[0], State: parkedDeletion, At: in.OccurredAt})
			return nil, nil
		}
		return d.overtake(tx, a, erase)
	}
	if !m.DeletedAt.IsZero() {
		return nil, nil
	}
	jobs, err := tx.FetchJobsOf(c.ID, m.Seq)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		tx.DeleteFetchJob(j)
	}
	erase(m)
	tx.PutMessage(c, m)
	if preview(c, m) {
		tx.PutConversation(c, false)
	}
	return nil, tx.ForgetRaw(c.ID, in.TargetIDs[0], m.CreatedAt)
}

// preview brings the previews on a conversation up to date with a message that has changed, and reports whether one
// shows it.
func preview(c *core.Conversation, m *core.Message) bool {
	shown := false
	for _, p := range []*core.Preview{c.LastMessage, c.LastCustomerMessage} {
		if p != nil && p.Seq == m.Seq {
			p.Text, shown = shortened(m.Text), true
		}
	}
	if w := c.FirstWords; w != nil && w.Seq == m.Seq {
		w.Text, shown = FirstWords(m.Text), true
	}
	return shown
}

// overtake stores an event about a message that has not arrived as that message; the original is then recognised by its
// external id and adds nothing.
func (d *Desk) overtake(tx *store.Tx, a *arrival, change func(*core.Message)) (*core.Identity, error) {
	c, sender, profile, err := d.conversationFor(tx, a)
	if err != nil {
		return nil, err
	}
	m := &core.Message{
		ID: string(a.message), Kind: "text", From: sender, Visibility: core.Public, State: core.Received,
		ExternalIDs: []string{a.in.TargetIDs[0]}, OccurredAt: a.in.OccurredAt, CreatedAt: tx.Now(),
	}
	change(m)
	d.noteCustomer(tx, c, a)
	d.append(tx, c, m)
	tx.PutConversation(c, d.wakes(tx, c))
	if a.raw != nil {
		tx.AddRaw(c.ID, a.raw)
	}
	return profile, nil
}

func (d *Desk) applyReaction(tx *store.Tx, a *arrival) error {
	in := a.in
	if len(in.TargetIDs) == 0 {
		return d.keepRaw(tx, a)
	}
	c, m, err := d.target(tx, in.Account, in.TargetIDs[0])
	if err != nil || m == nil {
		return err
	}
	by := in.Thread.ID
	if len(in.Sender.Identities) > 0 {
		by = in.Sender.Identities[0].Value
	}
	kept := m.Reactions[:0]
	for _, r := range m.Reactions {
		if r.By != by || (in.Removed && in.Emoji != "" && r.Emoji != in.Emoji) {
			kept = append(kept, r)
		}
	}
	m.Reactions = kept
	if !in.Removed {
		m.Reactions = append(m.Reactions, core.Reaction{Emoji: in.Emoji, By: by})
	}
	tx.PutMessage(c, m)
	return nil
}

// applyConsent keeps whether the customer wants to hear from us, and says so in the conversation that goes on.
func (d *Desk) applyConsent(tx *store.Tx, a *arrival) (*core.Identity, error) {
	in := a.in
	if len(in.Sender.Identities) == 0 {
		return nil, d.keepRaw(tx, a)
	}
	i, _, profile, err := d.identify(tx, a)
	if err != nil {
		return nil, err
	}
	switch in.Kind {
	case core.InBlocked:
		i.Blocked = true
	case core.InUnblocked:
		i.Blocked = false
	case core.InOptedOut:
		i.OptedOut = true
	case core.InOptedIn:
		i.OptedOut = false
	}
	tx.PutIdentity(i)
	if in.Kind == core.InBlocked {
		profile = nil // the provider no longer tells
	}
	return profile, d.applyActivity(tx, a)
}

// applyActivity says in the conversation that goes on what happened; without one the event is kept raw.
func (d *Desk) applyActivity(tx *store.Tx, a *arrival) error {
	c, err := tx.OngoingConversation(a.in.Account, a.channel.ID, a.in.Thread)
	if err != nil {
		return err
	}
	if c == nil {
		return d.keepRaw(tx, a)
	}
	d.tell(tx, c, a)
	return nil
}

// tell writes what happened into a conversation, and the conversation with it.
func (d *Desk) tell(tx *store.Tx, c *core.Conversation, a *arrival) {
	if a.in.Reply != nil {
		c.Reply = a.in.Reply
	}
	params := maps.Clone(a.in.Values)
	if a.in.Name != "" {
		if params == nil {
			params = map[string]string{}
		}
		params["name"] = a.in.Name
	}
	d.note(tx, c, string(a.message), string(a.in.Kind), params, a.in.OccurredAt)
	if a.raw != nil {
		tx.AddRaw(c.ID, a.raw)
	}
	tx.PutConversation(c, false)
}

// note appends an activity line. It never counts as the customer's words and never replaces the preview.
func (d *Desk) note(tx *store.Tx, c *core.Conversation, id, name string, params map[string]string, at time.Time) {
	if at.IsZero() {
		at = tx.Now()
	}
	d.append(tx, c, &core.Message{
		ID: id, Kind: "activity", From: core.Author{Kind: core.FromSystem}, Visibility: core.InternalNote, State: core.Received,
		Activity: &core.Activity{Name: name, Params: params}, OccurredAt: at, CreatedAt: tx.Now(),
	})
}

func (d *Desk) applyIdentityChange(tx *store.Tx, a *arrival) error {
	if a.in.Former == nil || a.in.Current == nil {
		return d.keepRaw(tx, a)
	}
	former, err := tx.Identity(*a.in.Former)
	if err != nil || former == nil {
		return err
	}
	current, err := tx.Identity(*a.in.Current)
	if err != nil {
		return err
	}
	if _, err := d.attach(tx, current, *a.in.Current, former.Contact, former, core.Sender{Name: former.Name}, former.Verified); err != nil {
		return err
	}
	c, err := tx.OngoingConversation(a.in.Account, a.channel.ID, a.in.Thread)
	if err != nil || c == nil {
		return err
	}
	if c.Identity == *a.in.Former {
		c.Identity = *a.in.Current
	}
	d.tell(tx, c, a)
	return nil
}

// applyStart begins a conversation without a message, or asks for a person in the one that goes on.
func (d *Desk) applyStart(tx *store.Tx, a *arrival) (*core.Identity, error) {
	c, _, profile, err := d.conversationFor(tx, a)
	if err != nil {
		return nil, err
	}
	for i, name := range slices.Sorted(maps.Keys(a.in.Values)) {
		if i == maxVariables {
			break
		}
		tx.PutVariable(c.ID, name, core.Variable{Type: "text", Value: cut(a.in.Values[name], 4000)})
	}
	d.noteCustomer(tx, c, a)
	d.note(tx, c, string(a.message), string(a.in.Kind), nil, a.in.OccurredAt)
	tx.PutConversation(c, d.wakes(tx, c))
	return profile, nil
}

func (d *Desk) applyEnd(tx *store.Tx, a *arrival) error {
	c, err := tx.OngoingConversation(a.in.Account, a.channel.ID, a.in.Thread)
	if err != nil || c == nil {
		return err
	}
	if a.workstream.Persistent {
		return d.applyActivity(tx, a) // the customer cannot end what goes on for good
	}
	d.note(tx, c, string(a.message), string(a.in.Kind), map[string]string{"code": a.in.Text}, a.in.OccurredAt)
	if c.Assignee == "" {
		return d.close(tx, c, core.CustomerEnded)
	}
	return d.wrapUp(tx, c, core.CustomerEnded)
}

// applyNotice keeps the provider's word about the account where administrators look.
func (d *Desk) applyNotice(tx *store.Tx, a *arrival) error {
	tx.AddAudit(&core.AuditEntry{
		ID: a.message, Actor: "system", Act: "account.notice", Subject: a.in.Account,
		Details: map[string]string{"kind": a.in.Name, "text": cut(a.in.Text, 1000)},
	})
	if a.raw != nil {
		tx.AddAccountRaw(a.in.Account, a.raw)
	}
	return nil
}
