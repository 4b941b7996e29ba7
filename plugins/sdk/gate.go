package sdk

import (
	"sync"
	"sync/atomic"
)

// gate counts what is going on behind it and, once shut, tells when the last has left. The zero gate is not usable.
type gate struct {
	inside atomic.Int64
	shut   atomic.Bool
	once   sync.Once
	empty  chan struct{} // closed when shut and nobody is inside
}

func newGate() *gate { return &gate{empty: make(chan struct{})} }

// enter reports whether the caller may go on; it then owes a leave.
func (g *gate) enter() bool {
	g.inside.Add(1)
	if g.shut.Load() {
		g.leave()
		return false
	}
	return true
}

func (g *gate) leave() {
	if g.inside.Add(-1) == 0 && g.shut.Load() {
		g.once.Do(func() { close(g.empty) })
	}
}

// close lets nobody in any more and returns a channel that is closed when the last has left.
func (g *gate) close() <-chan struct{} {
	g.shut.Store(true)
	if g.inside.Load() == 0 {
		g.once.Do(func() { close(g.empty) })
	}
	return g.empty
}
