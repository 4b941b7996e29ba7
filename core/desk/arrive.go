package desk

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// applyMessage stores what a customer said (or, for an echo, what was said in our name elsewhere).
func (d *Desk) applyMessage(tx *store.Tx, a *arrival) (*core.Identity, error) {
	in, content := a.in, a.in.Message
	if content.ExternalID != "" {
		_, known, err := d.target(tx, in.Account, content.ExternalID)
		if err != nil {
			return nil, err
		}
		if known != nil && !known.DeletedAt.IsZero() {
			return nil, nil // its deletion overtook it
		}
		if known != nil { // an edit overtook it, or an echo is of a message of ours
			return nil, d.keepRaw(tx, a)
		}
	}
	if in.Kind == core.InEcho {
		ours, err := d.inFlight(tx, a)
		if err != nil {
			return nil, err
		}
		if ours {
			return nil, d.keepRaw(tx, a)
		}
	}
	c, sender, profile, err := d.conversationFor(tx, a)
	if err != nil {
		return nil, err
	}
	if c.Version == 0 && content.ExternalID != "" {
		parked, err := tx.Parked(in.Account, content.ExternalID)
		if err != nil {
			return nil, err
		}
		if parked != nil && parked.State == parkedDeletion { // the customer took it back before it came
			tx.Unpark(in.Account, content.ExternalID)
			return nil, nil
		}
	}
	m := &core.Message{
		ID: string(a.message), Kind: content.Kind, From: sender, Visibility: core.Public,
		Attachments: content.Attachments, Location: content.Location, Sticker: content.Sticker, Contacts: content.Contacts, QuoteToken: content.QuoteToken,
		State: core.Received, OccurredAt: in.OccurredAt, CreatedAt: tx.Now(),
	}
	if m.Kind == "" {
		m.Kind = "text"
	}
	if content.ExternalID != "" {
		m.ExternalIDs = []string{content.ExternalID}
	}
	a.setText(m, content.Text)
	if content.QuotedID != "" {
		conversation, seq, err := tx.ByExternalID(in.Account, content.QuotedID)
		if err != nil {
			return nil, err
		}
		if conversation == c.ID {
			m.Quotes = seq
		}
	}
	if !a.channel.FromCustomer {
		for i := range m.Attachments {
			// One that lies at a public address is not kept here; one that the channel has stored here already is let go.
			if at := &m.Attachments[i]; at.State == core.Fetching || at.Hash != "" {
				at.State, at.Hash, at.Reason = core.Refused, "", "customers may not send attachments on this channel"
			}
		}
	}
	if in.Kind == core.InEcho {
		m.From, m.State = core.Author{Kind: core.FromAgent, Name: "elsewhere"}, core.Sent
	} else {
		d.noteCustomer(tx, c, a)
	}
	d.append(tx, c, m)
	if in.Kind == core.InEcho { // somebody of ours has read and answered, elsewhere
		c.WaitingSince, c.Unread, c.ReadUpTo = time.Time{}, 0, c.LastSeq
	}
	if a.raw != nil {
		tx.AddRaw(c.ID, a.raw)
	}
	tx.PutConversation(c, in.Kind != core.InEcho && d.wakes(tx, c))
	for i := range m.Attachments {
		if at := &m.Attachments[i]; at.State == core.Fetching {
			tx.PutFetchJob(&core.FetchJob{
				Conversation: c.ID, Seq: m.Seq, Attachment: at.ID, Account: in.Account, Handle: at.Handle,
				NextAt: tx.Now(), ExpiresAt: at.ExpiresAt, CreatedAt: tx.Now(),
			})
		}
	}
	return profile, nil
}

// inFlight reports whether an echo is of the message that is being sent, whose external id is not known yet.
func (d *Desk) inFlight(tx *store.Tx, a *arrival) (bool, error) {
	c, err := tx.OngoingConversation(a.in.Account, a.channel.ID, a.in.Thread)
	if err != nil || c == nil {
		return false, err
	}
	e, err := tx.NextUnsettled(c.ID)
	if err != nil || e == nil || e.State != core.OutboxSending {
		return false, err
	}
	m, err := tx.Message(c, e.Seq)
	return err == nil && m.Text == a.in.Message.Text, err
}

// append writes a message and lets the conversation show it.
func (d *Desk) append(tx *store.Tx, c *core.Conversation, m *core.Message) {
	tx.AppendMessage(c, m)
	c.LastActivity = tx.Now()
	d.armAutoClose(tx, c)
	if m.Kind == "activity" {
		return
	}
	preview := &core.Preview{Seq: m.Seq, From: m.From.Kind, Text: shortened(m.Text), At: m.CreatedAt}
	if m.Kind != "text" {
		preview.Kind = m.Kind
	}
	preview.Internal = m.Visibility == core.InternalNote
	c.LastMessage = preview
	if m.From.Kind == core.FromCustomer {
		c.LastCustomerMessage = preview
		c.Unread++
		if c.FirstWords == nil && m.Text != "" {
			c.FirstWords = &core.FirstWords{Seq: m.Seq, Text: FirstWords(m.Text)}
		}
	}
}

// How many characters lists show of a message, and of a customer's first words.
const (
	previewLength    = 200
	firstWordsLength = 120
)

// shortened returns the beginning of a text, as lists show it.
func shortened(text string) string { return beginning(text, previewLength) }

// FirstWords returns the beginning of a customer's first words, as lists of former conversations show it.
func FirstWords(text string) string { return beginning(text, firstWordsLength) }

func beginning(text string, most int) string {
	if len(text) <= most {
		return text
	}
	n := 0
	for i := range text {
		if n++; n == most {
			return cut(text, i)
		}
	}
	return text
}

// noteCustomer keeps on the conversation what answering needs to know of the customer's newest words.
func (d *Desk) noteCustomer(tx *store.Tx, c *core.Conversation, a *arrival) {
	in := a.in
	if c.WaitingSince.IsZero() {
		c.WaitingSince = tx.Now()
	}
	c.LastInboundAt = in.ReceivedAt
	if m := in.Message; m != nil {
		c.LastInboundID, c.NoReply = m.ExternalID, m.NoReply
		if m.ReadToken != "" {
			c.ReadToken = m.ReadToken
		}
	}
	if in.Reply != nil {
		c.Reply = in.Reply
	}
}

// wakes gives a conversation in which a customer has just spoken to the router, if it is new or has waited for them.
func (d *Desk) wakes(tx *store.Tx, c *core.Conversation) bool {
	if c.State != core.Waiting {
		return c.Version == 0
	}
	c.QueuedSince, c.Declines = tx.Now(), nil
	d.enter(tx, c, core.Open)
	return true
}

// conversationFor finds the conversation that goes on in the event's thread, or begins one, and says who spoke.
func (d *Desk) conversationFor(tx *store.Tx, a *arrival) (*core.Conversation, core.Author, *core.Identity, error) {
	identity, contact, profile, err := d.identify(tx, a)
	if err != nil {
		return nil, core.Author{}, nil, err
	}
	author := core.Author{Kind: core.FromCustomer, ID: string(contact), Name: nameOf(identity)}
	c, err := tx.OngoingConversation(a.in.Account, a.channel.ID, a.in.Thread)
	if err != nil {
		return nil, core.Author{}, nil, err
	}
	if c == nil {
		if a.retired {
			return nil, core.Author{}, nil, errRetired
		}
		if c, err = d.begin(tx, a, identity, contact); err != nil {
			return nil, core.Author{}, nil, err
		}
	}
	return c, author, profile, nil
}

func nameOf(i *core.Identity) string {
	if i == nil {
		return ""
	}
	return i.Name
}

// errRetired says that a retired channel begins no conversation; what came is kept raw.
var errRetired = errors.New("the channel is retired")

// begin makes a conversation. It is written by the caller, with its first message.
func (d *Desk) begin(tx *store.Tx, a *arrival, identity *core.Identity, contact core.ID) (*core.Conversation, error) {
	now := tx.Now()
	c := &core.Conversation{
		ID: a.conversation, State: core.Open, Account: a.in.Account, Channel: a.channel.ID, Workstream: a.workstream.ID,
		Contact: contact, Thread: a.in.Thread, Language: a.in.Sender.Language,
		CreatedAt: now, LastActivity: now, QueuedSince: now,
	}
	if identity != nil {
		c.Identity = identity.IdentityKey
	}
	if a.in.Thread.Kind != "" && a.in.Thread.Kind != "user" {
		key := core.IdentityKey{Scope: a.in.Account, Kind: a.in.Thread.Kind, Value: a.in.Thread.ID}
		group, err := tx.Identity(key)
		if err != nil {
			return nil, err
		}
		if group == nil {
			tx.PutContact(&core.Contact{ID: a.group, CreatedAt: now})
			if group, err = d.attach(tx, nil, key, a.group, nil, core.Sender{}, false); err != nil {
				return nil, err
			}
		}
		c.Identity, c.Contact = key, group.Contact
	}
	if c.Language == "" {
		c.Language = a.channel.Language
	}
	if a.in.Kind == core.InEcho { // somebody of ours wrote first, elsewhere: nobody waits for us
		c.State, c.Queue, c.QueuedSince = core.Waiting, a.workstream.FallbackQueue, time.Time{}
	}
	return c, nil
}

// identify finds the sender's contact, or makes one. Several identities of one sender are attached to one contact;
// where they belong to different contacts already, the first one decides and nothing is merged by itself.
func (d *Desk) identify(tx *store.Tx, a *arrival) (first *core.Identity, contact core.ID, profile *core.Identity, err error) {
	sender := a.in.Sender
	if len(sender.Identities) == 0 {
		kind := a.in.Thread.Kind
		if kind == "" {
			kind = "user"
		}
		sender.Identities = []core.SenderIdentity{{IdentityKey: core.IdentityKey{Scope: a.in.Account, Kind: kind, Value: a.in.Thread.ID}}}
	}
	contact = a.contact
	found := make([]*core.Identity, len(sender.Identities))
	var through *core.Identity
	for n, id := range sender.Identities {
		if found[n], err = tx.Identity(id.IdentityKey); err != nil {
			return nil, "", nil, err
		}
		if found[n] != nil && through == nil {
			through, contact = found[n], found[n].Contact
		}
	}
	if through == nil {
		tx.PutContact(&core.Contact{
			ID: contact, Name: sender.Name, Language: sender.Language, Picture: sender.Picture, CreatedAt: tx.Now(),
		})
	}
	for n, id := range sender.Identities {
		i, err := d.attach(tx, found[n], id.IdentityKey, contact, through, sender, id.Verified)
		if err != nil {
			return nil, "", nil, err
		}
		if n == 0 {
			first = i
		}
	}
	if wantsProfile(first, tx.Now()) {
		profile = first
	}
	return first, contact, profile, nil
}

// attach brings an identity that was found up to date, or makes one that belongs to the contact given. What is doubted of
// the identity through which the contact is known is doubted of the new one.
func (d *Desk) attach(
	tx *store.Tx, i *core.Identity, k core.IdentityKey, contact core.ID, through *core.Identity, sender core.Sender, verified bool,
) (*core.Identity, error) {
	if i == nil {
		i = &core.Identity{
			IdentityKey: k, Contact: contact, Owner: contact, Name: sender.Name, Language: sender.Language, Picture: sender.Picture,
			Verified: verified, CreatedAt: tx.Now(),
		}
		if through != nil && through.LinkedBy != "" {
			i.Owner, i.LinkedBy = through.Owner, through.LinkedBy
		}
		tx.PutIdentity(i)
		return i, nil
	}
	renamed := sender.Name != "" && sender.Name != i.Name
	if renamed {
		i.Name = sender.Name
	}
	if renamed || (verified && !i.Verified) {
		i.Verified = i.Verified || verified
		tx.PutIdentity(i)
	}
	if renamed {
		return i, nameContact(tx, i)
	}
	return i, nil
}

// nameContact gives a contact that has no name yet the one of an identity.
func nameContact(tx *store.Tx, i *core.Identity) error {
	contact, err := tx.ResolveContact(i.Contact)
	if err != nil || contact.Name != "" {
		return err
	}
	contact.Name = i.Name
	tx.PutContact(contact)
	return nil
}

// cut shortens a text to at most limit bytes without cutting a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = s[:limit]
	for len(s) > 0 {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size > 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return strings.TrimRight(s, " \n\t") + "…"
}
