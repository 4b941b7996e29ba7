package telegramtest

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Spec is Telegram's own description of its methods and types, in the form of
// github.com/PaulSonOfLars/telegram-bot-api-spec.
type Spec struct {
	Version string                  `json:"version"`
	Methods map[string]described    `json:"methods"`
	Types   map[string]describedOne `json:"types"`
}

type described struct {
	Fields []field `json:"fields"`
}

type describedOne struct {
	Fields   []field  `json:"fields"`
	Subtypes []string `json:"subtypes"`
}

type field struct {
	Name     string   `json:"name"`
	Types    []string `json:"types"`
	Required bool     `json:"required"`
}

// LoadSpec reads the description.
func LoadSpec(file string) (*Spec, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("telegramtest: %w", err)
	}
	var s Spec
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("telegramtest: read %s: %w", file, err)
	}
	return &s, nil
}

// Check says what is wrong with a call: an unknown parameter, a missing one, one of another type.
func (s *Spec) Check(method string, params map[string]any, files map[string]*File) error {
	d, ok := s.Methods[method]
	if !ok {
		return fmt.Errorf("%s is no method", method)
	}
	values := map[string]any{}
	for name, value := range params {
		values[name] = value
	}
	for name := range files {
		values[name] = files[name]
	}
	return s.fields(method, d.Fields, values)
}

// CheckType says what is wrong with a value that is to be of a type.
func (s *Spec) CheckType(name string, value any) error { return s.value(name, []string{name}, value) }

func (s *Spec) fields(where string, fields []field, values map[string]any) error {
	for _, f := range fields {
		if _, given := values[f.Name]; f.Required && !given {
			return fmt.Errorf("%s lacks %s", where, f.Name)
		}
	}
	for name, value := range values {
		i := slices.IndexFunc(fields, func(f field) bool { return f.Name == name })
		if i < 0 {
			return fmt.Errorf("%s has no %s", where, name)
		}
		if err := s.value(where+"."+name, fields[i].Types, value); err != nil {
			return err
		}
	}
	return nil
}

// value checks a value against the types that it may have. A form has texts only, which stand for anything.
func (s *Spec) value(where string, types []string, value any) error {
	var first error
	for _, t := range types {
		err := s.one(where, t, value)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func (s *Spec) one(where, name string, value any) error {
	wrong := fmt.Errorf("%s is %T and not %s", where, value, name)
	if of, list := strings.CutPrefix(name, "Array of "); list {
		if _, text := value.(string); text {
			return nil
		}
		items, ok := value.([]any)
		if !ok {
			return wrong
		}
		for i, item := range items {
			if err := s.one(fmt.Sprintf("%s[%d]", where, i), of, item); err != nil {
				return err
			}
		}
		return nil
	}
	switch name {
	case "Integer", "Float":
		if number(value) {
			return nil
		}
		if text, ok := value.(string); ok && json.Valid([]byte(text)) {
			return nil
		}
		return wrong
	case "String":
		if _, ok := value.(string); ok {
			return nil
		}
		return wrong
	case "Boolean":
		if _, ok := value.(bool); ok {
			return nil
		}
		return wrong
	case "InputFile":
		if _, ok := value.(*File); ok {
			return nil
		}
		return wrong
	}
	return s.object(where, name, value)
}

func number(value any) bool {
	switch value.(type) {
	case json.Number, float64:
		return true
	}
	return false
}

func (s *Spec) object(where, name string, value any) error {
	if text, ok := value.(string); ok { // of a form
		var object any
		if json.Unmarshal([]byte(text), &object) != nil {
			return fmt.Errorf("%s is text and not %s", where, name)
		}
		value = object
	}
	t, known := s.Types[name]
	object, ok := value.(map[string]any)
	if !known || !ok {
		return fmt.Errorf("%s is %T and not %s", where, value, name)
	}
	if len(t.Subtypes) == 0 {
		return s.fields(where, t.Fields, object)
	}
	var last error
	for _, sub := range t.Subtypes {
		if last = s.object(where, sub, value); last == nil {
			return nil
		}
	}
	return last
}
