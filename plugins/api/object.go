package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// fieldError is what is wrong with one field of a request.
type fieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// findings are all that is wrong with a request.
type findings struct{ list []fieldError }

// maxFindings is how many are told.
const maxFindings = 50

func (f *findings) add(field, format string, args ...any) {
	if len(f.list) < maxFindings {
		f.list = append(f.list, fieldError{field, fmt.Sprintf(format, args...)})
	}
}

// object is a JSON object that is being read. Each field is taken by its name; what is left at the end is not known here.
// The first thing wrong with each field is found, not only the first of all.
type object struct {
	path   string // of the object, "" for the outermost
	fields map[string]json.RawMessage
	found  *findings
}

// readObject reads a document that has to be an object.
func readObject(raw []byte, found *findings) (object, error) {
	o := object{found: found}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if err := decoder.Decode(&o.fields); err != nil {
		return o, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return o, fmt.Errorf("there is more after the object")
	}
	if o.fields == nil {
		return o, fmt.Errorf("it is null")
	}
	return o, nil
}

func (o *object) at(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

// take removes a field; ok is false where it is absent or null.
func (o *object) take(name string) (raw json.RawMessage, ok bool) {
	raw, ok = o.fields[name]
	delete(o.fields, name)
	return raw, ok && string(raw) != "null"
}

func (o *object) wrong(name, format string, args ...any) { o.found.add(o.at(name), format, args...) }

// decode reads a field as a T.
func decode[T any](o *object, name, what string) (value T, ok bool) {
	raw, ok := o.take(name)
	if !ok {
		return value, false
	}
	if json.Unmarshal(raw, &value) != nil {
		o.wrong(name, "It must be %s.", what)
		return value, false
	}
	return value, true
}

// text reads a string of at most so many characters.
func (o *object) text(name string, most int) string {
	value, _ := decode[string](o, name, "a string")
	if n := utf8.RuneCountInString(value); n > most {
		o.wrong(name, "It has %d characters; at most %d are taken.", n, most)
	}
	return value
}

// oneOf reads one of some words, the first where the field is absent.
func (o *object) oneOf(name string, words ...string) string {
	value, ok := decode[string](o, name, "a string")
	if !ok {
		return words[0]
	}
	if !slices.Contains(words, value) {
		o.wrong(name, "Write one of %s, not %s.", quoted(words), strconv.Quote(value))
		return words[0]
	}
	return value
}

func quoted(words []string) string {
	var b bytes.Buffer
	for i, w := range words {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(w))
	}
	return b.String()
}

func (o *object) flag(name string) bool {
	value, _ := decode[bool](o, name, "true or false")
	return value
}

// number reads a number between two.
func (o *object) number(name string, least, most float64) float64 {
	if raw := o.fields[name]; raw == nil || string(raw) == "null" {
		delete(o.fields, name)
		o.wrong(name, "It is missing.")
		return 0
	}
	value, ok := decode[float64](o, name, "a number")
	if !ok {
		return 0
	}
	if value < least || value > most {
		o.wrong(name, "It must lie between %v and %v.", least, most)
	}
	return value
}

// instant reads a time; the zero time where the field is absent.
func (o *object) instant(name string) time.Time {
	value, ok := decode[string](o, name, "a time as RFC 3339 has it")
	if !ok {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil || at.Year() < 1970 || at.Year() > 9999 {
		o.wrong(name, "It must be a time as RFC 3339 has it: 2026-11-21T15:04:05Z.")
		return time.Time{}
	}
	return at.UTC()
}

// object reads an object; ok is false where it is absent.
func (o *object) object(name string) (inner object, ok bool) {
	inner = object{path: o.at(name), found: o.found}
	inner.fields, ok = decode[map[string]json.RawMessage](o, name, "an object")
	return inner, ok
}

// objects reads a list of objects.
func (o *object) objects(name string, most int) []object {
	list, _ := decode[[]json.RawMessage](o, name, "a list")
	if len(list) > most {
		o.wrong(name, "It has %d elements; at most %d are taken.", len(list), most)
		return nil
	}
	var inner []object
	for i, raw := range list {
		element := object{path: o.at(name) + "[" + strconv.Itoa(i) + "]", found: o.found}
		if json.Unmarshal(raw, &element.fields) != nil || element.fields == nil {
			o.found.add(element.path, "It must be an object.")
			continue
		}
		inner = append(inner, element)
	}
	return inner
}

// texts reads a list of strings.
func (o *object) texts(name string, most, length int) []string {
	list, _ := decode[[]string](o, name, "a list of strings")
	if len(list) > most {
		o.wrong(name, "It has %d elements; at most %d are taken.", len(list), most)
	}
	for i, value := range list {
		if n := utf8.RuneCountInString(value); n > length {
			o.found.add(o.at(name)+"["+strconv.Itoa(i)+"]", "It has %d characters; at most %d are taken.", n, length)
		}
	}
	return list
}

// values reads an object of texts, numbers and truths, by name.
func (o *object) values(name string, most, length int) map[string]string {
	inner, ok := o.object(name)
	if !ok {
		return nil
	}
	if len(inner.fields) > most {
		o.wrong(name, "It has %d entries; at most %d are taken.", len(inner.fields), most)
		return nil
	}
	values := make(map[string]string, len(inner.fields))
	for _, key := range slices.Sorted(maps.Keys(inner.fields)) {
		if n := utf8.RuneCountInString(key); n == 0 || n > maxID {
			inner.wrong(key, "A name has 1 to %d characters.", maxID)
			continue
		}
		values[key] = inner.value(key, length)
	}
	return values
}

// value reads a text, a number or a truth as a text.
func (o *object) value(name string, length int) string {
	raw := o.fields[name]
	var value string
	switch {
	case len(raw) > 0 && raw[0] == '"':
		return o.text(name, length)
	case json.Unmarshal(raw, new(float64)) == nil && string(raw) != "null", json.Unmarshal(raw, new(bool)) == nil && string(raw) != "null":
		value = string(raw)
	default:
		o.wrong(name, "It must be a string, a number, true or false.")
	}
	return value
}

// end finds the fields that nobody asked for.
func (o *object) end(belongs func(name string) string) {
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		if belongs != nil {
			if why := belongs(name); why != "" {
				o.wrong(name, "%s", why)
				continue
			}
		}
		o.wrong(name, "There is no such field.")
	}
}
