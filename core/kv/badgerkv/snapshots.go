package badgerkv

import "sync"

// snapshots knows which timestamps are being read, so that compaction keeps what readers still see, and so that Close
// waits for them.
type snapshots struct {
	mu      sync.Mutex
	list    []*snapshot // ascending; the last one is the newest durable state
	readers int
	closed  bool
	idle    chan struct{} // closed when closed is set and the last reader has gone
}

type snapshot struct {
	ts   uint64
	refs int
}

func newSnapshots(ts uint64) *snapshots {
	return &snapshots{list: []*snapshot{{ts: ts}}, idle: make(chan struct{})}
}

// acquire returns the newest durable state, or nil after close. The caller must release it.
func (s *snapshots) acquire() *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	newest := s.list[len(s.list)-1]
	newest.refs++
	s.readers++
	return newest
}

func (s *snapshots) release(r *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.refs--
	s.readers--
	if s.closed && s.readers == 0 {
		close(s.idle)
	}
}

// publish makes ts the newest durable state and returns the oldest timestamp that is still read.
func (s *snapshots) publish(ts uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	unused := 0
	for unused < len(s.list) && s.list[unused].refs == 0 {
		unused++
	}
	var next *snapshot
	if unused > 0 {
		next = s.list[0]
		s.list = s.list[:copy(s.list, s.list[unused:])]
	} else {
		next = new(snapshot)
	}
	next.ts = ts
	s.list = append(s.list, next)
	return s.list[0].ts
}

// close refuses new readers.
func (s *snapshots) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	if s.readers == 0 {
		close(s.idle)
	}
}

// drained is closed once close was called and the last reader has gone.
func (s *snapshots) drained() <-chan struct{} { return s.idle }
