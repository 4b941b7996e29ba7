package kv

import "fmt"

func (e *LimitError) Error() string {
	return fmt.Sprintf("kv: transaction exceeds its limit of %d %s (%d)", e.Limit, e.What, e.Got)
}

// PanicError is what Update returns when the closure panicked. Other callers in the same batch are not affected.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("kv: transaction panicked: %v", e.Value) }
