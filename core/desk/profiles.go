package desk

import (
	"context"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const (
	// profileEvery is how long a fruitless look-up is not repeated.
	profileEvery    = 24 * time.Hour
	profilePatience = 15 * time.Second
	profileBacklog  = 1024
)

// profiles looks customers up at their providers, beside everything else. It fails softly: the contact stays without a
// name, and the next message asks again.
type profiles struct {
	desk *Desk
	jobs chan profileJob
}

type profileJob struct {
	account  string
	identity core.IdentityKey
	thread   core.Thread
}

func newProfiles(d *Desk) *profiles {
	return &profiles{desk: d, jobs: make(chan profileJob, profileBacklog)}
}

func (p *profiles) want(account string, identity core.IdentityKey, thread core.Thread) {
	select {
	case p.jobs <- profileJob{account, identity, thread}:
	default: // too many at once: a later message asks again
	}
}

func (p *profiles) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-p.jobs:
			if err := p.fetch(ctx, job); err != nil && ctx.Err() == nil {
				p.desk.log.Debug("no profile", "account", job.account, "error", err)
			}
		}
	}
}

func (p *profiles) fetch(ctx context.Context, job profileJob) error {
	ctx, cancel := context.WithTimeout(ctx, profilePatience)
	defer cancel()
	found, err := p.desk.channels.FetchProfile(ctx, job.account, job.identity, job.thread)
	if err != nil {
		return err
	}
	return p.desk.store.Update(ctx, func(tx *store.Tx) error {
		i, err := tx.Identity(job.identity)
		if err != nil || i == nil {
			return err
		}
		i.ProfileAt = tx.Now()
		if found != nil {
			i.Name, i.Language, i.Picture = found.Name, found.Language, found.Picture
		}
		tx.PutIdentity(i)
		if found == nil {
			return nil
		}
		contact, err := tx.ResolveContact(i.Contact)
		if err != nil {
			return err
		}
		if contact.Name != "" {
			return nil
		}
		contact.Name, contact.Picture = found.Name, found.Picture
		if contact.Language == "" {
			contact.Language = found.Language
		}
		tx.PutContact(contact)
		return nil
	})
}
