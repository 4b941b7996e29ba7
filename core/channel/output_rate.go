package channel

import (
	"fmt"
	"time"
)

// How many lines of one plugin process go to the host's log: so many at once, and so many a second. The journal and what
// is kept for a crash have all of them.
const (
	logBurst  = 1000
	logSecond = 100
)

// lineRate limits the lines that are logged.
type lineRate struct {
	left    float64
	at      time.Time
	skipped int
}

// pass reports whether a line may be logged now, and what has to be said about those that were not.
func (r *lineRate) pass(now time.Time) (ok bool, say string) {
	if r.at.IsZero() {
		r.left = logBurst
	} else {
		r.left = min(logBurst, r.left+logSecond*now.Sub(r.at).Seconds())
	}
	r.at = now
	if r.left < 1 || r.skipped > 0 && r.left < logSecond {
		r.skipped++
		if r.skipped == 1 {
			return false, "it writes too much: further lines were not logged until it writes less"
		}
		return false, ""
	}
	r.left--
	if r.skipped > 0 {
		say = fmt.Sprintf("%d lines were not logged", r.skipped)
		r.skipped = 0
	}
	return true, say
}
