package kv

// Meter counts what one run of a closure reads and writes against the limits of a transaction. Every engine keeps one
// per run, so that all engines refuse the same transactions. The zero value is ready. It is not safe for concurrent
// use.
type Meter struct {
	reads, writes, bytes int
	err                  error
}

// Read counts one key looked at. It returns a *LimitError once there are too many.
func (m *Meter) Read() error {
	m.reads++
	if m.reads > MaxReads {
		m.fail("reads", MaxReads, m.reads)
		return m.err
	}
	return nil
}

// Write counts one Set, Delete or Emit of a key (or topic) and a value of these sizes in bytes. It reports whether the
// write is within the limits; one that is not must be ignored, and the transaction fails with Err.
func (m *Meter) Write(key, value int) bool {
	m.writes++
	m.bytes += key + value
	switch {
	case key > MaxKey:
		m.fail("key", MaxKey, key)
	case value > MaxValue:
		m.fail("value", MaxValue, value)
	case m.writes > MaxWrites:
		m.fail("writes", MaxWrites, m.writes)
	case m.bytes > MaxBytes:
		m.fail("bytes", MaxBytes, m.bytes)
	default:
		return true
	}
	return false
}

// Err returns the first limit that was exceeded, as a *LimitError, or nil.
func (m *Meter) Err() error { return m.err }

func (m *Meter) fail(what string, limit, got int) {
	if m.err == nil {
		m.err = &LimitError{What: what, Limit: limit, Got: got}
	}
}
