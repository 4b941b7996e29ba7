package api

import (
	"context"
	"net/http"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/live"
	"github.com/guichet/guichet/core/store"
)

// Sizes of pages.
const (
	pageUsual = 50
	pageMost  = 100
)

func (s *Server) conversations(w http.ResponseWriter, r *http.Request) error {
	limit, err := request.Limit(r, pageUsual, pageMost)
	if err != nil {
		return err
	}
	query, me := r.URL.Query(), request.Who(r).Agent
	view, cursor := query.Get("view"), query.Get("cursor")
	seesAll := auth.May(me.Role, auth.Oversee)
	var list []*live.Summary
	next := ""
	err = s.Store.View(r.Context(), func(tx *store.Tx) error {
		var page store.Page
		var err error
		switch view {
		case "", "mine":
			page, err = tx.ConversationsOf(me.ID, cursor, limit)
		case "waiting":
			page, err = tx.WaitingIn(s.queuesSeen(me), cursor, limit)
		case "all":
			if err = auth.Require(me.Role, auth.Oversee); err == nil {
				page, err = tx.AllConversations(cursor, limit)
			}
		case "closed":
			whose := me.ID
			if seesAll {
				whose = ""
			}
			page, err = tx.ClosedConversations(whose, cursor, limit)
		default:
			err = core.FieldErrorf("view", "there is no view %q: choose mine, waiting, all or closed", view)
		}
		if err != nil {
			return err
		}
		next = page.Next
		list, err = s.summarize(tx, page.Conversations)
		return err
	})
	if err != nil {
		return err
	}
	return response.Page(w, list, next)
}

// summarize makes the summaries of a page.
func (s *Server) summarize(tx *store.Tx, page []*core.Conversation) ([]*live.Summary, error) {
	list, names := make([]*live.Summary, 0, len(page)), live.NewNames(tx, s.Desk.Setup())
	for _, c := range page {
		summary, err := live.Summarize(c, names)
		if err != nil {
			return nil, err
		}
		list = append(list, summary)
	}
	return list, nil
}

// counts tells how many conversations the lists of a person hold, without reading any.
func (s *Server) counts(w http.ResponseWriter, r *http.Request) error {
	me := actor(r)
	c, err := s.Desk.Counts(r.Context(), me)
	if err != nil {
		return err
	}
	view := map[string]int{"mine": c.Mine, "waiting": c.Waiting}
	if auth.May(me.Role, auth.Oversee) {
		view["all"] = c.All
	}
	return response.JSON(w, http.StatusOK, view)
}

// queuesSeen are the queues whose waiting conversations a person sees.
func (s *Server) queuesSeen(a core.Agent) []string {
	setup := s.Desk.Setup()
	if !auth.May(a.Role, auth.Oversee) {
		return setup.QueuesOf(a.ID)
	}
	all := make([]string, 0, len(setup.Queues))
	for id := range setup.Queues {
		all = append(all, id)
	}
	return all
}

// detail is a conversation with what its page shows beside the list's summary.
type detail struct {
	*live.Summary
	Draft    *draftView               `json:"draft,omitempty"` // the asking agent's own
	Context  map[string]core.Variable `json:"context"`
	Sessions []sessionView            `json:"sessions"`
	Identity identityOf               `json:"identity"`
	Thread   string                   `json:"thread"` // kind of conversation at the provider: "user", "group" …
	// Attachments is who may send files on the conversation's channel.
	Attachments attachmentsView `json:"attachments"`
	// TextMax is how long a public message may be, counted in TextUnit; 0 where the channel sets no limit.
	TextMax  int           `json:"text_max"`
	TextUnit core.TextUnit `json:"text_unit,omitempty"`
}

type attachmentsView struct {
	FromCustomer bool `json:"from_customer"`
	FromAgent    bool `json:"from_agent"`
}

// attachmentsOn is who may send files on a channel. Of one that is no longer configured nothing is forbidden.
func attachmentsOn(setup *core.Setup, channel string) attachmentsView {
	ch, ok := setup.Channels[channel]
	return attachmentsView{FromCustomer: !ok || ch.FromCustomer, FromAgent: !ok || ch.FromAgent}
}

type identityOf struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

type sessionView struct {
	Number       int                `json:"number"`
	Agent        string             `json:"agent"`
	Queue        string             `json:"queue"`
	Participants []core.Participant `json:"participants"`
	OfferedAt    *time.Time         `json:"offered_at"`
	AcceptedAt   *time.Time         `json:"accepted_at"`
	ClosedAt     *time.Time         `json:"closed_at"`
	Reason       core.ClosureReason `json:"reason"`
}

func (s *Server) showDetail(tx *store.Tx, me desk.Actor, c *core.Conversation) (*detail, error) {
	summary, err := live.Summarize(c, live.NewNames(tx, s.Desk.Setup()))
	if err != nil {
		return nil, err
	}
	draft, err := tx.Draft(c.ID, me.Agent)
	if err != nil {
		return nil, err
	}
	sessions, err := tx.Sessions(c.ID)
	if err != nil {
		return nil, err
	}
	variables, err := tx.Variables(c.ID)
	if err != nil {
		return nil, err
	}
	d := &detail{
		Summary: summary, Draft: showDraft(draft), Context: variables, Sessions: make([]sessionView, 0, len(sessions)),
		Identity: identityOf{Kind: c.Identity.Kind, Value: c.Identity.Value}, Thread: c.Thread.Kind,
		Attachments: attachmentsOn(s.Desk.Setup(), c.Channel),
	}
	limit := s.Desk.TextLimit(c)
	d.TextMax, d.TextUnit = limit.Max, limit.Unit
	if d.Context == nil {
		d.Context = map[string]core.Variable{}
	}
	for _, session := range sessions {
		d.Sessions = append(d.Sessions, sessionView{
			Number: session.Number, Agent: session.Agent, Queue: session.Queue,
			Participants: append([]core.Participant{}, session.Participants...),
			OfferedAt:    moment(session.OfferedAt), AcceptedAt: moment(session.AcceptedAt), ClosedAt: moment(session.ClosedAt),
			Reason: session.Reason,
		})
	}
	return d, nil
}

// moment is a time that JSON shows as null when there is none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// inSight reads a conversation that the person may see, or that belongs to the history of a customer whom they serve; to
// others it does not exist.
func (s *Server) inSight(tx *store.Tx, me desk.Actor, id core.ID) (*core.Conversation, error) {
	c, err := tx.Conversation(id)
	if err != nil || s.Desk.MaySee(me, c) {
		return c, err
	}
	contact, err := tx.ResolveContact(c.Contact)
	if err != nil {
		return nil, err
	}
	sight, err := s.Desk.Sight(tx, me, contact.ID)
	if err != nil {
		return nil, err
	}
	reads, err := sight.Reads(c)
	if err == nil && !reads {
		err = core.Errorf(core.NotFound, "there is no conversation %s", id)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *Server) conversation(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "conversation")
	if err != nil {
		return err
	}
	var d *detail
	err = s.Store.View(r.Context(), func(tx *store.Tx) error {
		c, err := s.inSight(tx, actor(r), id)
		if err != nil {
			return err
		}
		d, err = s.showDetail(tx, actor(r), c)
		return err
	})
	if err != nil {
		return err
	}
	return response.JSON(w, http.StatusOK, d)
}

func (s *Server) trace(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "conversation")
	if err != nil {
		return err
	}
	var list []*core.TraceEntry
	err = s.Store.View(r.Context(), func(tx *store.Tx) error {
		if _, err := s.inSight(tx, actor(r), id); err != nil {
			return err
		}
		list, err = tx.Trace(id)
		return err
	})
	if err != nil {
		return err
	}
	return response.List(w, list)
}

// command runs a desk command on the conversation of the path and shows what came of it.
func (s *Server) command(w http.ResponseWriter, r *http.Request,
	do func(ctx context.Context, a desk.Actor, id core.ID) (*core.Conversation, error)) error {
	id, err := request.ID(r, "conversation")
	if err != nil {
		return err
	}
	c, err := do(r.Context(), actor(r), id)
	if err != nil {
		return err
	}
	return s.showConversation(w, r, c)
}

// showConversation answers with a conversation as a command has left it, also when the person can no longer see it.
func (s *Server) showConversation(w http.ResponseWriter, r *http.Request, c *core.Conversation) error {
	var d *detail
	err := s.Store.View(r.Context(), func(tx *store.Tx) (err error) {
		d, err = s.showDetail(tx, actor(r), c)
		return err
	})
	if err != nil {
		return err
	}
	return response.JSON(w, http.StatusOK, d)
}

func (s *Server) pick(w http.ResponseWriter, r *http.Request) error {
	return s.command(w, r, s.Desk.Pick)
}

func (s *Server) end(w http.ResponseWriter, r *http.Request) error {
	return s.command(w, r, s.Desk.End)
}

func (s *Server) leave(w http.ResponseWriter, r *http.Request) error {
	return s.command(w, r, s.Desk.Leave)
}

func (s *Server) reopen(w http.ResponseWriter, r *http.Request) error {
	return s.command(w, r, s.Desk.Reopen)
}

func (s *Server) close(w http.ResponseWriter, r *http.Request) error {
	return s.command(w, r, s.Desk.Close)
}

func (s *Server) read(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "conversation")
	if err != nil {
		return err
	}
	if err := s.Desk.MarkRead(r.Context(), actor(r), id); err != nil {
		return err
	}
	return response.NoContent(w)
}

func (s *Server) transfer(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Queue string `json:"queue"`
		Agent string `json:"agent"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	if (in.Queue == "") == (in.Agent == "") {
		return core.FieldErrorf("queue", "name either a queue or an agent")
	}
	return s.command(w, r, func(ctx context.Context, a desk.Actor, id core.ID) (*core.Conversation, error) {
		return s.Desk.Transfer(ctx, a, id, desk.Target{Queue: in.Queue, Agent: in.Agent})
	})
}

func (s *Server) offers(w http.ResponseWriter, r *http.Request) error {
	list := []*live.Offer{}
	err := s.Store.View(r.Context(), func(tx *store.Tx) error {
		offered, err := tx.OfferedTo(request.Who(r).Agent.ID)
		if err != nil {
			return err
		}
		names := live.NewNames(tx, s.Desk.Setup())
		for _, c := range offered {
			o, err := live.OfferOf(c, names)
			if err != nil {
				return err
			}
			list = append(list, o.For(s.Desk.Remaining))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return response.List(w, list)
}

func (s *Server) accept(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "offer")
	if err != nil {
		return err
	}
	c, err := s.Desk.Accept(r.Context(), actor(r), id)
	if err != nil {
		return err
	}
	return s.showConversation(w, r, c)
}

func (s *Server) decline(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "offer")
	if err != nil {
		return err
	}
	if err := s.Desk.Decline(r.Context(), actor(r), id); err != nil {
		return err
	}
	return response.NoContent(w)
}
