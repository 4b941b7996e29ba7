package desk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// TestSetupChangeWhileDeciding applies configurations while conversations come in.
func TestSetupChangeWhileDeciding(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna", "ben", "carl")
		var wait sync.WaitGroup
		wait.Go(func() {
			for n := range 20 {
				if err := h.desk.Apply(ctx, newSetup(room(1+n%3))); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Millisecond)
			}
			if err := h.desk.Apply(ctx, newSetup(room(100))); err != nil {
				t.Error(err)
			}
		})
		for i := range 40 {
			if _, _, err := h.desk.Receive(ctx, []core.Inbound{h.message(fmt.Sprint("customer-", i), "hello")}, nil); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
		}
		wait.Wait()
		h.settle()
		for i := range 40 {
			if h.rings(fmt.Sprint("customer-", i)) == "" {
				t.Errorf("customer %d waits although everybody has room", i)
			}
		}
	})
}

// TestHammer lets many customers and agents act at the same time; nobody is ever offered more than they have room for.
func TestHammer(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		watching, stop := context.WithCancel(ctx)
		var beyond []string
		var wait sync.WaitGroup
		wait.Go(func() {
			for e, err := range h.store.Tail(watching, h.db.Last()) {
				if err != nil {
					return
				}
				if string(e.Topic) != core.TopicAgent {
					continue
				}
				h.view(func(tx *store.Tx) error {
					list, err := tx.AgentStatuses()
					for _, s := range list {
						if s.Load > 3 || s.Load < 0 {
							beyond = append(beyond, fmt.Sprintf("%s has %d", s.Agent, s.Load))
						}
					}
					return err
				})
			}
		})
		agents := []string{"anna", "ben", "carl"}
		h.there(agents...)
		var people sync.WaitGroup
		for n := range 8 {
			people.Go(func() {
				for i := range 15 {
					e := core.Inbound{
						Account: "shop", Kind: core.InMessage, ID: fmt.Sprint(n, "/", i), Thread: core.Thread{ID: fmt.Sprint("customer-", n, "-", i%5), Kind: "user"},
						Message: &core.InboundMessage{ExternalID: fmt.Sprint("m", n, "/", i), Text: "hello"},
					}
					if _, _, err := h.desk.Receive(ctx, []core.Inbound{e}, nil); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
				}
			})
		}
		for _, a := range agents {
			people.Go(func() {
				for range 100 {
					h.actRandomly(a)
					time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
				}
			})
		}
		people.Wait()
		h.settle()
		stop()
		wait.Wait()
		for _, b := range beyond {
			t.Error(b)
		}
	})
}

// TestInstantAnswers: agents who answer an offer before the router has heard that it was stored lose nobody.
func TestInstantAnswers(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna", "ben", "carl")
		watching, stop := context.WithCancel(ctx)
		var wait sync.WaitGroup
		answered := 0
		wait.Go(func() {
			for e, err := range h.store.Tail(watching, h.db.Last()) {
				if err != nil {
					return
				}
				if string(e.Topic) != core.TopicConversation {
					continue
				}
				for _, a := range []string{"anna", "ben", "carl"} {
					var ringing []*core.Conversation
					h.view(func(tx *store.Tx) (err error) {
						ringing, err = tx.OfferedTo(a)
						return err
					})
					for _, c := range ringing {
						var err error
						if answered++; answered%3 == 0 {
							if _, err = h.desk.Accept(ctx, agent(a), c.Offer.ID); err == nil {
								_, err = h.desk.End(ctx, agent(a), c.ID)
							}
						} else {
							err = h.desk.Decline(ctx, agent(a), c.Offer.ID)
						}
						if code := core.CodeOf(err); code != "" && code != core.NotFound {
							t.Error(err)
						}
					}
				}
			}
		})
		var people sync.WaitGroup
		for n := range 4 {
			people.Go(func() {
				for i := range 60 {
					if _, _, err := h.desk.Receive(ctx, []core.Inbound{benchEvent(fmt.Sprint(n, "-", i), fmt.Sprint(n, "/", i))}, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
		people.Wait()
		h.settle()
		stop()
		wait.Wait()
		h.nobodyWaitsInVain()
	})
}

// actRandomly lets an agent do something with what rings at them or what they have.
func (h *house) actRandomly(a string) {
	var offered, mine []*core.Conversation
	h.view(func(tx *store.Tx) (err error) {
		if offered, err = tx.OfferedTo(a); err != nil {
			return err
		}
		page, err := tx.ConversationsOf(a, "", 10)
		mine = page.Conversations
		return err
	})
	var err error
	switch n := rand.IntN(6); {
	case n < 3 && len(offered) > 0:
		_, err = h.desk.Accept(ctx, agent(a), offered[0].Offer.ID)
	case n < 4 && len(offered) > 0:
		err = h.desk.Decline(ctx, agent(a), offered[0].Offer.ID)
	case n < 5 && len(mine) > 0:
		_, err = h.desk.End(ctx, agent(a), mine[0].ID)
	}
	if code := core.CodeOf(err); code != "" && code != core.NotFound && code != core.Conflict && code != core.Forbidden {
		h.t.Error(err)
	}
}
