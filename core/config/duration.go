package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time as the file writes it: "90s", "12h", "28d", "1d12h". Where the setting allows it,
// "never" is 0.
type Duration time.Duration

// maxDuration bounds what can be written: ten years. It keeps sums far from overflow.
const maxDuration = 3650 * day

const day = 24 * time.Hour

var durationUnits = []struct {
	name string
	size time.Duration
}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}}

var errDuration = errors.New(`a duration is a whole number with a unit (d, h, m, s or ms), such as "90s", "12h", "28d" or "1d12h"`)

// parseDuration reads whole numbers with units, largest unit first, each unit at most once: "90s", "28d", "1d12h".
func parseDuration(s string) (Duration, error) {
	var sum time.Duration
	next := 0 // first unit still allowed
	for rest := s; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		count, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil {
			return 0, errDuration
		}
		rest = rest[digits:]
		letters := strings.IndexAny(rest, "0123456789")
		if letters < 0 {
			letters = len(rest)
		}
		unit := -1
		for i := next; i < len(durationUnits); i++ {
			if durationUnits[i].name == rest[:letters] {
				unit = i
			}
		}
		if unit < 0 {
			return 0, errDuration
		}
		if count > int64(maxDuration/durationUnits[unit].size) {
			return 0, fmt.Errorf("a duration is at most %s", Duration(maxDuration))
		}
		sum += time.Duration(count) * durationUnits[unit].size
		if sum > maxDuration {
			return 0, fmt.Errorf("a duration is at most %s", Duration(maxDuration))
		}
		next = unit + 1
		rest = rest[letters:]
	}
	if s == "" {
		return 0, errDuration
	}
	return Duration(sum), nil
}

// String writes d as the file would, to the millisecond: the inverse of [parseDuration].
func (d Duration) String() string {
	rest := time.Duration(d)
	if rest <= 0 {
		return "0s"
	}
	var b strings.Builder
	for _, u := range durationUnits {
		if n := rest / u.size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			rest -= n * u.size
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}
