package webchat

import (
	"context"
	"sync"
	"time"
)

// visits are the visitors of an account who are here, by id. A visit lasts while a tab is connected or polls, and a
// little longer, so that a reload or the next poll finds it.
type visits struct {
	c       *channel
	ctx     context.Context // ends when the account is closed
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	byID map[string]*visit
}

func newVisits(c *channel) *visits {
	vs := &visits{c: c, byID: map[string]*visit{}}
	vs.ctx, vs.cancel = context.WithCancel(context.Background())
	return vs
}

// acquire joins a visitor's visit, or begins it; nil when there are too many. The caller owes a release.
func (vs *visits) acquire(visitor string) *visit {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	v := vs.byID[visitor]
	if v == nil {
		if len(vs.byID) >= maxVisits || vs.ctx.Err() != nil {
			return nil
		}
		v = newVisit(vs.ctx, vs.c, visitor)
		vs.byID[visitor] = v
		vs.running.Go(v.run)
	}
	v.users++
	if v.linger != nil {
		v.linger.Stop()
		v.linger = nil
	}
	return v
}

// release leaves a visit. When nobody comes back in time it ends.
func (vs *visits) release(v *visit) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if v.users--; v.users > 0 || vs.ctx.Err() != nil {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(visitLingers, func() {
		vs.mu.Lock()
		defer vs.mu.Unlock()
		if v.users == 0 && v.linger == timer {
			delete(vs.byID, v.id)
			v.end()
		}
	})
	v.linger = timer
}

// find returns the visit of a thread, nil when its visitor is not here.
func (vs *visits) find(thread string) *visit {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return vs.byID[thread]
}

// close ends all visits and waits until their watches have ended.
func (vs *visits) close() {
	vs.mu.Lock()
	vs.cancel()
	for _, v := range vs.byID {
		if v.linger != nil {
			v.linger.Stop()
		}
		v.end()
	}
	clear(vs.byID)
	vs.mu.Unlock()
	vs.running.Wait()
}
