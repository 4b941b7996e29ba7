package api

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/live"
	"github.com/guichet/guichet/core/store"
)

const (
	// historyLooks is how many conversations of a contact are looked at for one page of those in sight.
	historyLooks = 500
	// searchMost is how many of each a search over everything finds.
	searchMost = 10
	// searchLooks is how many of each found contact's newest conversations are looked at.
	searchLooks = 50
)

// contactConversations lists a contact's conversations that one may see, the newest first.
func (s *Server) contactConversations(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "contact")
	if err != nil {
		return err
	}
	limit, err := request.Limit(r, pageUsual, pageMost)
	if err != nil {
		return err
	}
	var list []*live.Summary
	cursor, next := r.URL.Query().Get("cursor"), ""
	err = s.Store.View(r.Context(), func(tx *store.Tx) error {
		contact, err := tx.ResolveContact(id)
		if err != nil {
			return err
		}
		found, more, err := s.inSightOf(tx, actor(r), contact.ID, cursor, limit)
		if err != nil {
			return err
		}
		next = more
		list, err = s.summarizeHistory(tx, found)
		return err
	})
	if err != nil {
		return err
	}
	return response.Page(w, list, next)
}

// inSightOf reads a page of a contact's conversations and leaves out what the person may not read. It goes on until the
// page is full or it has looked at many.
func (s *Server) inSightOf(tx *store.Tx, me desk.Actor, contact core.ID, cursor string, limit int) (found []*core.Conversation, next string, err error) {
	sight, err := s.Desk.Sight(tx, me, contact)
	if err != nil {
		return nil, "", err
	}
	next = cursor
	for looks := 0; looks < historyLooks && len(found) < limit; {
		page, err := tx.ConversationsOfContact(contact, next, limit-len(found))
		if err != nil {
			return nil, "", err
		}
		looks += limit
		for _, c := range page.Conversations {
			reads, err := sight.Reads(c)
			if err != nil {
				return nil, "", err
			}
			if reads {
				found = append(found, c)
			}
		}
		if next = page.Next; next == "" {
			break
		}
	}
	return found, next, nil
}

// firstSought is among how many of the first messages a customer's first words are looked for, where the conversation is
// from before it kept them.
const firstSought = 5

// summarizeHistory is summarize, with the first words of old conversations read from their messages.
func (s *Server) summarizeHistory(tx *store.Tx, page []*core.Conversation) ([]*live.Summary, error) {
	list, err := s.summarize(tx, page)
	if err != nil {
		return nil, err
	}
	for n, c := range page {
		if c.FirstWords != nil || c.LastCustomerMessage == nil {
			continue
		}
		messages, err := tx.Messages(c.ID, 0, firstSought)
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			if m.From.Kind == core.FromCustomer && m.Text != "" {
				list[n].FirstWords = desk.FirstWords(m.Text)
				break
			}
		}
	}
	return list, nil
}

type foundView struct {
	Contacts      []*contactView  `json:"contacts"`
	Conversations []*live.Summary `json:"conversations"`
}

// search finds contacts, and the newest of their conversations that one may see.
func (s *Server) search(w http.ResponseWriter, r *http.Request) error {
	query, me := r.URL.Query().Get("query"), actor(r)
	view := foundView{Contacts: []*contactView{}, Conversations: []*live.Summary{}}
	if query == "" {
		return response.JSON(w, http.StatusOK, view)
	}
	err := s.Store.View(r.Context(), func(tx *store.Tx) error {
		page, err := tx.SearchContacts(query, "", searchMost)
		if err != nil {
			return err
		}
		if view.Contacts, err = s.showContacts(tx, page.Contacts); err != nil {
			return err
		}
		var found []*core.Conversation
		for _, contact := range page.Contacts {
			list, err := tx.ConversationsOfContact(contact.ID, "", searchLooks)
			if err != nil {
				return err
			}
			found = append(found, list.Conversations...)
		}
		found = slices.DeleteFunc(found, func(c *core.Conversation) bool { return !s.Desk.MaySee(me, c) })
		slices.SortStableFunc(found, func(a, b *core.Conversation) int {
			return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
		})
		view.Conversations, err = s.summarizeHistory(tx, found[:min(len(found), searchMost)])
		return err
	})
	if err != nil {
		return err
	}
	return response.JSON(w, http.StatusOK, view)
}
