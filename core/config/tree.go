package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// kind is the type of a value in the file.
type kind string

const (
	kindTable   kind = "a table"
	kindArray   kind = "a list"
	kindString  kind = "a text"
	kindInteger kind = "a whole number"
	kindFloat   kind = "a decimal number"
	kindBool    kind = "true or false"
	kindTime    kind = "a date or time"
)

// node is a value of the file with its place. A document is a tree of nodes whose root is a table.
type node struct {
	kind       kind
	path       string // from the root: account[0].settings.channel_secret
	key        int    // byte offset of its key, or of its table's header
	start, end int    // bytes of the value as written; end is 0 where the parser does not say (tables, lists)
	text       string // of a scalar: decoded text of a string, as written otherwise
	names      []string
	children   map[string]*node
	items      []*node
	// defined says that a header or a value defined it, rather than a deeper header that implied it.
	defined bool
	inline  bool // written as { … } or [ … ]
}

func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	return n.children[name]
}

// span is a range of bytes of the file.
type span struct{ start, end int }

// document is a parsed file: its tree, every node by path, and where its comments are.
type document struct {
	src      []byte
	root     *node
	nodes    map[string]*node
	comments []span
	problems Problems
	file     string
	lines    []int // byte offsets of the lines' beginnings, made when first needed
}

// position returns the line and the column, from 1, of a byte offset. Columns count characters.
func (d *document) position(offset int) (line, column int) {
	if d.lines == nil {
		d.lines = []int{0}
		for i, b := range d.src {
			if b == '\n' {
				d.lines = append(d.lines, i+1)
			}
		}
	}
	offset = min(max(offset, 0), len(d.src))
	line, _ = slices.BinarySearch(d.lines, offset+1) // the number of lines that begin at or before offset
	return line, 1 + utf8.RuneCount(d.src[d.lines[line-1]:offset])
}

func (d *document) report(offset int, path, message, remedy string) said {
	line, column := d.position(offset)
	d.problems = append(d.problems, Problem{
		File: d.file, Line: line, Column: column, Path: path, Message: message, Remedy: remedy,
	})
	return said{&d.problems[len(d.problems)-1]}
}

// parse reads src, which must be UTF-8, into a tree. Syntax problems and keys written twice are reported in the
// document; the tree then holds what could be read.
func parse(file string, src []byte) *document {
	d := &document{src: src, file: file, nodes: map[string]*node{}}
	d.root = &node{kind: kindTable, children: map[string]*node{}, defined: true}
	var p unstable.Parser
	p.KeepComments = true
	p.Reset(src)
	current := d.root
	for p.NextExpression() {
		e := p.Expression()
		d.collectComments(e)
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			current = d.header(e)
		case unstable.KeyValue:
			d.keyValue(e, current)
		}
	}
	if err := p.Error(); err != nil {
		d.syntaxProblems(err)
		return d
	}
	if len(d.problems) == 0 {
		d.checkAgain()
	}
	return d
}

// checkAgain lets the library's own decoder judge the document: it knows rules of TOML that the tree does not, such as
// impossible dates and numbers out of range.
func (d *document) checkAgain() {
	var discard map[string]any
	err := toml.Unmarshal(d.src, &discard)
	var de *toml.DecodeError
	switch {
	case err == nil:
	case errors.As(err, &de):
		line, column := de.Position()
		d.problems = append(d.problems, Problem{File: d.file, Line: line, Column: column,
			Message: "This is not valid TOML: " + strings.TrimPrefix(de.Error(), "toml: ") + "."})
	default:
		d.problems = append(d.problems, Problem{File: d.file, Message: "This is not valid TOML: " + err.Error() + "."})
	}
}

// header enters the table that a [header] or [[header]] names and returns it.
func (d *document) header(e *unstable.Node) *node {
	var names []string
	offset, last := -1, 0
	for it := e.Key(); it.Next(); {
		k := it.Node()
		names = append(names, string(k.Data))
		last = int(k.Raw.Offset)
		if offset < 0 {
			offset = last
		}
	}
	for offset > 0 && d.src[offset] != '[' {
		offset--
	}
	if e.Kind == unstable.ArrayTable && offset > 0 {
		offset--
	}
	parent := d.descend(d.root, names[:len(names)-1], offset)
	name := names[len(names)-1]
	if parent == nil {
		return d.detached()
	}
	existing := parent.child(name)
	path := join(parent.path, name)
	if e.Kind == unstable.ArrayTable {
		if existing == nil {
			existing = d.add(parent, name, &node{kind: kindArray, key: offset, start: offset, defined: true})
		}
		if existing.kind != kindArray || existing.inline {
			d.twice(existing, offset, path)
			return d.detached()
		}
		return d.addItem(existing, &node{kind: kindTable, key: offset, start: offset, defined: true})
	}
	switch {
	case existing == nil:
		return d.add(parent, name, &node{kind: kindTable, key: offset, start: offset, defined: true})
	case existing.kind == kindTable && !existing.defined:
		existing.defined, existing.key, existing.start = true, offset, offset
		return existing
	case existing.kind == kindArray && !existing.inline:
		d.report(offset, path, fmt.Sprintf("[%s] is one table, but line %d began a list of them.", name, d.line(existing)),
			fmt.Sprintf("Write [[%s]] for each of them.", strings.Join(names, ".")))
	default:
		d.twice(existing, offset, path)
	}
	return d.detached()
}

// descend walks from n along names, making tables that only deeper names imply. It returns nil after reporting a name
// that is not a table.
func (d *document) descend(n *node, names []string, offset int) *node {
	for _, name := range names {
		next := n.child(name)
		if next == nil {
			next = d.add(n, name, &node{kind: kindTable, key: offset, start: offset})
		}
		if next.kind == kindArray && !next.inline && len(next.items) > 0 {
			next = next.items[len(next.items)-1]
		}
		if next.kind != kindTable || next.inline {
			d.twice(next, offset, join(n.path, name))
			return nil
		}
		n = next
	}
	return n
}

func (d *document) keyValue(e *unstable.Node, table *node) {
	var names []string
	first, end := -1, 0
	var lastKey int
	for it := e.Key(); it.Next(); {
		k := it.Node()
		names = append(names, string(k.Data))
		lastKey = int(k.Raw.Offset)
		end = lastKey + int(k.Raw.Length)
		if first < 0 {
			first = lastKey
		}
	}
	parent := d.descend(table, names[:len(names)-1], first)
	if parent == nil {
		return
	}
	name := names[len(names)-1]
	if existing := parent.child(name); existing != nil {
		d.twice(existing, first, join(parent.path, name))
		return
	}
	// The value begins after the equals sign; the parser gives no place for lists.
	at := end
	for at < len(d.src) && d.src[at] != '=' {
		at++
	}
	for at++; at < len(d.src) && (d.src[at] == ' ' || d.src[at] == '\t'); {
		at++
	}
	n := d.add(parent, name, &node{key: first, start: at, defined: true})
	d.fill(n, e.Value())
}

// fill takes a value from the parser into n, whose path and start are known.
func (d *document) fill(n *node, v *unstable.Node) {
	if v.Raw.Length > 0 {
		n.start = int(v.Raw.Offset)
	}
	switch v.Kind {
	case unstable.InlineTable:
		n.kind, n.inline, n.children = kindTable, true, map[string]*node{}
		for it := v.Children(); it.Next(); {
			if c := it.Node(); c.Kind == unstable.KeyValue {
				n.inline = false
				d.keyValue(c, n)
				n.inline = true
			}
		}
		return
	case unstable.Array:
		n.kind, n.inline = kindArray, true
		for it := v.Children(); it.Next(); {
			if c := it.Node(); c.Kind != unstable.Comment {
				item := d.addItem(n, &node{key: n.key, start: n.start, defined: true})
				d.fill(item, c)
			}
		}
		return
	case unstable.String:
		n.kind = kindString
	case unstable.Integer:
		n.kind = kindInteger
	case unstable.Float:
		n.kind = kindFloat
	case unstable.Bool:
		n.kind = kindBool
	default:
		n.kind = kindTime
	}
	n.text = string(v.Data)
	n.end = n.start + int(v.Raw.Length)
}

func (d *document) add(parent *node, name string, n *node) *node {
	n.path = join(parent.path, name)
	if n.kind == kindTable && n.children == nil {
		n.children = map[string]*node{}
	}
	parent.names = append(parent.names, name)
	parent.children[name] = n
	d.nodes[n.path] = n
	return n
}

func (d *document) addItem(list, n *node) *node {
	n.path = fmt.Sprintf("%s[%d]", list.path, len(list.items))
	if n.kind == kindTable {
		n.children = map[string]*node{}
	}
	list.items = append(list.items, n)
	d.nodes[n.path] = n
	return n
}

// detached is a table outside the tree, for the keys below a header that was refused.
func (d *document) detached() *node {
	return &node{kind: kindTable, path: "?", children: map[string]*node{}, defined: true}
}

func (d *document) line(n *node) int {
	line, _ := d.position(n.key)
	return line
}

func (d *document) twice(first *node, offset int, path string) {
	d.report(offset, path, fmt.Sprintf("This is already set on line %d.", d.line(first)), "Keep one of the two.")
}

func (d *document) collectComments(n *unstable.Node) {
	for ; n.Valid(); n = n.Next() {
		if n.Kind == unstable.Comment {
			d.comments = append(d.comments, span{int(n.Raw.Offset), int(n.Raw.Offset + n.Raw.Length)})
		}
		if c := n.Child(); c.Valid() {
			d.collectComments(c)
		}
	}
}

// join appends a key to a path, quoted where it is not a bare key.
func join(path, name string) string {
	bare := name != ""
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			bare = false
		}
	}
	if !bare {
		name = strconv.Quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}
