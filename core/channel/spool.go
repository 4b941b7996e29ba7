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
	spoolTries    = 3                     // of a request at which the plugin fails, or ends
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
		head := true
		err := a.host.options.Spool.Each(ctx, a.id, func(id string, raw []byte) error {
			if err := a.handleSpooled(ctx, id, raw, head); err != nil {
				return err
			}
			head = false
			if err := a.host.options.Spool.Delete(ctx, a.id, id); err != nil {
				return err
			}
			a.ledger.gone(len(raw))
			return nil
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
		if a.spooled.settle(func() bool { return a.spoolIsEmpty(ctx) }) {
			return
		}
	}
}

func (a *account) spoolIsEmpty(ctx context.Context) bool {
	found := errors.New("found")
	if a.host.options.Spool.Each(ctx, a.id, func(string, []byte) error { return found }) != nil {
		return false
	}
	if err := a.ledger.emptied(ctx); err != nil {
		a.host.log.Warn("an empty spool may count as larger after a restart", "account", a.id, "error", err)
	}
	return true
}

// handleSpooled has one request handled and its events stored. It has been answered already, so it is never dropped:
// what the plugin fails at again and again, or does not survive, is stored as an unknown event with its raw body.
//
// The tries are counted over the plugin's processes and over restarts of the host. The head of the spool is counted
// before it is tried: where memory runs out, the host may end together with the plugin.
func (a *account) handleSpooled(ctx context.Context, id string, raw []byte, head bool) error {
	request := &channelv1.HTTPRequest{}
	if err := proto.Unmarshal(raw, request); err != nil {
		return a.storeUnknown(ctx, raw, time.Now(), "a spooled request that cannot be read")
	}
	tries, err := a.ledger.tries(ctx, id)
	if err != nil {
		return err
	}
	lethal := tries >= spoolTries
	reason := "the plugin did not survive it"
	for again := false; tries < spoolTries; again = true {
		if again {
			pause(ctx, a.host.policy.spoolPause)
		}
		if head || tries > 0 {
			if err := a.ledger.tried(ctx, id, tries+1); err != nil {
				return err
			}
		}
		answer, err := a.askSpooled(ctx, request, tries > 0)
		switch {
		case errors.Is(err, errEnded):
			return errors.Join(errSpoolPaused, a.ledger.tried(ctx, id, tries+1))
		case errors.Is(err, errDown) || ctx.Err() != nil:
			return errors.Join(errSpoolPaused, a.ledger.tried(ctx, id, tries))
		case err == nil:
			if err := a.receive(ctx, answer); err != nil {
				return errors.Join(err, a.ledger.tried(ctx, id, tries))
			}
			if answer.GetStatus() < http.StatusBadRequest {
				return nil
			}
			err = fmt.Errorf("the plugin answered %d", answer.GetStatus())
		}
		reason = err.Error()
		tries++
		if err := a.ledger.tried(ctx, id, tries); err != nil {
			return err
		}
	}
	if err := a.storeUnknown(ctx, request.GetBody(), request.GetReceivedAt().AsTime(), "a request that the plugin could not handle"); err != nil {
		return err
	}
	a.host.options.Alert(Alert{
		Plugin: a.supervisor.name, Account: a.id, Code: "request-not-understood",
		Text: fmt.Sprintf("A request for the account %s that was taken while its plugin was down could not be handled in %d tries (%s); it is kept as it came.",
			a.id, spoolTries, reason),
	})
	if lethal {
		a.supervisor.forgive()
	}
	return nil
}

// errEnded means that the process ended while it handled a request, or after it had failed at it.
var errEnded = errors.New("the plugin ended")

// askSpooled asks the plugin. When its process ends meanwhile, all that were being handled in it come under suspicion; a
// suspect is handled alone among the spooled requests of the plugin, so that none takes the blame for another again.
func (a *account) askSpooled(ctx context.Context, request *channelv1.HTTPRequest, suspect bool) (*channelv1.HTTPResponse, error) {
	if suspect {
		a.supervisor.spooling.Lock()
		defer a.supervisor.spooling.Unlock()
	} else {
		a.supervisor.spooling.RLock()
		defer a.supervisor.spooling.RUnlock()
	}
	l := a.supervisor.current.Load()
	if l == nil || a.openError.Load() != nil || a.removed.Load() {
		return nil, errDown
	}
	select {
	case <-l.exited():
		return nil, errDown // before this request could be to blame
	default:
	}
	if l.webhook == nil {
		return nil, errors.New("the plugin takes no requests")
	}
	call, cancel := context.WithTimeout(ctx, spoolPatience)
	defer cancel()
	answer, err := l.webhook.HandleHTTP(call, request)
	if err == nil {
		return answer, nil
	}
	switch code := status.Code(err); {
	case code == codes.NotFound || code == codes.Aborted:
		return nil, errDown // nothing was done
	case ends(ctx, l):
		return nil, errEnded
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
