package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// outline is where things stand in a file, byte for byte: its sections and what is written in them. The tree of a
// [document] says what a file means; the outline says which bytes say it, so that an edit can leave all others alone.
type outline struct {
	src      []byte
	sections []*section // the first is what comes before any header
}

// section is a [header] or [[header]] and what stands below it.
type section struct {
	path       []any // from the root: keys, and after the name of a list the index in it
	array      bool
	start, end int // of the header's line with its line end; both 0 for the first section
	entries    []*entry
}

// entry is one key = value, in a section or in an inline table.
type entry struct {
	names              []string
	start, keyEnd      int // of the key as written
	lineStart, lineEnd int // of the lines that it takes, in a section
	value              *written
}

// written is a value as it stands in the file.
type written struct {
	start, end int
	kind       byte // '[' for a list, '{' for an inline table, 0 for everything else
	items      []*written
	entries    []*entry
}

// outlineOf reads a file that the TOML parser accepts. It fails, rather than guess, on what it does not understand.
func outlineOf(src []byte) (*outline, error) {
	s := &scanner{src: src}
	o := &outline{src: src, sections: []*section{{}}}
	if strings.HasPrefix(string(src), "\ufeff") {
		s.at = 3
	}
	counts := map[string]int{} // elements of lists of tables so far, by path
	for {
		s.blanks(true)
		if s.at >= len(src) {
			return o, nil
		}
		if src[s.at] != '[' {
			e, err := s.entry()
			if err != nil {
				return nil, err
			}
			e.lineStart, e.lineEnd = s.lineStart(e.start), s.lineEnd(e.value.end)
			s.at = e.lineEnd
			last := o.sections[len(o.sections)-1]
			last.entries = append(last.entries, e)
			continue
		}
		sec := &section{start: s.lineStart(s.at)}
		s.at++
		if s.peek() == '[' {
			sec.array = true
			s.at++
		}
		names, _, err := s.key()
		if err != nil {
			return nil, err
		}
		if s.peek() != ']' {
			return nil, s.lost()
		}
		sec.end = s.lineEnd(s.at)
		s.at = sec.end
		sec.path = resolve(names, sec.array, counts)
		o.sections = append(o.sections, sec)
	}
}

// resolve turns the names of a header into a path: a name of a list of tables stands for its last element.
func resolve(names []string, array bool, counts map[string]int) []any {
	var path []any
	for i, name := range names {
		path = append(path, name)
		at := fmt.Sprintf("%q", path)
		if i == len(names)-1 && array {
			counts[at]++
		}
		if n := counts[at]; n > 0 {
			path = append(path, n-1)
		}
	}
	return path
}

// scanner walks over the bytes of valid TOML.
type scanner struct {
	src []byte
	at  int
}

func (s *scanner) lost() error {
	return fmt.Errorf("the outline of the file is lost at byte %d", s.at)
}

func (s *scanner) peek() byte {
	if s.at < len(s.src) {
		return s.src[s.at]
	}
	return 0
}

// blanks skips spaces, and with lines also line ends and comments.
func (s *scanner) blanks(lines bool) {
	for s.at < len(s.src) {
		switch c := s.src[s.at]; {
		case c == ' ' || c == '\t' || lines && (c == '\n' || c == '\r'):
			s.at++
		case c == '#' && lines:
			s.at = s.lineEnd(s.at)
		default:
			return
		}
	}
}

// lineStart returns where the line of a byte begins; a byte order mark is no part of a line.
func (s *scanner) lineStart(at int) int { return lineStart(s.src, at) }

func lineStart(src []byte, at int) int {
	for at > 0 && src[at-1] != '\n' {
		at--
	}
	if at == 0 && strings.HasPrefix(string(src[:min(3, len(src))]), "\ufeff") {
		return 3
	}
	return at
}

func (s *scanner) lineEnd(at int) int { return lineEnd(s.src, at) }

// lineEnd returns where the next line begins.
func lineEnd(src []byte, at int) int {
	for at < len(src) && src[at] != '\n' {
		at++
	}
	return min(at+1, len(src))
}

// key reads a key, dotted or not, and stands behind it and the spaces that follow.
func (s *scanner) key() (names []string, end int, err error) {
	for {
		s.blanks(false)
		start := s.at
		switch c := s.peek(); {
		case c == '"' || c == '\'':
			if err := s.text(); err != nil {
				return nil, 0, err
			}
		default:
			for bareKey(s.peek()) {
				s.at++
			}
		}
		if s.at == start {
			return nil, 0, s.lost()
		}
		raw := string(s.src[start:s.at])
		end = s.at
		if raw[0] == '"' || raw[0] == '\'' {
			value, err := valueOf([]byte(raw))
			if err != nil {
				return nil, 0, err
			}
			raw, _ = value.(string)
		}
		names = append(names, raw)
		s.blanks(false)
		if s.peek() != '.' {
			return names, end, nil
		}
		s.at++
	}
}

func bareKey(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

func (s *scanner) entry() (*entry, error) {
	e := &entry{start: s.at}
	var err error
	if e.names, e.keyEnd, err = s.key(); err != nil {
		return nil, err
	}
	if s.peek() != '=' {
		return nil, s.lost()
	}
	s.at++
	s.blanks(false)
	e.value, err = s.value()
	return e, err
}

func (s *scanner) value() (*written, error) {
	v := &written{start: s.at}
	switch c := s.peek(); c {
	case '"', '\'':
		if err := s.text(); err != nil {
			return nil, err
		}
	case '[', '{':
		v.kind = c
		s.at++
		for {
			s.blanks(true)
			if p := s.peek(); p == ']' || p == '}' {
				s.at++
				v.end = s.at
				return v, nil
			}
			if err := s.element(v); err != nil {
				return nil, err
			}
			s.blanks(true)
			if s.peek() == ',' {
				s.at++
			}
		}
	default:
		for s.at < len(s.src) && !strings.ContainsRune(",]}#\r\n", rune(s.src[s.at])) {
			s.at++
		}
		for s.at > v.start && (s.src[s.at-1] == ' ' || s.src[s.at-1] == '\t') {
			s.at--
		}
	}
	if v.end = s.at; v.end == v.start {
		return nil, s.lost()
	}
	return v, nil
}

func (s *scanner) element(v *written) error {
	if v.kind == '{' {
		e, err := s.entry()
		v.entries = append(v.entries, e)
		return err
	}
	item, err := s.value()
	v.items = append(v.items, item)
	return err
}

// text skips a text of any of the four kinds.
func (s *scanner) text() error {
	quote := s.src[s.at]
	closing := strings.Repeat(string(quote), 3)
	if !strings.HasPrefix(string(s.src[s.at:min(s.at+3, len(s.src))]), closing) {
		closing = closing[:1]
	}
	s.at += len(closing)
	for s.at < len(s.src) {
		switch {
		case quote == '"' && s.src[s.at] == '\\':
			s.at += 2
		case strings.HasPrefix(string(s.src[s.at:min(s.at+3, len(s.src))]), closing):
			s.at += len(closing)
			for n := 0; n < 2 && len(closing) == 3 && s.peek() == quote; n++ {
				s.at++ // a text of several lines may end in quotes of its own
			}
			return nil
		default:
			s.at++
		}
	}
	return s.lost()
}

// valueOf decodes one value as it is written.
func valueOf(raw []byte) (any, error) {
	var holder map[string]any
	if err := toml.Unmarshal(slices.Concat([]byte("x = "), raw), &holder); err != nil {
		return nil, err
	}
	return holder["x"], nil
}
