package app

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/blob"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/store"
)

// pluginState keeps what plugins keep, in the store.
type pluginState struct{ store *store.Store }

var _ channel.StateStore = pluginState{}

func (p pluginState) GetState(ctx context.Context, account, key string) (value []byte, version uint64, found bool, err error) {
	err = p.store.View(ctx, func(tx *store.Tx) error {
		value, version, found, err = tx.PluginState(account, key)
		return err
	})
	return value, version, found, err
}

func (p pluginState) SetState(ctx context.Context, account, key string, value []byte, compare *uint64) (version uint64, err error) {
	err = p.store.Update(ctx, func(tx *store.Tx) error {
		if err := unchanged(tx, account, key, compare); err != nil {
			return err
		}
		version = tx.SetPluginState(account, key, value)
		return nil
	})
	return version, err
}

func (p pluginState) DeleteState(ctx context.Context, account, key string, compare *uint64) error {
	return p.store.Update(ctx, func(tx *store.Tx) error {
		if err := unchanged(tx, account, key, compare); err != nil {
			return err
		}
		tx.DeletePluginState(account, key)
		return nil
	})
}

func (p pluginState) ListState(ctx context.Context, account, prefix string) (keys []string, err error) {
	err = p.store.View(ctx, func(tx *store.Tx) error {
		keys, err = tx.PluginStateKeys(account, prefix)
		return err
	})
	return keys, err
}

func unchanged(tx *store.Tx, account, key string, compare *uint64) error {
	if compare == nil {
		return nil
	}
	_, version, found, err := tx.PluginState(account, key)
	if err != nil {
		return err
	}
	if !found {
		version = 0
	}
	if version != *compare {
		return core.Errorf(core.Conflict, "the state %q has changed meanwhile", key)
	}
	return nil
}

// spool keeps verified webhook requests while their plugin is down.
type spool struct {
	store *store.Store
	blobs *blob.Store
	order *spoolOrder
}

// spoolOrder gives out ids in strictly growing order, because that is the order in which spooled requests are handled.
// Many come in one millisecond, within which new ids are in no order, and the clock may jump back.
type spoolOrder struct {
	mu   sync.Mutex
	last core.ID
}

func (o *spoolOrder) next(now time.Time) core.ID {
	id := core.NewID(now)
	o.mu.Lock()
	defer o.mu.Unlock()
	if id <= o.last {
		b := o.last.Bytes()
		for i := len(b) - 1; i >= 0; i-- {
			if b[i]++; b[i] != 0 {
				break
			}
		}
		id = core.IDFromBytes(b)
	}
	o.last = id
	return id
}

var _ channel.Spool = spool{}

func (s spool) Put(ctx context.Context, account string, request []byte) error {
	id := s.order.next(time.Now())
	hash := ""
	if len(request) > store.MaxSpooled {
		var err error
		if hash, _, _, err = s.blobs.Put(ctx, bytes.NewReader(request), int64(len(request))); err != nil {
			return err
		}
	}
	return s.store.Update(ctx, func(tx *store.Tx) error {
		if hash != "" {
			tx.PutSpooledBlob(account, id, hash)
		} else {
			tx.PutSpooled(account, id, request)
		}
		return nil
	})
}

func (s spool) Each(ctx context.Context, account string, fn func(id string, request []byte) error) error {
	const page = 50
	for after := core.ID(""); ; {
		var list []*store.SpooledRequest
		err := s.store.View(ctx, func(tx *store.Tx) (err error) {
			list, err = tx.Spooled(account, after, page)
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		for _, waiting := range list {
			raw, err := s.content(waiting)
			if err != nil {
				return err
			}
			if err := fn(string(waiting.ID), raw); err != nil {
				return err
			}
		}
		after = list[len(list)-1].ID
	}
}

func (s spool) content(waiting *store.SpooledRequest) ([]byte, error) {
	if waiting.Blob == "" {
		return waiting.Raw, nil
	}
	body, err := s.blobs.Open(waiting.Blob)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // nothing was written
	return io.ReadAll(body)
}

func (s spool) Delete(ctx context.Context, account, id string) error {
	return s.store.Update(ctx, func(tx *store.Tx) error {
		tx.DeleteSpooled(account, core.ID(id))
		return nil
	})
}
