package sdk

import (
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
)

// textOf is what is logged of a value. Bytes are text: as numbers they could not be scrubbed.
func textOf(v any) string {
	if b := reflect.ValueOf(v); b.Kind() == reflect.Slice && b.Type().Elem().Kind() == reflect.Uint8 {
		return string(b.Bytes())
	}
	return fmt.Sprint(v)
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
				a.Value = slog.StringValue(s.scrub(textOf(a.Value.Any())))
			}
			a.Key = s.scrub(a.Key)
			return a
		},
	}))
}
