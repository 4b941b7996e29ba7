package config

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	good := map[string]time.Duration{
		"90s": 90 * time.Second, "28d": 672 * time.Hour, "12h": 12 * time.Hour, "1d12h": 36 * time.Hour,
		"0s": 0, "1d2h3m4s5ms": 26*time.Hour + 3*time.Minute + 4*time.Second + 5*time.Millisecond, "3650d": maxDuration,
	}
	for text, want := range good {
		if got, err := parseDuration(text); err != nil || time.Duration(got) != want {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "s", "90", "1.5h", "-1s", "1h1d", "1h1h", " 1h", "1h ", "1w", "3651d", "3650d1s", "99999999999999999999d", "9223372036854775807ms"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %v; want an error", text, got)
		}
	}
}

func TestDurationsReadWhatTheyWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Range(0, int64(maxDuration/time.Millisecond)).Draw(t, "ms")) * Duration(time.Millisecond)
		if got, err := parseDuration(d.String()); err != nil || got != d {
			t.Fatalf("%v: read back %v, %v", d, got, err)
		}
	})
}
