package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// hostState is the account under which the host keeps what it has to remember itself. No account can have this id, so
// no plugin can reach it.
const hostState = "~host"

// The counts are saved before they grow beyond what was last saved, with some room to grow, so that keeping a request
// seldom costs a second write: 10,000 requests cost about 120. A restart takes the room for filled.
func roomy(requests int, bytes int64) (int, int64) {
	return requests + requests/16, bytes + bytes/16
}

// errSpoolFull means that an account's spool has reached its limit.
var errSpoolFull = errors.New("too many requests wait for the plugin")

// ledger is what the host remembers about an account's spool, also across restarts: how much waits in it, at most, and
// how often the request at its head has been tried in vain.
type ledger struct {
	state   StateStore // nil: in memory only
	account string

	mu       sync.Mutex
	loaded   bool
	requests int
	bytes    int64
	refusing bool // something was refused since the spool was last empty
	saved    ledgerRecord
}

// ledgerRecord is what is saved.
type ledgerRecord struct {
	Requests int    `json:"requests"` // at most so many wait
	Bytes    int64  `json:"bytes"`
	Suspect  string `json:"suspect,omitempty"` // the id of a request that was tried in vain, or is being tried
	Tries    int    `json:"tries,omitempty"`   // of the suspect
}

// load reads what an earlier run saved, once.
func (l *ledger) load(ctx context.Context) error {
	if l.loaded || l.state == nil {
		return nil
	}
	value, _, found, err := l.state.GetState(ctx, hostState, l.key())
	if err != nil {
		return fmt.Errorf("what is known about the spool cannot be read: %w", err)
	}
	if found {
		// What cannot be read stands for nothing known: the spool itself is what counts.
		_ = json.Unmarshal(value, &l.saved)
	}
	l.requests, l.bytes, l.loaded = l.saved.Requests, l.saved.Bytes, true
	return nil
}

func (l *ledger) key() string { return "spool/" + l.account }

func (l *ledger) save(ctx context.Context, record ledgerRecord) error {
	if record == l.saved {
		return nil
	}
	if l.state != nil {
		if err := l.write(ctx, record); err != nil {
			return fmt.Errorf("what is known about the spool cannot be kept: %w", err)
		}
	}
	l.saved = record
	return nil
}

func (l *ledger) write(ctx context.Context, record ledgerRecord) error {
	if record == (ledgerRecord{}) {
		return l.state.DeleteState(ctx, hostState, l.key(), nil)
	}
	value, err := json.Marshal(record)
	if err == nil {
		_, err = l.state.SetState(ctx, hostState, l.key(), value, nil)
	}
	return err
}

// admit counts a request that is about to be put in. With errSpoolFull there is no room for it; first tells whether it
// is the first to be refused.
func (l *ledger) admit(ctx context.Context, size int, limit policy) (first bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.load(ctx); err != nil {
		return false, err
	}
	requests, bytes := l.requests+1, l.bytes+int64(size)
	if requests > limit.spoolRequests || bytes > limit.spoolBytes {
		first, l.refusing = !l.refusing, true
		return first, errSpoolFull
	}
	if record := l.saved; requests > record.Requests || bytes > record.Bytes {
		record.Requests, record.Bytes = roomy(requests, bytes)
		if err := l.save(ctx, record); err != nil {
			return false, err
		}
	}
	l.requests, l.bytes = requests, bytes
	return false, nil
}

// gone counts a request that is no longer, or not after all, in the spool.
func (l *ledger) gone(size int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests, l.bytes = max(l.requests-1, 0), max(l.bytes-int64(size), 0)
}

// emptied forgets everything: nothing waits.
func (l *ledger) emptied(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.load(ctx); err != nil {
		return err
	}
	l.requests, l.bytes, l.refusing = 0, 0, false
	return l.save(ctx, ledgerRecord{})
}

// tries returns how often a request has been tried in vain.
func (l *ledger) tries(ctx context.Context, id string) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.load(ctx); err != nil {
		return 0, err
	}
	if l.saved.Suspect != id {
		return 0, nil
	}
	return l.saved.Tries, nil
}

// tried keeps how often a request has been tried in vain. One request is tried at a time.
func (l *ledger) tried(ctx context.Context, id string, tries int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	record := l.saved
	if record.Suspect, record.Tries = id, tries; tries == 0 {
		record.Suspect = ""
	}
	return l.save(ctx, record)
}
