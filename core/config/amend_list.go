package config

import (
	"reflect"
	"slices"
	"strings"
)

// setList makes the list at a path hold these values. Items that stay are not touched, as long as they stay in their
// order and what is new comes at the end; so a list keeps its lines and comments.
func (a *amendment) setList(path []any, list []any) error {
	var stay []int // indexes of the present items, in the order of the new list
	leaf := a.find(path).leaf.value
	next := 0
	for i, item := range leaf.items {
		if next < len(list) && a.sameItem(item, list[next]) {
			stay = append(stay, i)
			next++
		}
	}
	if len(stay) == 0 && len(leaf.items) > 0 {
		return a.rewriteList(leaf, list)
	}
	for i := len(leaf.items) - 1; i >= 0; i-- {
		if !slices.Contains(stay, i) {
			if err := a.cutItem(a.find(path).leaf.value, i); err != nil {
				return err
			}
		}
	}
	for _, item := range list[next:] {
		if err := a.appendItem(a.find(path).leaf.value, item); err != nil {
			return err
		}
	}
	return nil
}

func (a *amendment) sameItem(item *written, v any) bool {
	raw := a.src[item.start:item.end]
	if same, ok := v.(verbatim); ok {
		return string(raw) == string(same)
	}
	now, err := valueOf(raw)
	return err == nil && equalValues(now, v)
}

// rewriteList writes a whole list, one item a line where it was so before.
func (a *amendment) rewriteList(list *written, items []any) error {
	text, err := a.value(items, nil)
	if err != nil {
		return err
	}
	if len(items) > 0 && strings.Contains(string(a.src[list.start:list.items[0].start]), "\n") {
		indent := string(a.src[lineStart(a.src, list.items[0].start):list.items[0].start])
		var b strings.Builder
		b.WriteString("[" + a.newline)
		for _, item := range items {
			part, err := a.value(item, nil)
			if err != nil {
				return err
			}
			b.WriteString(strings.Repeat(" ", len(indent)-len(strings.TrimLeft(indent, " "))) + part + "," + a.newline)
		}
		text = b.String() + a.indentAt(lineStart(a.src, list.end-1)) + "]"
	}
	return a.splice(list.start, list.end, text)
}

// cutItem removes an item with its comma; one that has its lines for itself goes with them.
func (a *amendment) cutItem(list *written, i int) error {
	item := list.items[i]
	start, end := lineStart(a.src, item.start), lineEnd(a.src, item.end)
	rest := strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(string(a.src[item.end:end]), " \t"), ","), " \t")
	if blank(a.src[start:item.start]) && start > list.start && end < list.end && (strings.TrimSpace(rest) == "" || rest[0] == '#') {
		return a.splice(start, end, "")
	}
	switch {
	case i < len(list.items)-1:
		return a.splice(item.start, list.items[i+1].start, "")
	case i > 0:
		return a.splice(list.items[i-1].end, item.end, "")
	}
	return a.splice(list.start, list.end, "[]")
}

func (a *amendment) appendItem(list *written, v any) error {
	text, err := a.value(v, nil)
	if err != nil {
		return err
	}
	if len(list.items) == 0 {
		return a.splice(list.start+1, list.start+1, text)
	}
	last := list.items[len(list.items)-1]
	start, end := lineStart(a.src, last.start), lineEnd(a.src, last.end)
	comma := strings.HasPrefix(strings.TrimLeft(string(a.src[last.end:list.end]), " \t"), ",")
	if !blank(a.src[start:last.start]) || start <= list.start || end >= list.end {
		return a.splice(last.end, last.end, ", "+text)
	}
	line := a.indentAt(start) + text
	if comma {
		return a.splice(end, end, line+","+a.newline)
	}
	if err := a.splice(end, end, line+a.newline); err != nil {
		return err
	}
	return a.splice(last.end, last.end, ",")
}

// equalValues compares values as they are decoded.
func equalValues(a, b any) bool {
	switch b := b.(type) {
	case verbatim:
		v, err := valueOf([]byte(b))
		return err == nil && equalValues(a, v)
	case []any:
		list, ok := a.([]any)
		return ok && slices.EqualFunc(list, b, equalValues)
	case map[string]any:
		table, ok := a.(map[string]any)
		if !ok || len(table) != len(b) {
			return false
		}
		for key, value := range b {
			if other, there := table[key]; !there || !equalValues(other, value) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}
