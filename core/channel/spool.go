package channel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

const (
	spoolTries    = 3                     // of a plugin that answers, but with a failure
	pausedFor     = 10 * time.Millisecond // until whether it is down is looked at again: the end of a process takes some
	spoolPause    = time.Second           // between them, and between tries to store
	spoolPatience = 10 * time.Second      // for one answer: nobody waits for it
)

// spooled tells whether requests of an account wait in the spool. While they do, later ones wait or join them.
type spooled struct {
	waiting atomic.Bool  // something may be in the spool
	working atomic.Bool  // a drainer runs
	putting sync.RWMutex // held for reading while something is put in; for writing by the last look

	mu    sync.Mutex
	empty chan struct{} // closed when the spool has been emptied
}

// init begins with an unknown spool: an earlier run may have left something.
func (s *spooled) init(enabled bool) {
	s.empty = make(chan struct{})
	s.waiting.Store(enabled)
}

// drained waits until nothing is in the spool.
func (s *spooled) drained(ctx context.Context) error {
	if !s.waiting.Load() {
		return nil
	}
	s.mu.Lock()
	empty := s.empty
	s.mu.Unlock()
	if !s.waiting.Load() {
		return nil
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: earlier requests are still to be handled", errDown)
	}
}

// put calls put, after which something is in the spool.
func (s *spooled) put(put func() error) error {
	s.putting.RLock()
	defer s.putting.RUnlock()
	s.waiting.Store(true)
	return put()
}

// settle calls look; when it finds the spool empty, later requests go directly again.
func (s *spooled) settle(look func() (empty bool)) bool {
	s.putting.Lock()
	defer s.putting.Unlock()
	if !look() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting.Store(false)
	close(s.empty)
	s.empty = make(chan struct{})
	return true
}

// wakeSpool begins to empty the account's spool, when something is in it, the plugin runs and the account is open.
func (a *account) wakeSpool() {
	if !a.spooled.waiting.Load() || a.supervisor.current.Load() == nil || a.openError.Load() != nil || a.removed.Load() ||
		!a.spooled.working.CompareAndSwap(false, true) {
		return
	}
	a.host.background(func() {
		a.emptySpool(a.host.life)
		a.spooled.working.Store(false)
		a.wakeSpool() // the plugin may have come up after the last look
	})
}

var errSpoolPaused = errors.New("the plugin is down")

// emptySpool handles the spooled requests in order until there are none or the plugin is down.
func (a *account) emptySpool(ctx context.Context) {
	for ctx.Err() == nil && !a.removed.Load() {
		err := a.host.options.Spool.Each(ctx, a.id, func(id string, raw []byte) error {
			if err := a.handleSpooled(ctx, raw); err != nil {
				return err
			}
			return a.host.options.Spool.Delete(ctx, a.id, id)
		})
		switch {
		case errors.Is(err, errSpoolPaused):
			pause(ctx, pausedFor)
			return
		case err != nil:
			a.host.log.Error("a spooled request waits", "account", a.id, "error", err)
			pause(ctx, a.host.policy.spoolPause)
			continue
		}
		empty := a.spooled.settle(func() bool {
			found := errors.New("found")
			return a.host.options.Spool.Each(ctx, a.id, func(string, []byte) error { return found }) == nil
		})
		if empty {
			return
		}
	}
}

// handleSpooled has one request handled and its events stored. It has been answered already, so it is never dropped:
// what the plugin fails at again and again is stored as an unknown event with its raw body.
func (a *account) handleSpooled(ctx context.Context, raw []byte) error {
	request := &channelv1.HTTPRequest{}
	if err := proto.Unmarshal(raw, request); err != nil {
		return a.storeUnknown(ctx, raw, time.Now(), "a spooled request that cannot be read")
	}
	reason := ""
	for try := range spoolTries {
		if try > 0 {
			pause(ctx, a.host.policy.spoolPause)
		}
		answer, err := a.askSpooled(ctx, request)
		if errors.Is(err, errDown) || ctx.Err() != nil {
			return errSpoolPaused
		}
		if err == nil {
			if err := a.receive(ctx, answer); err != nil {
				return err
			}
			if answer.GetStatus() < http.StatusBadRequest {
				return nil
			}
			err = fmt.Errorf("the plugin answered %d", answer.GetStatus())
		}
		reason = err.Error()
	}
	a.host.options.Alert(Alert{
		Plugin: a.supervisor.name, Account: a.id, Code: "request-not-understood",
		Text: fmt.Sprintf("A request for the account %s that was taken while its plugin was down could not be handled (%s); it is kept as it came.", a.id, reason),
	})
	return a.storeUnknown(ctx, request.GetBody(), request.GetReceivedAt().AsTime(), "a request that the plugin could not handle")
}

// askSpooled asks the plugin, whose process may end meanwhile: then the request waits for the next.
func (a *account) askSpooled(ctx context.Context, request *channelv1.HTTPRequest) (*channelv1.HTTPResponse, error) {
	l := a.supervisor.current.Load()
	if l == nil || a.openError.Load() != nil || a.removed.Load() {
		return nil, errDown
	}
	if l.webhook == nil {
		return nil, errors.New("the plugin takes no requests")
	}
	ctx, cancel := context.WithTimeout(ctx, spoolPatience)
	defer cancel()
	answer, err := l.webhook.HandleHTTP(ctx, request)
	if err == nil {
		return answer, nil
	}
	code := status.Code(err)
	if code == codes.NotFound || code == codes.Aborted || (code == codes.Unavailable || code == codes.Canceled) && ends(ctx, l) {
		return nil, errDown
	}
	return nil, errors.New(mask(status.Convert(err).Message(), a.settings.Load().secrets))
}

func (a *account) storeUnknown(ctx context.Context, raw []byte, at time.Time, what string) error {
	sum := sha256.Sum256(raw)
	_, _, err := a.host.options.Receiver.Receive(ctx, []core.Inbound{{
		Account: a.id, Kind: core.InUnknown, ID: "spooled-" + hex.EncodeToString(sum[:16]), OccurredAt: at, ReceivedAt: at,
		Raw: raw, Name: what,
	}}, nil)
	return err
}

// pause waits, unless the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// background runs work that Stop waits for; after Stop it does nothing.
func (h *Host) background(work func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.life.Err() != nil {
		return
	}
	h.work.Go(work)
}
