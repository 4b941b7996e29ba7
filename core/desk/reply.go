package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const (
	maxClientID    = 64
	maxReplyText   = 30000 // bytes
	maxAttachments = 10
	// sendWithin is how long a queued message is tried: as long as the longest-lived idempotency key of a provider.
	sendWithin = 24 * time.Hour
)

// NewMessage is a message that an agent wants to send or note.
type NewMessage struct {
	ID          string // made by the client, unique per conversation and author
	Text        string
	Visibility  core.Visibility // public unless said otherwise
	Attachments []core.ID       // uploads
	// LastSeen is the seq of the newest message that the author had before their eyes; nil when they do not say.
	LastSeen *uint64
}

// Reply stores an agent's message and, when it is public, puts it in the outbox in the same transaction. The same
// again returns the same message with created false; another under the same id is a Conflict. A public one is
// refused as AnsweredMeanwhile when somebody else has answered since the author last looked. What the author had begun
// to write here is forgotten.
func (d *Desk) Reply(ctx context.Context, a Actor, id core.ID, in NewMessage) (m *core.Message, created bool, err error) {
	if in.Visibility == "" {
		in.Visibility = core.Public
	}
	if err := in.check(); err != nil {
		return nil, false, err
	}
	fingerprint := in.fingerprint()
	outbox := uuid.NewString()
	attachmentIDs := make([]core.ID, len(in.Attachments))
	for i := range attachmentIDs {
		attachmentIDs[i] = core.NewID(nowUTC())
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		m, created = nil, false
		c, err := d.seen(tx, a, id)
		if err != nil {
			return err
		}
		if m, err = tx.MessageByClient(c, a.author(), in.ID); err != nil {
			return err
		}
		if m != nil {
			if m.Fingerprint != fingerprint {
				return core.Errorf(core.Conflict, "the id %q was used for another message in this conversation: take a new one", in.ID)
			}
			return nil
		}
		if in.Visibility == core.Public {
			if err := d.maySend(a, c, len(in.Attachments) > 0); err != nil {
				return err
			}
			if err := d.TextLimit(c).Check(in.Text); err != nil {
				return err
			}
			if in.LastSeen != nil {
				if err := notAnswered(tx, a, c, *in.LastSeen); err != nil {
					return err
				}
			}
		}
		m = &core.Message{
			ID: in.ID, Kind: "text", From: a.author(), Visibility: in.Visibility, Text: in.Text, State: core.Received,
			OccurredAt: tx.Now(), CreatedAt: tx.Now(), Fingerprint: fingerprint,
		}
		if in.Text == "" {
			m.Kind = "attachment"
		}
		if m.Attachments, err = takeUploads(tx, a, in.Attachments, attachmentIDs); err != nil {
			return err
		}
		created = true
		if in.Visibility == core.Public {
			m.State, m.Outbox = core.Queued, outbox
			c.WaitingSince, c.Unread = time.Time{}, 0
		}
		d.append(tx, c, m)
		if in.Visibility == core.Public {
			c.ReadUpTo = c.LastSeq
		}
		tx.DeleteDraft(c.ID, a.Agent)
		tx.PutConversation(c, false)
		if in.Visibility == core.Public {
			enqueue(tx, c, m)
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return m, created, nil
}

// answersSought is how many of the newest messages are looked at for another's answer, and how many at a time.
const (
	answersSought = 2000
	answersAtOnce = 100
)

// notAnswered refuses when another agent, or a bot, has answered the customer after the message seen last.
func notAnswered(tx *store.Tx, a Actor, c *core.Conversation, seen uint64) error {
	if c.LastSeq > answersSought {
		seen = max(seen, c.LastSeq-answersSought)
	}
	for seen < c.LastSeq {
		list, err := tx.Messages(c.ID, seen, answersAtOnce)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		for _, m := range list {
			if m.Visibility != core.Public || m.Kind == "activity" {
				continue
			}
			if m.From.Kind == core.FromBot || m.From.Kind == core.FromAgent && m.From.ID != a.Agent {
				who := m.From.Name
				if who == "" {
					who = "somebody else"
				}
				return core.Errorf(core.AnsweredMeanwhile, "%s has answered meanwhile: look at the answer, then send yours again", who)
			}
		}
		seen = list[len(list)-1].Seq
	}
	return nil
}

func enqueue(tx *store.Tx, c *core.Conversation, m *core.Message) {
	now := tx.Now()
	tx.PutOutboxEntry(&core.OutboxEntry{
		ID: m.Outbox, Conversation: c.ID, Seq: m.Seq, Account: c.Account, State: core.OutboxQueued, NextAt: now,
		Deadline: now.Add(sendWithin), CreatedAt: now,
	})
}

func (in *NewMessage) check() error {
	switch {
	case in.ID == "" || utf8.RuneCountInString(in.ID) > maxClientID:
		return core.FieldErrorf("id", "give every message an id of 1 to %d characters, unique in the conversation", maxClientID)
	case in.Visibility != core.Public && in.Visibility != core.InternalNote:
		return core.FieldErrorf("visibility", "write \"public\" or \"internal\", not %q", in.Visibility)
	case strings.TrimSpace(in.Text) == "" && len(in.Attachments) == 0:
		return core.FieldErrorf("text", "the message is empty")
	case len(in.Text) > maxReplyText:
		return core.FieldErrorf("text", "the text has %d bytes, at most %d are allowed: send it in parts or as a file", len(in.Text), maxReplyText)
	case len(in.Attachments) > maxAttachments:
		return core.FieldErrorf("attachments", "a message carries at most %d attachments", maxAttachments)
	}
	return nil
}

func (in *NewMessage) fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%d\x00%s", in.Visibility, len(in.Text), in.Text)
	for _, id := range in.Attachments {
		fmt.Fprintf(h, "\x00%s", id)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// maySend says whether an agent may write to the customer now.
func (d *Desk) maySend(a Actor, c *core.Conversation, attachments bool) error {
	if c.State != core.Active {
		remedy := map[core.State]string{
			core.Open: "pick it first", core.Waiting: "reopen it first", core.WrappingUp: "reopen it first",
			core.Closed: "it is closed for good",
		}[c.State]
		return core.Errorf(core.Conflict, "the conversation is %s: %s", c.State, remedy)
	}
	if c.Assignee != a.Agent && !a.seesAll() {
		return core.Errorf(core.Forbidden, "%s has this conversation: only they can write to the customer", c.Assignee)
	}
	if c.NoReply {
		return core.Errorf(core.Conflict, "the provider does not let us answer in this conversation now")
	}
	if ch, ok := d.Setup().Channels[c.Channel]; ok && attachments && !ch.FromAgent {
		return core.FieldErrorf("attachments", "agents may not send attachments on channel %q: send the text without them", c.Channel)
	}
	return nil
}

// TextLimit is how long a public message in a conversation may be, as its channel takes it. The zero value is no limit but
// that of every message.
func (d *Desk) TextLimit(c *core.Conversation) core.TextLimit { return d.channels.TextLimit(c.Account) }

// takeUploads turns uploads into attachments. An upload can be sent once.
func takeUploads(tx *store.Tx, a Actor, uploads, ids []core.ID) ([]core.Attachment, error) {
	var list []core.Attachment
	for i, id := range uploads {
		u, err := tx.Upload(id)
		if err != nil && core.CodeOf(err) != core.NotFound {
			return nil, err
		}
		if u == nil || u.Agent != a.Agent {
			return nil, core.FieldErrorf("attachments", "there is no upload %s: upload the file again", id)
		}
		list = append(list, core.Attachment{ID: ids[i], State: core.Ready, Name: u.Name, Type: u.Type, Size: u.Size, Hash: u.Hash})
		tx.DeleteUpload(u.ID)
	}
	return list, nil
}

// Retry sends a message that failed, or whose outcome is unknown, again: a new attempt that really goes out. What the
// provider took of it before is not repeated.
func (d *Desk) Retry(ctx context.Context, a Actor, id core.ID, seq uint64) (*core.Message, error) {
	outbox := uuid.NewString()
	var m *core.Message
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		c, err := d.owned(tx, a, id)
		if err != nil {
			return err
		}
		if m, err = tx.Message(c, seq); err != nil {
			return err
		}
		if m.State != core.Failed && m.State != core.Unknown {
			return core.Errorf(core.Conflict, "the message is %s: there is nothing to send again", m.State)
		}
		e, err := tx.OutboxEntry(c.ID, seq)
		if err != nil {
			return err
		}
		if e == nil {
			return core.Errorf(core.Conflict, "the message was not sent from here")
		}
		if c.State == core.Closed {
			return core.Errorf(core.Conflict, "the conversation is closed for good")
		}
		if e.State == core.OutboxDone { // the provider took it whole and failed later: it goes out from the beginning
			e.Resume, e.ExternalIDs, m.ExternalIDs = "", nil, nil
		}
		stopAsking(tx, e)
		now := tx.Now()
		e.ID, e.State, e.Attempts, e.NextAt, e.Deadline, e.Reason = outbox, core.OutboxQueued, nil, now, now.Add(sendWithin), nil
		m.State, m.Reason, m.Outbox = core.Queued, nil, outbox
		tx.PutOutboxEntry(e)
		tx.PutMessage(c, m)
		return nil
	})
	return m, err
}

func nowUTC() time.Time { return time.Now().UTC() }
