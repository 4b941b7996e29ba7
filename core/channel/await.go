package channel

import (
	"context"
)

// await returns a process of a later generation than the given one, waiting for it while that is worthwhile: not when
// the next start lies beyond ctx's deadline.
func (s *supervisor) await(ctx context.Context, after uint64) (*live, error) {
	for {
		if l := s.current.Load(); l != nil && l.generation > after {
			return l, nil
		}
		s.mu.Lock()
		changed, state, nextAt := s.changed, s.state, s.nextAt
		s.mu.Unlock()
		// Looked at again under the state that was just read: a change in between closes the channel.
		if l := s.current.Load(); l != nil && l.generation > after {
			return l, nil
		}
		if s.stopping.Err() != nil {
			return nil, errDown
		}
		deadline, limited := ctx.Deadline()
		if (state == BackingOff || state == Failed) && (!limited || nextAt.After(deadline)) {
			return nil, errDown
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, errDown
		}
	}
}
