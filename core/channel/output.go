package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// outputBytes is how much of what a plugin wrote is kept, to be shown when it crashes: 64 KiB.
	outputBytes = 64 << 10
	// lineBytes is where a line is cut.
	lineBytes = 64 << 10
)

// stream is where a plugin wrote.
type stream int

const (
	streamStderr stream = iota
	streamStdout
)

// output takes what one process writes: each line goes to the log, at its level, and the last of them are kept.
// Secrets are masked.
type output struct {
	log      *slog.Logger
	journal  *journal
	mu       sync.Mutex
	replacer *strings.Replacer
	partial  [2][]byte
	kept     []byte
	rate     lineRate
}

func newOutput(log *slog.Logger, journal *journal) *output {
	return &output{log: log, journal: journal, replacer: strings.NewReplacer()}
}

// hide names the secrets that are masked from now on.
func (o *output) hide(secrets []string) {
	var forms []string
	for _, secret := range secrets {
		if len(secret) >= 6 {
			forms = append(forms, secret, url.QueryEscape(secret), url.PathEscape(secret))
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, "•••")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.replacer = strings.NewReplacer(pairs...)
}

// writer returns the writer of one stream.
func (o *output) writer(s stream) io.Writer { return streamWriter{o, s} }

type streamWriter struct {
	output *output
	stream stream
}

func (w streamWriter) Write(p []byte) (int, error) {
	o := w.output
	o.mu.Lock()
	defer o.mu.Unlock()
	buffer := append(o.partial[w.stream], p...)
	for {
		end := bytes.IndexByte(buffer, '\n')
		next := end + 1
		if end < 0 {
			if len(buffer) < lineBytes {
				break
			}
			end, next = lineBytes, lineBytes
		}
		o.line(w.stream, buffer[:end])
		buffer = buffer[next:]
	}
	o.partial[w.stream] = append(o.partial[w.stream][:0], buffer...)
	return len(p), nil
}

// line keeps and logs one line. The caller holds mu.
func (o *output) line(s stream, line []byte) {
	text := o.replacer.Replace(strings.ToValidUTF8(string(line), "�"))
	o.kept = append(append(o.kept, text...), '\n')
	if len(o.kept) > 2*outputBytes {
		o.kept = append(o.kept[:0], o.kept[len(o.kept)-outputBytes:]...)
	}
	o.journal.add(text)
	ok, say := o.rate.pass(time.Now())
	if say != "" {
		o.log.Warn(say)
	}
	if ok {
		o.logLine(s, text)
	}
}

// tail returns the last of what was written, from the beginning of a line.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	for s, partial := range o.partial {
		if len(partial) > 0 {
			o.line(stream(s), partial)
			o.partial[s] = nil
		}
	}
	kept := o.kept
	if len(kept) > outputBytes {
		kept = kept[len(kept)-outputBytes:]
		if i := bytes.IndexByte(kept, '\n'); i >= 0 {
			kept = kept[i+1:]
		}
	}
	return strings.ToValidUTF8(string(kept), "") // the cut may have gone through a character
}

// logLine logs a line: as what it says, when it is JSON with the @-keys that go-plugin's logger writes, else as a text.
// Nothing that a plugin writes can do harm here: the types are looked at.
func (o *output) logLine(s stream, text string) {
	var fields map[string]any
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &fields) == nil {
		if message, ok := fields["@message"].(string); ok {
			level := slog.LevelInfo
			if name, ok := fields["@level"].(string); ok {
				_ = level.UnmarshalText([]byte(name)) // a level of another kind stays "info"
			}
			attrs := make([]slog.Attr, 0, len(fields))
			for key, value := range fields {
				if !strings.HasPrefix(key, "@") {
					attrs = append(attrs, slog.Any(key, value))
				}
			}
			slices.SortFunc(attrs, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
			o.log.LogAttrs(context.Background(), level, message, attrs...)
			return
		}
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	level, name := slog.LevelWarn, "stderr"
	if s == streamStdout {
		level, name = slog.LevelInfo, "stdout"
	}
	o.log.LogAttrs(context.Background(), level, text, slog.String("stream", name))
}
