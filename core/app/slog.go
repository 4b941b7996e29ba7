package app

import (
	"context"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// slogOf lets what speaks slog write to the one log.
func slogOf(log hclog.Logger) *slog.Logger { return slog.New(&bridge{log: log}) }

// bridge is a slog handler that writes to hclog.
type bridge struct {
	log   hclog.Logger
	group string
}

func levelOf(l slog.Level) hclog.Level {
	switch {
	case l >= slog.LevelError:
		return hclog.Error
	case l >= slog.LevelWarn:
		return hclog.Warn
	case l >= slog.LevelInfo:
		return hclog.Info
	}
	return hclog.Debug
}

func (b *bridge) Enabled(_ context.Context, l slog.Level) bool {
	return b.log.GetLevel() <= levelOf(l)
}

func (b *bridge) Handle(_ context.Context, r slog.Record) error {
	args := make([]any, 0, 2*r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		args = append(args, b.group+a.Key, a.Value.Resolve().Any())
		return true
	})
	b.log.Log(levelOf(r.Level), r.Message, args...)
	return nil
}

func (b *bridge) WithAttrs(attrs []slog.Attr) slog.Handler {
	args := make([]any, 0, 2*len(attrs))
	for _, a := range attrs {
		args = append(args, b.group+a.Key, a.Value.Resolve().Any())
	}
	return &bridge{log: b.log.With(args...), group: b.group}
}

func (b *bridge) WithGroup(name string) slog.Handler {
	return &bridge{log: b.log, group: b.group + name + "."}
}
