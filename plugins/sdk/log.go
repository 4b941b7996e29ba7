package sdk

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
)

// masked stands where a secret was.
const masked = "•••"

// scrubber replaces the secrets of all open accounts in what is logged.
type scrubber struct {
	mu       sync.Mutex
	secrets  map[string][]string // by account
	replacer atomic.Pointer[strings.Replacer]
}

func newScrubber() *scrubber { return &scrubber{secrets: map[string][]string{}} }

// set names the secrets of an account; none forgets it. Very short values are left alone: replacing them would mangle
// every line and protect nothing.
func (s *scrubber) set(account string, secrets []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.secrets, account)
	if len(secrets) > 0 {
		s.secrets[account] = secrets
	}
	var forms []string
	for _, list := range s.secrets {
		for _, secret := range list {
			if len(secret) < 6 {
				continue
			}
			forms = append(forms, secret)
			for _, escaped := range []string{url.QueryEscape(secret), url.PathEscape(secret)} {
				if escaped != secret {
					forms = append(forms, escaped)
				}
			}
		}
	}
	// The longest first: a secret may be the beginning of another.
	sort.Slice(forms, func(i, j int) bool { return len(forms[i]) > len(forms[j]) })
	var pairs []string
	for _, form := range forms {
		pairs = append(pairs, form, masked)
	}
	s.replacer.Store(strings.NewReplacer(pairs...))
}

func (s *scrubber) scrub(text string) string {
	if r := s.replacer.Load(); r != nil {
		return r.Replace(text)
	}
	return text
}

// newLogger writes lines that the host reads back with their level: the JSON of hclog, keys with an @.
func newLogger(w io.Writer, level slog.Leveler, s *scrubber) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 {
				switch a.Key {
				case slog.TimeKey:
					if a.Value.Kind() == slog.KindTime {
						return slog.String("@timestamp", a.Value.Time().Format("2006-01-02T15:04:05.000000Z07:00"))
					}
				case slog.LevelKey:
					if level, ok := a.Value.Any().(slog.Level); ok {
						return slog.String("@level", strings.ToLower(level.String()))
					}
				case slog.MessageKey:
					return slog.String("@message", s.scrub(a.Value.String()))
				}
			}
			switch a.Value.Kind() {
			case slog.KindString:
				a.Value = slog.StringValue(s.scrub(a.Value.String()))
			case slog.KindAny:
				a.Value = slog.StringValue(s.scrub(fmt.Sprint(a.Value.Any())))
			}
			return a
		},
	}))
}
