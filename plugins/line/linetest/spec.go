package linetest

import (
	"encoding/json"
	"fmt"
	"path"
	"sort"
	"strconv"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// Spec is one of LINE's OpenAPI descriptions. LINE describes its variants (messages, events, sources) by a discriminator
// without oneOf, which validators take to mean "the base type and nothing more"; so the variant is looked up here, and
// the value is validated against that, down to the last member.
type Spec struct {
	doc *openapi3.T

	mu      sync.Mutex
	visited map[Variant]bool
}

// Variant is one value of a discriminator.
type Variant struct {
	Schema string // the name of the base schema, such as "Event"
	Value  string // such as "message"
}

// LoadSpec reads a description.
func LoadSpec(file string) (*Spec, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		return nil, fmt.Errorf("linetest: read %s: %w", file, err)
	}
	return &Spec{doc: doc, visited: map[Variant]bool{}}, nil
}

// Variants lists every value of every discriminator in the description.
func (s *Spec) Variants() []Variant {
	var out []Variant
	for name, ref := range s.doc.Components.Schemas {
		if ref.Value.Discriminator == nil {
			continue
		}
		for value := range ref.Value.Discriminator.Mapping {
			out = append(out, Variant{name, value})
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Schema != out[j].Schema {
			return out[i].Schema < out[j].Schema
		}
		return out[i].Value < out[j].Value
	})
	return out
}

// Visited says whether a value of this variant has been found valid.
func (s *Spec) Visited(v Variant) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.visited[v]
}

// CheckJSON validates a JSON text against a schema of the description.
func (s *Spec) CheckJSON(schema string, raw []byte) error {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return fmt.Errorf("linetest: %w", err)
	}
	ref, ok := s.doc.Components.Schemas[schema]
	if !ok {
		return fmt.Errorf("linetest: the description has no schema %s", schema)
	}
	return s.check(&openapi3.SchemaRef{Ref: "#/components/schemas/" + schema, Value: ref.Value}, value, schema)
}

func (s *Spec) check(ref *openapi3.SchemaRef, value any, at string) error {
	if ref == nil || ref.Value == nil {
		return nil
	}
	schema := ref.Value
	if d := schema.Discriminator; d != nil {
		object, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: must be an object", at)
		}
		kind, ok := object[d.PropertyName].(string)
		if !ok {
			return fmt.Errorf("%s: has no %s", at, d.PropertyName)
		}
		target, ok := d.Mapping[kind]
		if !ok {
			return fmt.Errorf("%s: %s %q is not described", at, d.PropertyName, kind)
		}
		variant, ok := s.doc.Components.Schemas[path.Base(target.Ref)]
		if !ok {
			return fmt.Errorf("%s: %s is not described", at, target.Ref)
		}
		if err := s.validate(variant.Value, value, at); err != nil {
			return err
		}
		s.mu.Lock()
		s.visited[Variant{path.Base(ref.Ref), kind}] = true
		s.mu.Unlock()
		return s.descend(variant.Value, value, at)
	}
	if err := s.validate(schema, value, at); err != nil {
		return err
	}
	return s.descend(schema, value, at)
}

func (s *Spec) validate(schema *openapi3.Schema, value any, at string) error {
	if err := schema.VisitJSON(value); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	return nil
}

// descend checks the members of an object and the elements of a list.
func (s *Spec) descend(schema *openapi3.Schema, value any, at string) error {
	switch value := value.(type) {
	case []any:
		for i, element := range value {
			if err := s.check(schema.Items, element, at+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, property := range properties(schema) {
			member, ok := value[name]
			if !ok {
				continue
			}
			if err := s.check(property, member, at+"."+name); err != nil {
				return err
			}
		}
	}
	return nil
}

// properties gathers a schema's own and inherited properties.
func properties(schema *openapi3.Schema) map[string]*openapi3.SchemaRef {
	all := map[string]*openapi3.SchemaRef{}
	for _, part := range schema.AllOf {
		for name, property := range properties(part.Value) {
			all[name] = property
		}
	}
	for name, property := range schema.Properties {
		all[name] = property
	}
	return all
}
