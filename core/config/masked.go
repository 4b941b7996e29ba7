package config

import (
	"reflect"
	"regexp"
	"strings"
)

// masked returns the text of a file without its secrets, line by line. Where the file cannot be read as a configuration,
// what is a secret is guessed, rather too often than not often enough: only values are shown of which the key is known,
// and known to be no secret.
func masked(path string, text []byte, env Environment, key []byte) []byte {
	if c, problems := Decode(path, text, env); problems == nil {
		return c.redacted(key, true)
	}
	return guessed(text)
}

// guessed is the text of a file of which nobody knows what it means, without what may be a secret in it. Each line stays
// a line.
func guessed(text []byte) []byte {
	m := &mask{table: reflect.TypeFor[Config](), texts: map[string]bool{}}
	plain := strings.TrimPrefix(string(text), "\uFEFF")
	m.unpaired = unpairedQuotes(plain) != ""
	lines := strings.SplitAfter(plain, "\n")
	shown := make([]string, len(lines))
	for i, line := range lines {
		body := strings.TrimRight(line, "\r\n")
		lines[i], shown[i] = line[len(body):], m.line(body)
		if shown[i] != body {
			m.remember(body)
		}
	}
	for i, line := range shown {
		if m.repeats(line) {
			line = hidden
		}
		shown[i] = line + lines[i]
	}
	return []byte(strings.Join(shown, ""))
}

// hidden stands where something may be a secret.
const hidden = `"********"`

// mask goes through a broken file line by line and says what of each may be seen.
type mask struct {
	// unpaired says that the quotes of texts of several lines do not pair up. Then any line may be the inside of one, and
	// no value is shown.
	unpaired bool
	table    reflect.Type    // of the header above; nil where nobody knows it
	open     unfinished      // a hidden value that has begun
	list     bool            // a list that is shown has begun
	remarks  bool            // the comment above is hidden
	texts    map[string]bool // what was quoted in that which is hidden
}

var (
	headerLine    = regexp.MustCompile(`^\[+\s*([A-Za-z0-9_-]+(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*\]*\s*(#.*)?$`)
	statementLine = regexp.MustCompile(`^\s*([A-Za-z0-9_-]+(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=(.*)$`)
	// elementLine is a line of a list of texts or numbers.
	elementLine = regexp.MustCompile(`^\s*((?:"[^"\\]*"|'[^']*'|[0-9]+)\s*,?\s*)*\]?\s*(#.*)?$`)
	// harmless are references to secrets, and values that are none.
	harmless = regexp.MustCompile(`^\s*(\{\s*(env|file|stored)\s*=\s*("[^"]*"|'[^']*')\s*\}|true|false)\s*(#.*)?$`)
)

// line returns what may be seen of a line.
func (m *mask) line(body string) string {
	trimmed := strings.TrimSpace(body)
	remarks := m.remarks
	m.remarks = false
	if m.open.is() {
		m.open.read(body)
		return hidden
	}
	if header := headerLine.FindStringSubmatch(trimmed); header != nil {
		return m.header(body, header[1])
	}
	statement := statementLine.FindStringSubmatch(body)
	switch {
	case trimmed == "":
		return body
	case strings.HasPrefix(trimmed, "#"):
		m.open.begin(trimmed) // a line that was commented out may begin a text that was not
		if m.remarks = remarks || m.unpaired || m.secretTable() || soundsSecret.MatchString(body); m.remarks {
			return hidden
		}
		return body
	case statement != nil:
		return m.statement(body, keyNames(statement[1]), statement[2])
	case m.list && !m.unpaired && elementLine.MatchString(body) && !soundsSecret.MatchString(body):
		m.list = !strings.Contains(body, "]")
		return body
	}
	m.stray(body)
	return hidden
}

func (m *mask) header(body, names string) string {
	m.list = false
	m.table, _ = typeAt(reflect.TypeFor[Config](), keyNames(names))
	if m.unpaired && m.table == nil || soundsSecret.MatchString(body) {
		return hidden
	}
	return body
}

func (m *mask) statement(body string, names []string, value string) string {
	m.list = false
	t, known := typeAt(m.table, names)
	before, _, _ := strings.Cut(body, "=")
	if known && m.unpaired {
		return before + "= " + hidden
	}
	var begun unfinished
	begun.begin(value)
	switch {
	case m.unpaired:
		return hidden
	case harmless.MatchString(value) && !soundsSecret.MatchString(value):
		return body
	case known && !holdsSecret(t) && !soundsSecret.MatchString(body) && len(begun.quote) < 3:
		m.list = begun.depth > 0
		return body
	}
	m.open = begun
	return before + "= " + hidden
}

// stray looks at a line that stands nowhere: what it begins is hidden too.
func (m *mask) stray(body string) {
	m.list = false
	if m.unpaired {
		return
	}
	if _, value, assigned := strings.Cut(body, "="); assigned {
		m.open.begin(value)
	} else if at := strings.IndexAny(body, "[{\"'"); at >= 0 {
		m.open.begin(body[at:])
	}
}

// secretTable reports whether nobody knows what stands in the present table, or secrets do.
func (m *mask) secretTable() bool { return m.table == nil || m.table == reflect.TypeFor[Settings]() }

// remember notes what was quoted in a line that is hidden.
func (m *mask) remember(body string) {
	for _, quoted := range quotedText.FindAllStringSubmatch(body, -1) {
		if inner := quoted[2][1 : len(quoted[2])-1]; quoted[1] == "" && len(inner) >= minimumSearched {
			m.texts[inner] = true
		}
	}
}

// repeats reports whether a line that is shown contains something that is hidden elsewhere.
func (m *mask) repeats(line string) bool {
	for text := range m.texts {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// keyNames splits a dotted key of bare names.
func keyNames(dotted string) []string {
	names := strings.Split(dotted, ".")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	return names
}

// typeAt returns the type of what a key below a table is decoded into; nil and false where there is no such key.
func typeAt(t reflect.Type, names []string) (reflect.Type, bool) {
	for _, name := range names {
		for t != nil && t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		switch {
		case t == nil:
			return nil, false
		case t == reflect.TypeFor[Settings]():
			return t, true
		case t.Kind() == reflect.Map:
			t = t.Elem()
		case t.Kind() == reflect.Struct:
			field, _, found := fieldFor(reflect.New(t).Elem(), name)
			if !found {
				return nil, false
			}
			t = field.Type()
		default:
			return nil, false
		}
	}
	for t != nil && t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct {
		t = t.Elem()
	}
	return t, t != nil
}

// holdsSecret reports whether a value of a type may hold a secret.
func holdsSecret(t reflect.Type) bool {
	switch {
	case t == reflect.TypeFor[Secret](), t == reflect.TypeFor[Settings]():
		return true
	case t.Kind() == reflect.Slice:
		return holdsSecret(t.Elem())
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("toml") != "" && holdsSecret(f.Type) {
				return true
			}
		}
	}
	return false
}

// unfinished is a value that has begun and goes on in the lines below: a list, an inline table, a text in three quotes, or
// one whose closing quote is missing.
type unfinished struct {
	depth int    // brackets that are open
	quote string // of the text that is open, or ""
}

func (o *unfinished) is() bool { return o.depth > 0 || o.quote != "" }

// begin reads the first line of a value.
func (o *unfinished) begin(value string) {
	*o = unfinished{}
	value = strings.TrimSpace(value)
	if value != "" && (value[0] == '[' || value[0] == '{') {
		o.depth, value = 1, value[1:]
	}
	o.read(value)
}

// read reads a line, to its end or to that of the value.
func (o *unfinished) read(line string) {
	began := o.is()
	if len(o.quote) == 1 && unpairedQuotes(line) != "" {
		o.quote = unpairedQuotes(line) // a text of several lines begins: the quote above was only a slip
		return
	}
	for i := 0; i < len(line); {
		if began && !o.is() {
			o.quote = unpairedQuotes(line[i:]) // for nobody to see either, and it may begin the next
			return
		}
		if o.quote != "" {
			i += o.inside(line[i:])
			began = true
			continue
		}
		switch c := line[i]; c {
		case '#': // whoever put it there may have meant less than that
			o.quote = unpairedQuotes(line[i:])
			return
		case '"', '\'':
			if triple := strings.Repeat(string(c), 3); strings.HasPrefix(line[i:], triple) {
				o.quote = triple
				i += 3
				continue
			}
			length, closed := texted(line[i:])
			if !closed && o.depth == 0 {
				o.quote = string(c)
			}
			i += length
			continue
		case '[', '{':
			if o.depth > 0 {
				o.depth++
			}
		case ']', '}':
			o.depth = max(0, o.depth-1)
		}
		i++
	}
}

// inside returns how much of a line belongs to the text that is open, with its closing quotes.
func (o *unfinished) inside(line string) int {
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && o.quote[0] == '"':
			i++
		case strings.HasPrefix(line[i:], o.quote):
			end := i + len(o.quote)
			for len(o.quote) == 3 && end < min(i+5, len(line)) && line[end] == o.quote[0] {
				end++ // up to two quotes may stand before the closing ones
			}
			o.quote = ""
			return end
		}
	}
	return len(line)
}

// texted returns the length of the text that a line begins with, and whether it is closed.
func texted(line string) (length int, closed bool) {
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] == '\\' && line[0] == '"':
			i++
		case line[i] == line[0]:
			return i + 1, true
		}
	}
	return len(line), false
}

// unpairedQuotes returns the three quotes that a piece of text has an odd number of, or "".
func unpairedQuotes(text string) string {
	for _, quotes := range []string{`"""`, "'''"} {
		if strings.Count(text, quotes)%2 == 1 {
			return quotes
		}
	}
	return ""
}
