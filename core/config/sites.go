package config

import (
	"bytes"
	"slices"
)

// sites is every place in a file that says something about one path. A value stands in one place; a table may be written
// as a header, as an inline table, by dotted keys, or be implied by deeper headers.
type sites struct {
	leaf   *place     // the value, where it has one of its own
	header *section   // [path]
	dotted []*place   // entries whose keys begin with the path
	deeper []*section // headers below the path
}

func (s sites) none() bool {
	return s.leaf == nil && s.header == nil && len(s.dotted) == 0 && len(s.deeper) == 0
}

// place is a value in its surroundings.
type place struct {
	value   *written
	entry   *entry   // that holds it; nil for an item of a list
	holder  *written // the inline table or list that it stands in; nil for an entry of a section
	section *section
	reach   int // of a dotted entry: how many of its names belong to the path
}

// find looks a path up.
func (o *outline) find(path []any) sites {
	var found sites
	for _, sec := range o.sections {
		switch {
		case slices.Equal(sec.path, path):
			if found.header == nil {
				found.header = sec
			}
		case begins(sec.path, path):
			found.deeper = append(found.deeper, sec)
		case begins(path, sec.path):
			found.search(sec, sec.entries, nil, path[len(sec.path):])
		}
	}
	return found
}

// begins reports whether a path begins with another.
func begins(path, with []any) bool {
	return len(path) >= len(with) && slices.Equal(path[:len(with)], with)
}

func (s *sites) search(sec *section, entries []*entry, holder *written, rest []any) {
	for _, e := range entries {
		n := 0
		for n < len(e.names) && n < len(rest) && rest[n] == any(e.names[n]) {
			n++
		}
		at := &place{value: e.value, entry: e, holder: holder, section: sec, reach: n}
		switch {
		case n == len(rest) && n == len(e.names):
			s.leaf = at
		case n == len(rest):
			s.dotted = append(s.dotted, at)
		case n == len(e.names):
			s.descend(sec, e.value, rest[n:])
		}
	}
}

func (s *sites) descend(sec *section, v *written, rest []any) {
	index, indexed := rest[0].(int)
	switch {
	case v.kind == '{' && !indexed:
		s.search(sec, v.entries, v, rest)
	case v.kind == '[' && indexed && index < len(v.items):
		if len(rest) == 1 {
			s.leaf = &place{value: v.items[index], holder: v, section: sec}
			return
		}
		s.descend(sec, v.items[index], rest[1:])
	}
}

// lines is the part of a file that belongs to a section: the comment directly above its header, and everything down to
// its last entry with the comment directly below that, unless this is the comment of the next header.
func (o *outline) lines(sec *section) span {
	start, floor := sec.start, 0
	if i := slices.Index(o.sections, sec); i > 0 {
		before := o.sections[i-1]
		if floor = before.end; len(before.entries) > 0 {
			floor = before.entries[len(before.entries)-1].lineEnd
		}
	}
	for start > floor {
		above := lineStart(o.src, start-1)
		if above >= start || !comment(o.src[above:start]) {
			break
		}
		start = above
	}
	return span{start, o.lastLine(sec)}
}

// lastLine returns where the last line that belongs to a section ends.
func (o *outline) lastLine(sec *section) int {
	end := sec.end
	if n := len(sec.entries); n > 0 {
		end = sec.entries[n-1].lineEnd
	}
	below := end
	for below < len(o.src) && comment(o.src[below:lineEnd(o.src, below)]) {
		below = lineEnd(o.src, below)
	}
	if below < len(o.src) && bytes.HasPrefix(bytes.TrimLeft(o.src[below:lineEnd(o.src, below)], " \t"), []byte("[")) {
		return end
	}
	return below
}

func comment(line []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("#")) }

func blank(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }
