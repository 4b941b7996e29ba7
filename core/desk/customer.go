package desk

import (
	"context"
	"slices"
	"strings"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/routing"
	"github.com/guichet/guichet/core/store"
)

// Customers is what the customers of live channels may know of their own conversations, each named by the thread of
// their messages: what was said publicly, where it stands, and what changes. It only reads.
//
// The methods in this file answer at once; customer_watch.go tells of changes.
type Customers struct {
	desk  *Desk
	watch customerWatches
}

// NewCustomers returns what customers may ask of a desk. Watches are served while Run runs.
func NewCustomers(d *Desk) *Customers {
	c := &Customers{desk: d}
	c.watch.init()
	return c
}

const (
	// threadPage is how many messages are read at most at a time.
	threadPage = 100
	// threadConversations is how many conversations of a thread are looked through at most.
	threadConversations = 1000
	// lineLength is how far back in a line a place is known.
	lineLength = 1000
)

// History returns at most limit messages of a thread before a position ("": the newest), oldest first, and whether there
// are more before them.
func (c *Customers) History(ctx context.Context, account string, thread core.Thread, before core.Position, limit int) (list []*core.ThreadMessage, more bool, err error) {
	limit = threadLimit(limit)
	err = c.desk.store.View(ctx, func(tx *store.Tx) error {
		list = nil
		for conversation, err := range conversationsBack(tx, account, thread, before) {
			if err != nil {
				return err
			}
			_, seq := before.Split()
			if before == "" || !strings.HasPrefix(string(before), string(conversation.ID)+":") {
				seq = 0 // from its end
			} else if seq == 0 {
				continue // before its beginning
			}
			if list, err = messagesBack(tx, conversation, seq, list, limit+1); err != nil || len(list) > limit {
				return err
			}
		}
		return nil
	})
	if more = len(list) > limit; more {
		list = list[:limit]
	}
	slices.Reverse(list)
	return list, more, err
}

// HistoryAfter returns at most limit messages of a thread after a position, oldest first, and whether there are more
// after them.
func (c *Customers) HistoryAfter(ctx context.Context, account string, thread core.Thread, after core.Position, limit int) (list []*core.ThreadMessage, more bool, err error) {
	limit = threadLimit(limit)
	err = c.desk.store.View(ctx, func(tx *store.Tx) error {
		list, more, err = historyAfter(tx, account, thread, after, limit)
		return err
	})
	return list, more, err
}

func threadLimit(limit int) int {
	if limit <= 0 {
		return threadPage
	}
	return min(limit, threadPage)
}

func historyAfter(tx *store.Tx, account string, thread core.Thread, after core.Position, limit int) ([]*core.ThreadMessage, bool, error) {
	from, seq := after.Split()
	var later []*core.Conversation
	for conversation, err := range conversationsBack(tx, account, thread, "") {
		if err != nil {
			return nil, false, err
		}
		if conversation.ID < from {
			break
		}
		later = append(later, conversation)
	}
	var list []*core.ThreadMessage
	for _, conversation := range slices.Backward(later) {
		at := uint64(0)
		if conversation.ID == from {
			at = seq
		}
		for len(list) <= limit {
			messages, err := tx.Messages(conversation.ID, at, threadPage)
			if err != nil {
				return nil, false, err
			}
			for _, m := range messages {
				at = m.Seq
				if forCustomer(m) {
					list = append(list, asCustomerSees(m))
				}
			}
			if len(messages) < threadPage {
				break
			}
		}
	}
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, false, nil
}

// messagesBack appends the visible messages before a seq (0: from the end), the newest first, until there are enough.
func messagesBack(tx *store.Tx, c *core.Conversation, before uint64, list []*core.ThreadMessage, enough int) ([]*core.ThreadMessage, error) {
	for len(list) < enough {
		messages, err := tx.MessagesBefore(c.ID, before, threadPage)
		if err != nil {
			return list, err
		}
		for _, m := range slices.Backward(messages) {
			if forCustomer(m) && len(list) < enough {
				list = append(list, asCustomerSees(m))
			}
		}
		if len(messages) < threadPage || messages[0].Seq <= 1 {
			break
		}
		before = messages[0].Seq
	}
	return list, nil
}

// conversationsBack yields the conversations of a thread, the newest first, from that of a position on ("": from the
// newest).
func conversationsBack(tx *store.Tx, account string, thread core.Thread, from core.Position) func(yield func(*core.Conversation, error) bool) {
	return func(yield func(*core.Conversation, error) bool) {
		id, _ := from.Split()
		var last *core.Conversation
		for n := 0; n < threadConversations; {
			page, err := tx.ConversationsOfThread(account, thread, last, 20)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, c := range page {
				n++
				if last = c; from != "" && c.ID > id {
					continue
				}
				if !yield(c, nil) {
					return
				}
			}
			if len(page) < 20 {
				return
			}
		}
	}
}

// forCustomer reports whether a message is the customer's or for the customer. What tells agents how the conversation went,
// and what agents note for each other, is not.
func forCustomer(m *core.Message) bool { return m.Visibility == core.Public && m.Kind != "activity" }

func asCustomerSees(m *core.Message) *core.ThreadMessage {
	t := &core.ThreadMessage{
		Position: core.PositionOf(m.Conversation, m.Seq), Conversation: m.Conversation, ID: m.ID, From: m.From.Kind, Author: nameForCustomer(m.From),
		ExternalID: m.Outbox, CreatedAt: m.CreatedAt, Deleted: !m.DeletedAt.IsZero(), Edited: !m.EditedAt.IsZero(),
	}
	if m.From.Kind == core.FromCustomer && len(m.ExternalIDs) > 0 {
		t.ExternalID = m.ExternalIDs[0]
	}
	if !t.Deleted {
		t.Text, t.Attachments = m.Text, m.Attachments
	}
	return t
}

// nameForCustomer is what customers see of an author's name: of an agent the first name.
func nameForCustomer(author core.Author) string {
	switch author.Kind {
	case core.FromAgent:
		if author.ID == "" { // somebody who answered elsewhere
			return ""
		}
		return firstName(author.Name)
	case core.FromBot:
		return author.Name
	}
	return ""
}

func firstName(name string) string {
	if words := strings.Fields(name); len(words) > 0 {
		return words[0]
	}
	return ""
}

// Status returns where a thread's newest conversation stands.
func (c *Customers) Status(ctx context.Context, account string, thread core.Thread) (status core.ThreadStatus, err error) {
	err = c.desk.store.View(ctx, func(tx *store.Tx) error {
		newest, err := tx.ConversationsOfThread(account, thread, nil, 1)
		if err != nil || len(newest) == 0 {
			status = core.ThreadStatus{}
			return err
		}
		status, err = statusForCustomer(c.desk.Setup(), newest[0], &lines{tx: tx})
		return err
	})
	return status, err
}

func statusForCustomer(setup *core.Setup, c *core.Conversation, in *lines) (core.ThreadStatus, error) {
	s := core.ThreadStatus{Conversation: c.ID, State: c.State}
	if agent := setup.Agents[c.Assignee]; agent != nil && c.State == core.Active {
		s.Agent = firstName(agent.Name)
	}
	if c.ReadUpTo > 0 {
		seq := c.ReadUpTo
		if last := c.LastCustomerMessage; last != nil {
			seq = min(seq, last.Seq)
		}
		s.ReadUpTo = core.PositionOf(c.ID, seq)
	}
	if c.State != core.Open || c.Queue == "" {
		return s, nil
	}
	var err error
	s.Place, err = in.place(c.Queue, c.ID)
	return s, err
}

// lines knows, within one transaction, who waits where. Each line is read once.
type lines struct {
	tx    *store.Tx
	known map[string]map[core.ID]int
}

// place is where a conversation stands in a queue's line, from 1; 0 when it is too far back to say.
func (l *lines) place(queue string, id core.ID) (int, error) {
	order, ok := l.known[queue]
	if !ok {
		list, err := l.tx.WaitingOrder(queue, lineLength)
		if err != nil {
			return 0, err
		}
		order = make(map[core.ID]int, len(list))
		for i, waiting := range list {
			order[waiting] = i + 1
		}
		if l.known == nil {
			l.known = map[string]map[core.ID]int{}
		}
		l.known[queue] = order
	}
	return order[id], nil
}

// Availability says whether somebody could answer a new conversation on a channel of an account now.
func (c *Customers) Availability(ctx context.Context, account string, address map[string]string) (a core.Availability, err error) {
	setup := c.desk.Setup()
	channel, ok := setup.ChannelFor(account, address)
	if !ok {
		return a, core.Errorf(core.NotFound, "the account %s has no such channel", account)
	}
	workstream := setup.Workstreams[channel.Workstream]
	choice, err := routing.ChooseQueue(setup, channel.Workstream)
	if err != nil || workstream == nil || channel.Retired {
		return a, nil // nobody would get it
	}
	queue := setup.Queues[choice.Queue]
	err = c.desk.store.View(ctx, func(tx *store.Tx) error {
		a = core.Availability{Open: true}
		var candidates []routing.Candidate
		for _, member := range queue.Members {
			agent := setup.Agents[member]
			if agent == nil {
				continue
			}
			s, err := tx.AgentStatus(member)
			if err != nil {
				return err
			}
			candidates = append(candidates, routing.Candidate{Agent: member, Presence: s.Presence, Capacity: agent.Capacity, Load: s.Load, IdleSince: s.IdleSince})
		}
		work := routing.Work{Units: workstream.Capacity, AllowedPresences: workstream.AllowedPresences}
		a.AgentAvailable = routing.ChooseAgent(work, candidates).Agent != ""
		a.InLine, err = tx.CountWaiting(choice.Queue, lineLength)
		return err
	})
	return a, err
}
