package config

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/guichet/guichet/core"
)

// verbatim is a value that is written as it is: one that stands in the file already.
type verbatim string

// writer writes values as a file writes them.
type writer struct{ newline string }

func writerFor(src []byte) writer {
	if bytes.Contains(src, []byte("\r\n")) {
		return writer{"\r\n"}
	}
	return writer{"\n"}
}

// value writes a value. former is what it replaces, whose way of quoting it keeps where it can.
func (w writer) value(v any, former []byte) (string, error) {
	switch v := v.(type) {
	case verbatim:
		return string(v), nil
	case string:
		return w.text(v, former), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			part, err := w.value(item, nil)
			if err != nil {
				return "", err
			}
			parts[i] = part
		}
		return "[" + strings.Join(parts, ", ") + "]", nil
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			part, err := w.value(v[key], nil)
			if err != nil {
				return "", err
			}
			parts = append(parts, bareOrQuoted(key)+" = "+part)
		}
		if len(parts) == 0 {
			return "{}", nil
		}
		return "{ " + strings.Join(parts, ", ") + " }", nil
	}
	return "", core.Errorf(core.Invalid, "A value must be a text, a whole number, true or false, a list or a table.")
}

func (w writer) text(s string, former []byte) string {
	plain := !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 && r != '\t' || r == 0x7F })
	switch {
	case bytes.HasPrefix(former, []byte(`"""`)) && strings.Contains(s, "\n") && w.newline == "\n" && !strings.Contains(s, "\r"):
		lines := strings.Split(s, "\n")
		for i, line := range lines {
			quoted := quote(line)
			lines[i] = quoted[1 : len(quoted)-1]
		}
		return `"""` + "\n" + strings.Join(lines, "\n") + `"""`
	case bytes.HasPrefix(former, []byte(`'`)) && !bytes.HasPrefix(former, []byte(`'''`)) && plain && !strings.Contains(s, "'"):
		return "'" + s + "'"
	}
	return quote(s)
}

// line writes one key = value with its line end.
func (w writer) line(indent, key string, v any) (string, error) {
	text, err := w.value(v, nil)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	return indent + key + " = " + text + w.newline, nil
}

func bareOrQuoted(key string) string {
	for i := range len(key) {
		if !bareKey(key[i]) {
			return quote(key)
		}
	}
	if key == "" {
		return `""`
	}
	return key
}
