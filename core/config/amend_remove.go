package config

import (
	"slices"
)

// unset takes a path out of the file, in every form in which it is written. One that is not there is no error.
func (a *amendment) unset(path []any) error {
	for {
		found := a.find(path)
		var err error
		switch {
		case found.leaf != nil:
			err = a.cut(found.leaf)
		case len(found.dotted) > 0:
			err = a.cut(found.dotted[len(found.dotted)-1])
		case len(found.deeper) > 0:
			err = a.cutSection(found.deeper[len(found.deeper)-1])
		case found.header != nil && found.header.end > 0:
			err = a.cutSection(found.header)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// cut removes one entry, or one item of a list.
func (a *amendment) cut(p *place) error {
	switch {
	case p.holder == nil:
		return a.splice(p.entry.lineStart, p.entry.lineEnd, "")
	case p.holder.kind == '[':
		return a.cutItem(p.holder, slices.Index(p.holder.items, p.value))
	}
	entries := p.holder.entries
	i := slices.Index(entries, p.entry)
	switch {
	case len(entries) == 1:
		return a.splice(p.holder.start, p.holder.end, "{}")
	case i < len(entries)-1:
		return a.splice(p.entry.start, entries[i+1].start, "")
	}
	return a.splice(entries[i-1].value.end, p.entry.value.end, "")
}

// cutSection removes a section with the comment directly above it, and one blank line so that its neighbours keep their
// distance.
func (a *amendment) cutSection(sec *section) error {
	lines := a.lines(sec)
	above := lineStart(a.src, max(lines.start-1, 0))
	switch {
	case lines.start > 0 && above < lines.start && blank(a.src[above:lines.start]):
		lines.start = above
	case len(a.src[:lines.start]) == 0 || string(a.src[:lines.start]) == "\ufeff":
		if end := lineEnd(a.src, lines.end); lines.end < len(a.src) && blank(a.src[lines.end:end]) {
			lines.end = end
		}
	}
	return a.splice(lines.start, lines.end, "")
}
