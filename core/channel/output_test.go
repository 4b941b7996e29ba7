package channel

import (
	"io"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestOutputLines(t *testing.T) {
	log := &lines{}
	o := newOutput(slog.New(slog.NewTextHandler(log, nil)), &journal{})
	o.hide([]string{"s3cret+value", "abc"})
	out, err := o.writer(streamStdout), o.writer(streamStderr)
	for _, part := range []string{"on std", "out\nabc s3cret+", "value and s3cret%2Bvalue\n", "no end"} {
		if n, werr := io.WriteString(out, part); n != len(part) || werr != nil {
			t.Fatal(n, werr)
		}
	}
	for _, part := range []string{
		`{"@level":"error","@message":"it failed","why":"s3cret+value"}` + "\n", `{"@message":7}` + "\n", `{"@level":7,"@message":"odd"}` + "\n",
		"\xff\xfe\n", strings.Repeat("x", 3*lineBytes), "\n",
	} {
		_, _ = io.WriteString(err, part)
	}
	for _, want := range []string{
		`level=INFO msg="on stdout" stream=stdout`, `msg="abc ••• and •••"`, `level=ERROR msg="it failed" why=•••`, `level=INFO msg=odd`,
		`level=WARN msg="{\"@message\":7}"`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%.2000s", want, log.String())
		}
	}
	tail := o.tail()
	if len(tail) > outputBytes || !strings.HasSuffix(tail, "no end\n") || !utf8.ValidString(tail) {
		t.Errorf("%d bytes are kept, ending in %q", len(tail), tail[max(0, len(tail)-20):])
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Error("a secret was logged")
	}
}

func FuzzOutput(f *testing.F) {
	f.Add([]byte(`{"@level":"info","@message":"m","@timestamp":"t"}` + "\n"))
	f.Add([]byte(`{"@message":null}` + "\nx"))
	f.Fuzz(func(t *testing.T, written []byte) {
		o := newOutput(slog.New(slog.DiscardHandler), &journal{})
		w := o.writer(streamStderr)
		half := len(written) / 2
		for _, part := range [][]byte{written[:half], written[half:]} {
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if tail := o.tail(); len(tail) > outputBytes || !utf8.ValidString(tail) {
			t.Errorf("%d bytes are kept", len(tail))
		}
	})
}
