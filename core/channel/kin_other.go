//go:build !linux

package channel

// kin is for Linux only.
type kin struct{}

func newKin(int) *kin { return nil }

func (*kin) look() int64 { return 0 }

func (*kin) kill() {}

func (*kin) has(int) bool { return false }

func parentOf(int) (int, bool) { return 0, false }
