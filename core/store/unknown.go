package store

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// keepUnknown returns the JSON object body with those members of was that the type t does not know, at every level. An
// element of a list keeps its own when it is still there: with the same id, else unchanged, else, in a list of the same
// length, at the same place.
func keepUnknown(body, was []byte, t reflect.Type) ([]byte, error) {
	return merge(body, was, t)
}

func merge(body, was []byte, t reflect.Type) ([]byte, error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if isLeaf(t) {
		return body, nil
	}
	switch t.Kind() {
	case reflect.Struct:
		if isObject(body) && isObject(was) {
			return mergeObject(body, was, fieldsOf(t))
		}
	case reflect.Map:
		if isObject(body) && isObject(was) && holdsObjects(t.Elem()) {
			return mergeMap(body, was, t.Elem())
		}
	case reflect.Slice, reflect.Array:
		if isList(body) && isList(was) && holdsObjects(t.Elem()) {
			return mergeList(body, was, t.Elem())
		}
	}
	return body, nil
}

// member is one name and value of a JSON object, as written.
type member struct {
	name  string
	value json.RawMessage
}

// members splits a JSON object into its members, in their order.
func members(object []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("not a JSON object")
	}
	var list []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	_, err := d.Token()
	return list, err
}

// object is the inverse of members.
func object(list []member) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := encode(m.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func mergeObject(body, was []byte, fields map[string]reflect.Type) ([]byte, error) {
	now, err := members(body)
	if err != nil {
		return nil, err
	}
	old, err := members(was)
	if err != nil {
		return nil, err
	}
	for _, o := range old {
		t, known := fields[strings.ToLower(o.name)]
		i := slices.IndexFunc(now, func(m member) bool { return strings.EqualFold(m.name, o.name) })
		switch {
		case !known && i < 0:
			now = append(now, o)
		case known && i >= 0:
			if now[i].value, err = merge(now[i].value, o.value, t); err != nil {
				return nil, err
			}
		}
	}
	return object(now)
}

func mergeMap(body, was []byte, elem reflect.Type) ([]byte, error) {
	now, err := members(body)
	if err != nil {
		return nil, err
	}
	old, err := members(was)
	if err != nil {
		return nil, err
	}
	for i := range now {
		for _, o := range old {
			if o.name != now[i].name {
				continue
			}
			if now[i].value, err = merge(now[i].value, o.value, elem); err != nil {
				return nil, err
			}
		}
	}
	return object(now)
}

func mergeList(body, was []byte, elem reflect.Type) ([]byte, error) {
	var now, old []json.RawMessage
	if err := json.Unmarshal(body, &now); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(was, &old); err != nil {
		return nil, err
	}
	known := make([][]byte, len(old)) // what this version reads of the old elements
	for i := range old {
		v := reflect.New(elem)
		if err := json.Unmarshal(old[i], v.Interface()); err != nil {
			return nil, err
		}
		var err error
		if known[i], err = encode(v.Elem().Interface()); err != nil {
			return nil, err
		}
	}
	taken := make([]bool, len(old))
	for i := range now {
		j := former(now[i], i, known, taken, len(now) == len(old))
		if j < 0 {
			continue
		}
		taken[j] = true
		var err error
		if now[i], err = merge(now[i], old[j], elem); err != nil {
			return nil, err
		}
	}
	return encode(now)
}

// former finds which old element became the element at place i; -1 when none did.
func former(now []byte, i int, known [][]byte, taken []bool, sameLength bool) int {
	id := idOf(now)
	for j := range known {
		if taken[j] {
			continue
		}
		if id != "" && idOf(known[j]) == id || id == "" && bytes.Equal(known[j], now) {
			return j
		}
	}
	if sameLength && id == "" && !taken[i] {
		return i
	}
	return -1
}

func idOf(object []byte) string {
	var v struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(object, &v) != nil {
		return ""
	}
	return v.ID
}

// fieldsOf returns the JSON fields of a struct type, names in lower case as encoding/json compares them.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type, t.NumField())
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "", !f.IsExported(), name == "-":
			continue
		case name == "":
			name = f.Name
		}
		fields[strings.ToLower(name)] = f.Type
	}
	return fields
}

// isLeaf reports whether a type writes itself, as times do.
func isLeaf(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Marshaler]()) || p.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

func holdsObjects(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && !isLeaf(t)
}

func isObject(b []byte) bool { return len(b) > 0 && b[0] == '{' }
func isList(b []byte) bool   { return len(b) > 0 && b[0] == '[' }
