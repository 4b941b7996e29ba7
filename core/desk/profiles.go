package desk

import (
	"context"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const (
	// profileEvery is how long a fruitless look-up is not repeated.
	profileEvery    = 24 * time.Hour
	profilePatience = 15 * time.Second
	profileBacklog  = 1024
	profileLanes    = 4
)

// profiles looks customers up at their providers, beside everything else. It fails softly: the contact stays without a
// name, and the next message asks again.
type profiles struct {
	desk *Desk
	jobs chan profileJob

	mu      sync.Mutex
	pending map[profileJob]bool
}

type profileJob struct {
	account  string
	identity core.IdentityKey
	thread   core.Thread
}

func newProfiles(d *Desk) *profiles {
	return &profiles{desk: d, jobs: make(chan profileJob, profileBacklog), pending: map[profileJob]bool{}}
}

func (p *profiles) want(account string, identity core.IdentityKey, thread core.Thread) {
	job := profileJob{account, identity, thread}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending[job] {
		return
	}
	select {
	case p.jobs <- job:
		p.pending[job] = true
	default: // too many at once: a later message asks again
	}
}

func (p *profiles) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-p.jobs:
			err := p.fetch(ctx, job)
			p.mu.Lock()
			delete(p.pending, job)
			p.mu.Unlock()
			if err != nil && ctx.Err() == nil {
				p.desk.log.Debug("no profile", "account", job.account, "error", err)
			}
		}
	}
}

func (p *profiles) fetch(ctx context.Context, job profileJob) error {
	ctx, cancel := context.WithTimeout(ctx, profilePatience)
	defer cancel()
	known := false
	err := p.desk.store.View(ctx, func(tx *store.Tx) error {
		i, err := tx.Identity(job.identity)
		known = i == nil || !wantsProfile(i, tx.Now())
		return err
	})
	if err != nil || known {
		return err
	}
	found, err := p.desk.channels.FetchProfile(ctx, job.account, job.identity, job.thread)
	if err != nil {
		return err
	}
	if found == nil {
		found = &core.Profile{}
	}
	return p.desk.store.Update(ctx, func(tx *store.Tx) error {
		i, err := tx.Identity(job.identity)
		if err != nil || i == nil {
			return err
		}
		i.ProfileAt = tx.Now()
		fill(&i.Name, found.Name)
		fill(&i.Language, found.Language)
		fill(&i.Picture, found.Picture)
		tx.PutIdentity(i)
		contact, err := tx.ResolveContact(i.Contact)
		if err != nil || *found == (core.Profile{}) {
			return err
		}
		was := *contact
		fill(&contact.Name, i.Name)
		fill(&contact.Language, i.Language)
		fill(&contact.Picture, i.Picture)
		if *contact != was {
			tx.PutContact(contact)
		}
		return nil
	})
}

// wantsProfile reports whether a customer should be looked up.
func wantsProfile(i *core.Identity, now time.Time) bool {
	return i.Name == "" && (i.ProfileAt.IsZero() || now.Sub(i.ProfileAt) > profileEvery)
}

// fill sets what is not known yet.
func fill(field *string, value string) {
	if *field == "" {
		*field = value
	}
}
