package config

import (
	"fmt"

	"github.com/pelletier/go-toml/v2"
)

// What a file says, as a tree of plain values: an edit is proven on it.

func decodeTree(text []byte) (map[string]any, error) {
	tree := map[string]any{}
	src, problems := readable("", text)
	if problems != nil {
		return nil, problems
	}
	if err := toml.Unmarshal(src, &tree); err != nil {
		return nil, err
	}
	return tree, nil
}

// putInto sets a value in a tree, making tables on its way; false when something on the way is not a table.
func putInto(tree map[string]any, path []any, v any) bool {
	var at any = tree
	for i, part := range path {
		switch holder := at.(type) {
		case map[string]any:
			key, ok := part.(string)
			if !ok {
				return false
			}
			if i == len(path)-1 {
				holder[key] = plainTree(v)
				return true
			}
			next, there := holder[key]
			if !there {
				next = map[string]any{}
				holder[key] = next
			}
			at = next
		case []any:
			index, ok := part.(int)
			if !ok || index >= len(holder) {
				return false
			}
			at = holder[index]
		default:
			return false
		}
	}
	return false
}

func cutFrom(tree map[string]any, path []any) {
	var at any = tree
	for i, part := range path {
		switch holder := at.(type) {
		case map[string]any:
			key, _ := part.(string)
			if i == len(path)-1 {
				delete(holder, key)
				return
			}
			at = holder[key]
		case []any:
			index, ok := part.(int)
			if !ok || index >= len(holder) {
				return
			}
			at = holder[index]
		default:
			return
		}
	}
}

// plainTree copies a value, with what is verbatim decoded.
func plainTree(v any) any {
	switch v := v.(type) {
	case verbatim:
		value, err := valueOf([]byte(v))
		if err != nil {
			return fmt.Sprintf("not TOML: %v", err)
		}
		return value
	case map[string]any:
		table := make(map[string]any, len(v))
		for key, value := range v {
			table[key] = plainTree(value)
		}
		return table
	case []any:
		list := make([]any, len(v))
		for i, value := range v {
			list[i] = plainTree(value)
		}
		return list
	}
	return v
}

// pruned leaves out tables and lists of tables that hold nothing: whether they are written has no meaning.
func pruned(tree map[string]any) map[string]any {
	clean := make(map[string]any, len(tree))
	for key, value := range tree {
		switch v := value.(type) {
		case map[string]any:
			if inner := pruned(v); len(inner) > 0 {
				clean[key] = inner
			}
		case []any:
			list := make([]any, len(v))
			for i, item := range v {
				list[i] = item
				if table, ok := item.(map[string]any); ok {
					list[i] = pruned(table)
				}
			}
			clean[key] = list
		default:
			clean[key] = value
		}
	}
	return clean
}

// meaning is what a file says, without what has no meaning: tables that hold nothing, kinds of which there is no object.
func meaning(tree map[string]any) map[string]any {
	clean := pruned(tree)
	for key, value := range clean {
		if list, ok := value.([]any); ok && len(list) == 0 {
			delete(clean, key)
		}
	}
	return clean
}
