package config

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/guichet/guichet/core"
)

// amendment is a file while it is edited. Every step leaves a file that can be read, and touches no byte that does not
// belong to it.
type amendment struct {
	src []byte
	*outline
	writer
	order  func(path []any) []string // the keys of the table at a path, in the order of the example
	adding string                    // the plugin of the account that is being added
}

func newAmendment(src []byte, order func([]any) []string) (*amendment, error) {
	a := &amendment{order: order, writer: writerFor(src)}
	return a, a.read(src)
}

func (a *amendment) read(src []byte) (err error) {
	a.src = src
	a.outline, err = outlineOf(src)
	return err
}

// splice puts text in the place of some bytes.
func (a *amendment) splice(start, end int, text string) error {
	return a.read(slices.Concat(a.src[:start], []byte(text), a.src[end:]))
}

// set gives the path a value, in the place and the form in which it is written, or else in those of its neighbours.
func (a *amendment) set(path []any, v any) error {
	found := a.find(path)
	table, isTable := v.(map[string]any)
	switch {
	case found.none():
		return a.insert(path, v)
	case isTable && (found.leaf == nil || found.leaf.value.kind == '{' && !isReference(table)):
		return a.setTable(path, table)
	case found.leaf == nil:
		if err := a.unset(path); err != nil {
			return err
		}
		return a.insert(path, v)
	}
	leaf := found.leaf.value
	raw := a.src[leaf.start:leaf.end]
	if now, err := valueOf(raw); err == nil && equalValues(now, v) {
		return nil
	}
	if list, ok := v.([]any); ok && leaf.kind == '[' {
		return a.setList(path, list)
	}
	text, err := a.value(v, raw)
	if err != nil {
		return err
	}
	return a.splice(leaf.start, leaf.end, text)
}

// setTable makes the table at a path hold these keys and no others.
func (a *amendment) setTable(path []any, table map[string]any) error {
	now := a.keysAt(path)
	for _, key := range a.sorted(path, table) {
		if err := a.set(below(path, key), table[key]); err != nil {
			return err
		}
	}
	for _, key := range now {
		if _, stays := table[key]; !stays {
			if err := a.unset(below(path, key)); err != nil {
				return err
			}
		}
	}
	return nil
}

// keysAt lists the keys that are written in the table at a path.
func (a *amendment) keysAt(path []any) (keys []string) {
	add := func(key any) {
		if name, ok := key.(string); ok && !slices.Contains(keys, name) {
			keys = append(keys, name)
		}
	}
	found := a.find(path)
	if found.leaf != nil {
		for _, e := range found.leaf.value.entries {
			add(e.names[0])
		}
	}
	if found.header != nil {
		for _, e := range found.header.entries {
			add(e.names[0])
		}
	}
	for _, p := range found.dotted {
		add(p.entry.names[p.reach])
	}
	for _, sec := range found.deeper {
		add(sec.path[len(path)])
	}
	return keys
}

// sorted lists the keys of a table in the order of the example, those that it does not know at the end.
func (a *amendment) sorted(path []any, table map[string]any) []string {
	order := a.order(path)
	var keys []string
	for _, key := range order {
		if _, there := table[key]; there && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	var rest []string
	for key := range table {
		if !slices.Contains(keys, key) {
			rest = append(rest, key)
		}
	}
	slices.Sort(rest)
	return append(keys, rest...)
}

func below(path []any, key any) []any { return append(slices.Clone(path), key) }

// insert writes a path that the file does not have.
func (a *amendment) insert(path []any, v any) error {
	parent, key := path[:len(path)-1], path[len(path)-1].(string)
	if table, ok := v.(map[string]any); ok && !isReference(table) && ownSection(path) {
		if found := a.find(parent); found.leaf == nil && len(found.dotted) == 0 {
			return a.newSection(path, table)
		}
	}
	switch found := a.find(parent); {
	case found.leaf != nil && found.leaf.value.kind != '{':
		return core.Errorf(core.Invalid, "%s is not a table, so it has no %s.", labelOf(parent), key)
	case found.leaf != nil:
		return a.insertInline(found.leaf.value, bareOrQuoted(key), v)
	case found.header != nil:
		return a.insertLine(found.header, parent, key, v)
	case len(found.dotted) > 0:
		return a.insertDotted(found.dotted[len(found.dotted)-1], key, v)
	case len(found.deeper) > 0 || len(parent) == 1 || ownSection(parent) && a.find(parent[:len(parent)-1]).header != nil:
		return a.newSection(parent, map[string]any{key: v})
	}
	return a.insert(parent, map[string]any{key: v})
}

// ownSection reports whether a table is written under a header of its own where the file does not say otherwise.
func ownSection(path []any) bool {
	last := path[len(path)-1]
	return last == "settings" || last == "tls"
}

func (a *amendment) insertInline(table *written, key string, v any) error {
	text, err := a.value(v, nil)
	if err != nil {
		return err
	}
	text = key + " = " + text
	if n := len(table.entries); n > 0 {
		end := table.entries[n-1].value.end
		return a.splice(end, end, ", "+text)
	}
	return a.splice(table.start, table.end, "{ "+text+" }")
}

// insertLine writes a key into a section: below its commented-out self where there is one, else behind the keys that
// come before it in the example.
func (a *amendment) insertLine(sec *section, path []any, key string, v any) error {
	at, indent := sec.end, ""
	if sec.end > 0 {
		indent = a.indentAt(sec.start)
	}
	order := a.order(path)
	rank := slices.Index(order, key)
	for _, e := range sec.entries {
		if r := slices.Index(order, e.names[0]); rank < 0 || r >= 0 && r < rank {
			at, indent = e.lineEnd, a.indentAt(e.lineStart)
		}
	}
	if rank >= 0 {
		if below, found := a.commentedOut(sec, key); found {
			at = below
		}
	}
	line, err := a.line(indent, bareOrQuoted(key), v)
	if err != nil {
		return err
	}
	return a.insertAt(at, line)
}

// insertAt puts lines where a line begins, or at the end of a file whose last line may lack its end.
func (a *amendment) insertAt(at int, lines string) error {
	if at == len(a.src) && at > 0 && a.src[at-1] != '\n' && !bytes.Equal(a.src, []byte("\ufeff")) {
		return a.splice(at, at, a.newline+strings.TrimSuffix(lines, a.newline))
	}
	return a.splice(at, at, lines)
}

func (a *amendment) indentAt(at int) string {
	end := at
	for end < len(a.src) && (a.src[end] == ' ' || a.src[end] == '\t') {
		end++
	}
	return string(a.src[at:end])
}

// commentedOut finds the line of a section on which a key is commented out.
func (a *amendment) commentedOut(sec *section, key string) (end int, found bool) {
	pattern := regexp.MustCompile(`^[ \t]*#[ \t]*` + regexp.QuoteMeta(key) + `[ \t]*=`)
	last := a.lastLine(sec)
	inside := slices.Clone(sec.entries)
	for at := sec.end; at < last; at = lineEnd(a.src, at) {
		for len(inside) > 0 && at >= inside[0].lineEnd {
			inside = inside[1:]
		}
		if len(inside) > 0 && at > inside[0].lineStart {
			continue // within a value of several lines
		}
		if pattern.Match(a.src[at:lineEnd(a.src, at)]) {
			end, found = lineEnd(a.src, at), true
		}
	}
	return end, found
}

// insertDotted writes a key beside another whose dotted form it takes.
func (a *amendment) insertDotted(beside *place, key string, v any) error {
	e := beside.entry
	var prefix strings.Builder
	for _, name := range e.names[:beside.reach] {
		prefix.WriteString(bareOrQuoted(name) + ".")
	}
	text, err := a.value(v, nil)
	if err != nil {
		return err
	}
	text = prefix.String() + bareOrQuoted(key) + " = " + text
	if beside.holder != nil {
		return a.splice(e.value.end, e.value.end, ", "+text)
	}
	return a.insertAt(e.lineEnd, a.indentAt(e.lineStart)+text+a.newline)
}

// newSection writes a table under a header of its own, behind what belongs to its parent.
func (a *amendment) newSection(path []any, table map[string]any) error {
	block, err := a.section(path, false, table, a.indentOf(path[:len(path)-1]))
	if err != nil {
		return err
	}
	found := a.find(path)
	if len(found.deeper) > 0 {
		return a.splice(a.lines(found.deeper[0]).start, a.lines(found.deeper[0]).start, block+a.newline)
	}
	return a.insertBlock(a.endOf(path[:len(path)-1]), block)
}

// indentOf returns how far the header of a path stands from the left.
func (a *amendment) indentOf(path []any) string {
	if found := a.find(path); found.header != nil && found.header.end > 0 {
		return a.indentAt(found.header.start)
	}
	return ""
}

// endOf returns where the last line ends that belongs to a path; for the root, and for a path that is not there, the end
// of the file.
func (a *amendment) endOf(path []any) int {
	end := -1
	for _, sec := range a.sections {
		if len(path) > 0 && begins(sec.path, path) {
			end = max(end, a.lastLine(sec))
		}
	}
	if end < 0 {
		return len(a.src)
	}
	return end
}

// insertBlock puts a block of lines behind a blank line.
func (a *amendment) insertBlock(at int, block string) error {
	switch {
	case at == 0 || string(a.src[:at]) == "\ufeff":
		if at < len(a.src) {
			block += a.newline
		}
	case a.src[at-1] != '\n':
		block = a.newline + a.newline + block
	default:
		block = a.newline + block
	}
	return a.splice(at, at, block)
}

// section writes a table with its header: first what fits on lines, then the tables that have headers of their own.
func (a *amendment) section(path []any, array bool, table map[string]any, indent string) (string, error) {
	var names []string
	for _, part := range path {
		if name, ok := part.(string); ok {
			names = append(names, bareOrQuoted(name))
		}
	}
	header := "[" + strings.Join(names, ".") + "]"
	if array {
		header = "[" + header + "]"
	}
	var b, deeper strings.Builder
	b.WriteString(indent + header + a.newline)
	for _, key := range a.sorted(path, table) {
		at := below(path, key)
		if inner, ok := table[key].(map[string]any); ok && !isReference(inner) && ownSection(at) {
			text, err := a.section(at, false, inner, indent)
			if err != nil {
				return "", err
			}
			deeper.WriteString(a.newline + text)
			continue
		}
		line, err := a.line(indent, bareOrQuoted(key), table[key])
		if err != nil {
			return "", err
		}
		b.WriteString(line)
	}
	return b.String() + deeper.String(), nil
}

// isReference reports whether a table says where a value is kept.
func isReference(table map[string]any) bool {
	if len(table) != 1 {
		return false
	}
	for key, value := range table {
		_, text := value.(string)
		return text && contains(references, key)
	}
	return false
}
