package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv/kvtest"
	"github.com/guichet/guichet/core/kv/memkv"
)

var agents = []string{"alice", "bob", "carla"}

// desk is a small stand-in for what uses the store: it makes valid random changes.
type desk struct {
	t     *rapid.T
	s     *Store
	next  int
	convs []core.ID
	model map[core.ID]*core.Conversation // as last written
	texts map[string]string              // message texts by conversation and seq
	now   time.Time
}

func (d *desk) update(fn func(tx *Tx) error) {
	if err := d.s.Update(context.Background(), fn); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) id() core.ID {
	d.next++
	return id(d.next)
}

// change applies a change to a random conversation and remembers the result.
func (d *desk) change(what func(tx *Tx, c *core.Conversation) error) {
	if len(d.convs) == 0 {
		return
	}
	at := rapid.SampledFrom(d.convs).Draw(d.t, "conversation")
	route := rapid.Bool().Draw(d.t, "route")
	var after *core.Conversation
	d.update(func(tx *Tx) error {
		c, err := tx.Conversation(at)
		if err != nil {
			return err
		}
		if err := what(tx, c); err != nil {
			return err
		}
		tx.PutConversation(c, route)
		after = c
		return nil
	})
	d.model[at] = after
}

func (d *desk) actions() map[string]func(*rapid.T) {
	contents := []string{hashA, hashB, hashC}
	return map[string]func(*rapid.T){
		"open": func(t *rapid.T) {
			contact, conv := d.id(), d.id()
			var c *core.Conversation
			d.update(func(tx *Tx) error {
				tx.PutContact(&core.Contact{ID: contact, CreatedAt: d.now})
				tx.PutIdentity(&core.Identity{IdentityKey: core.IdentityKey{Kind: "phone", Value: string(contact)}, Contact: contact, Owner: contact})
				c = &core.Conversation{
					ID: conv, State: core.Open, Account: "a", Channel: "c", Queue: "q", Contact: contact,
					Thread: core.Thread{ID: string(conv)}, CreatedAt: d.now, LastActivity: d.now, QueuedSince: d.now,
				}
				tx.PutConversation(c, true)
				return nil
			})
			d.convs, d.model[conv] = append(d.convs, conv), c
		},
		"state": func(t *rapid.T) {
			state := rapid.SampledFrom([]core.State{core.Open, core.Active, core.Waiting, core.WrappingUp, core.Closed}).Draw(t, "state")
			agent := rapid.SampledFrom(agents).Draw(t, "agent")
			offer, ring := d.id(), rapid.Bool().Draw(t, "ring")
			d.change(func(tx *Tx, c *core.Conversation) error {
				c.State, c.Offer, c.Units, c.LastActivity = state, nil, 0, d.now
				if c.Assignee != "" {
					c.Former = c.Assignee
				}
				c.Assignee = ""
				switch state {
				case core.Open:
					if ring {
						c.Offer, c.Units = &core.Offer{ID: offer, Agent: agent, Queue: c.Queue, At: d.now}, 20
					}
				case core.Active:
					c.Assignee, c.Units = agent, 30
					c.Sessions++
					tx.PutSession(&core.Session{Conversation: c.ID, Number: c.Sessions, Agent: agent})
				case core.Closed:
					c.ClosedAt = d.now
				}
				return nil
			})
		},
		"queue": func(t *rapid.T) {
			q := rapid.SampledFrom([]string{"q", "r", "sales"}).Draw(t, "queue")
			d.change(func(_ *Tx, c *core.Conversation) error {
				c.Queue, c.QueuedSince = q, d.now
				return nil
			})
		},
		"write": func(t *rapid.T) {
			d.next++
			m := core.Message{
				ID: fmt.Sprint("m", d.next), From: core.Author{Kind: core.FromAgent, ID: rapid.SampledFrom(agents).Draw(t, "author")},
				Text: strings.Repeat("<é", rapid.SampledFrom([]int{0, 3, 3, 3, 3, 25_000}).Draw(t, "length")), State: core.Received, CreatedAt: d.now,
			}
			if rapid.Bool().Draw(t, "external") {
				m.ExternalIDs = []string{fmt.Sprint("x", d.next)}
			}
			if rapid.Bool().Draw(t, "attached") {
				m.Attachments = []core.Attachment{{ID: d.id(), State: core.Ready, Hash: rapid.SampledFrom(contents).Draw(t, "hash")}}
			}
			out := rapid.Bool().Draw(t, "out")
			d.change(func(tx *Tx, c *core.Conversation) error {
				m := m
				if out {
					m.State = core.Queued
				}
				tx.AppendMessage(c, &m)
				if out {
					tx.PutOutboxEntry(&core.OutboxEntry{ID: m.ID, Conversation: c.ID, Seq: m.Seq, State: core.OutboxQueued})
				}
				d.texts[fmt.Sprint(c.ID, m.Seq)] = m.Text
				return nil
			})
		},
		"settle": func(t *rapid.T) {
			sent, external := rapid.Bool().Draw(t, "sent"), fmt.Sprint("y", d.next)
			d.next++
			d.change(func(tx *Tx, c *core.Conversation) error {
				e, err := tx.NextUnsettled(c.ID)
				if err != nil || e == nil {
					return err
				}
				m, err := tx.Message(c, e.Seq)
				if err != nil {
					return err
				}
				e.State, m.State = core.OutboxFailed, core.Failed
				if sent {
					e.State, m.State, m.ExternalIDs = core.OutboxDone, core.Sent, []string{external}
				}
				tx.PutOutboxEntry(e)
				tx.PutMessage(c, m)
				return nil
			})
		},
		"edit": func(t *rapid.T) {
			hash := rapid.SampledFrom(append(contents, "")).Draw(t, "hash")
			d.change(func(tx *Tx, c *core.Conversation) error {
				if c.LastSeq == 0 {
					return nil
				}
				m, err := tx.Message(c, 1+uint64(d.next)%c.LastSeq)
				if err != nil {
					return err
				}
				m.Text, m.Attachments = "edited", nil
				if hash != "" {
					m.Attachments = []core.Attachment{{ID: c.ID, State: core.Ready, Hash: hash}}
				}
				tx.PutMessage(c, m)
				d.texts[fmt.Sprint(c.ID, m.Seq)] = "edited"
				return nil
			})
		},
		"merge": func(t *rapid.T) {
			if len(d.convs) < 2 {
				return
			}
			from, to := d.model[d.convs[0]].Contact, d.model[d.convs[1]].Contact
			d.update(func(tx *Tx) error {
				list, err := tx.IdentitiesOf(from)
				for _, i := range list {
					i.Contact = to
					tx.PutIdentity(i)
				}
				return err
			})
		},
		"upload": func(t *rapid.T) {
			u := core.Upload{ID: d.id(), Hash: rapid.SampledFrom(contents).Draw(t, "hash"), CreatedAt: d.now}
			d.update(func(tx *Tx) error {
				list, err := tx.UploadsBefore(d.now.Add(time.Hour), 3)
				for _, old := range list {
					tx.DeleteUpload(old.ID)
				}
				tx.PutUpload(&u)
				return err
			})
		},
		"sign in": func(t *rapid.T) {
			token, agent := rapid.SampledFrom([]string{"t1", "t2"}).Draw(t, "token"), rapid.SampledFrom(agents).Draw(t, "agent")
			out := rapid.Bool().Draw(t, "out")
			d.update(func(tx *Tx) error {
				if out {
					tx.DeleteSignIn(token)
					return nil
				}
				tx.PutSignIn(&core.SignIn{TokenHash: token, Agent: agent, ExpiresAt: d.now})
				tx.PutAPIKey(&core.APIKey{ID: id(1), KeyHash: token, Agent: agent})
				return nil
			})
		},
		"time":  func(t *rapid.T) { d.now = d.now.Add(time.Second) },
		"check": d.check,
	}
}

// check compares the store with the model, and its indexes with its records.
func (d *desk) check(t *rapid.T) {
	if err := d.s.Fsck(context.Background(), func(f Finding) {
		t.Errorf("fsck: %s at %q: %s", f.Problem, f.Key, f.Text)
	}); err != nil {
		t.Fatal(err)
	}
	err := d.s.View(context.Background(), func(tx *Tx) error {
		var errs []error
		for at, want := range d.model {
			got, err := tx.Conversation(at)
			errs = append(errs, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("conversation: %s", diff)
			}
			list, err := tx.Messages(at, 0, 1000)
			errs = append(errs, err)
			for _, m := range list {
				if want := d.texts[fmt.Sprint(at, m.Seq)]; m.Text != want {
					t.Errorf("message %d of %s says %.20q, want %.20q", m.Seq, at, m.Text, want)
				}
			}
		}
		errs = append(errs, d.lists(t, tx))
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// lists compares every list, read two at a time, with the model.
func (d *desk) lists(t *rapid.T, tx *Tx) error {
	want := map[string][]core.ID{}
	for _, c := range d.model {
		if c.State == core.Closed {
			want["closed"] = append(want["closed"], c.ID)
			continue
		}
		want["all"] = append(want["all"], c.ID)
		owner := c.Assignee
		if owner == "" && c.State == core.Waiting {
			owner = c.Former
		}
		if owner != "" {
			want[owner] = append(want[owner], c.ID)
		}
		if c.State == core.Open {
			want["waiting"] = append(want["waiting"], c.ID)
		}
	}
	pages := map[string]func(string) (Page, error){
		"all":     func(cursor string) (Page, error) { return tx.AllConversations(cursor, 2) },
		"closed":  func(cursor string) (Page, error) { return tx.ClosedConversations("", cursor, 2) },
		"waiting": func(cursor string) (Page, error) { return tx.WaitingIn([]string{"q", "r", "sales"}, cursor, 2) },
	}
	for _, agent := range agents {
		pages[agent] = func(cursor string) (Page, error) { return tx.ConversationsOf(agent, cursor, 2) }
	}
	for name, page := range pages {
		var got []core.ID
		for cursor := ""; ; {
			p, err := page(cursor)
			if err != nil {
				return err
			}
			for _, c := range p.Conversations {
				got = append(got, c.ID)
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		slices.Sort(got)
		slices.Sort(want[name])
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("the list %s: %s", name, diff)
		}
	}
	return nil
}

func TestAnythingValidLeavesIndexesRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db := kvtest.Chaos(memkv.NewWithClock(fixedClock), rapid.Uint64().Draw(t, "seed"))
		defer db.Close()
		s, err := Open(context.Background(), db, Options{})
		if err != nil {
			t.Fatal(err)
		}
		d := &desk{t: t, s: s, next: 10, model: make(map[core.ID]*core.Conversation), texts: make(map[string]string), now: start}
		t.Repeat(d.actions())
		d.check(t)
	})
}

// TestConcurrentChangesKeepLoadsRight lets many goroutines hand the same conversations to the same agents.
func TestConcurrentChangesKeepLoadsRight(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		const conversations, workers, rounds = 4, 4, 60
		do(t, s, func(tx *Tx) {
			tx.PutContact(&core.Contact{ID: id(1)})
			for i := range conversations {
				tx.PutConversation(&core.Conversation{ID: id(10 + i), State: core.Open, Queue: "q", Contact: id(1), Thread: core.Thread{ID: fmt.Sprint(i)}}, false)
			}
		})
		var all sync.WaitGroup
		for w := range workers {
			all.Go(func() {
				dice := rand.New(rand.NewPCG(uint64(w), 1))
				for i := range rounds {
					at, agent, hash := id(10+dice.IntN(conversations)), agents[dice.IntN(len(agents))], []string{hashA, hashB}[dice.IntN(2)]
					take := dice.IntN(3) > 0
					err := s.Update(t.Context(), func(tx *Tx) error {
						c, err := tx.Conversation(at)
						if err != nil {
							return err
						}
						c.State, c.Assignee, c.Units = core.Open, "", 0
						if take {
							c.State, c.Assignee, c.Units = core.Active, agent, 1+w
						}
						tx.AppendMessage(c, &core.Message{ID: fmt.Sprint(w, "-", i), State: core.Received,
							Attachments: []core.Attachment{{ID: id(i), State: core.Ready, Hash: hash}}})
						tx.PutConversation(c, false)
						if u := id(1000 + w); take {
							tx.PutUpload(&core.Upload{ID: u, Hash: hash})
						} else {
							tx.DeleteUpload(u)
						}
						return nil
					})
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		clean(t, s)
	})
}
