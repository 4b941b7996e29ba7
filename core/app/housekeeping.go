package app

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/store"
)

const (
	tidyEvery = 10 * time.Minute
	// keptEvents is how much of the event log stays for browsers that come back; older ones get a snapshot.
	keptEvents = 200_000
	seenChunk  = 1000
)

// housekeeping removes what is no longer needed, in small chunks beside the work.
func (a *App) housekeeping(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, chore := range []struct {
			name string
			do   func(context.Context) error
		}{
			{"trim the event log", a.trimLog},
			{"forget old event ids", a.forgetSeen},
			{"forget old parked statuses", a.forgetParked},
			{"forget old sign-ins", a.forgetSignIns},
			{"forget old uploads", a.forgetUploads},
			{"collect attachments", a.collect},
			{"collect stored secrets", a.collectSecrets},
		} {
			if err := chore.do(ctx); err != nil && ctx.Err() == nil {
				a.log.Warn("housekeeping failed; it is tried again later", "chore", chore.name, "error", err)
			}
		}
	}
}

func (a *App) trimLog(ctx context.Context) error {
	last := a.data.db.Last()
	if last <= keptEvents {
		return nil
	}
	return a.data.db.Trim(ctx, last-kv.Pos(keptEvents))
}

func (a *App) forgetSeen(ctx context.Context) error {
	return a.forget(ctx, (*store.Tx).ForgetSeen)
}

func (a *App) forgetParked(ctx context.Context) error {
	return a.forget(ctx, (*store.Tx).ForgetParked)
}

// forget goes through a family of records in chunks.
func (a *App) forget(ctx context.Context, chunk func(tx *store.Tx, from []byte, limit int) ([]byte, int, error)) error {
	for from := []byte(nil); ; {
		var next []byte
		err := a.data.store.UpdateLow(ctx, func(tx *store.Tx) (err error) {
			next, _, err = chunk(tx, from, seenChunk)
			return err
		})
		if err != nil || next == nil {
			return err
		}
		from = next
	}
}

func (a *App) forgetSignIns(ctx context.Context) error {
	return a.data.store.UpdateLow(ctx, func(tx *store.Tx) error {
		_, err := tx.ForgetSignIns(tx.Now(), seenChunk)
		return err
	})
}

// uploadsFor is how long content stays that nobody has sent: previews that plugins make are published for 30 days.
const uploadsFor = 31 * 24 * time.Hour

func (a *App) forgetUploads(ctx context.Context) error {
	return a.data.store.UpdateLow(ctx, func(tx *store.Tx) error {
		old, err := tx.UploadsBefore(tx.Now().Add(-uploadsFor), 200)
		for _, u := range old {
			tx.DeleteUpload(u.ID)
		}
		return err
	})
}

func (a *App) collect(ctx context.Context) error {
	removed, err := a.data.blobs.Collect(ctx, a.data.store, time.Now())
	if removed > 0 {
		a.log.Info("attachments that nothing refers to were removed", "count", removed)
	}
	return err
}

// hangups delivers SIGHUP: read the configuration again.
func hangups(ctx context.Context) <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	context.AfterFunc(ctx, func() { signal.Stop(signals) })
	return signals
}
