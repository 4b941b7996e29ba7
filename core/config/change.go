package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/guichet/guichet/core"
)

// Op is what a [Change] does.
type Op string

// What a change does: set gives a field a value; remove takes a field, or a whole object, out of the file, so that the
// default holds; add appends an object.
const (
	Set    Op = "set"
	Remove Op = "remove"
	Add    Op = "add"
)

// Change is one change of the configuration, in words of the configuration: which object, which field, which value.
type Change struct {
	Op     Op     `json:"op"`
	Object string `json:"object"`          // account, channel, workstream, queue, agent; server, organization, storage, mail
	ID     string `json:"id"`              // of an account, channel …; "" for what there is only one of
	Field  string `json:"field,omitempty"` // settings.channel_id, attachments.from_agent; "" for the object as a whole
	// Value is a string, a bool, an int64, a []any or a map[string]any of these. A map {env: …}, {file: …} or {stored: …}
	// says where the value is kept.
	Value any `json:"value,omitempty"`
}

// changesMost bounds one edit.
const changesMost = 500

// Amend carries changes out on the text of a file and returns the new text, in which nothing else has changed by a byte:
// comments, order, line ends and the way that things are written stay. Whether the result is a good configuration is for
// [Decode]; Amend only makes sure that it says what it said before, but for the changes. Problems are those of a text
// that cannot be read as TOML. A core.Error tells which change cannot be made.
func Amend(name string, text []byte, changes []Change, env Environment) ([]byte, error) {
	if len(changes) > changesMost {
		return nil, core.FieldErrorf("changes", "An edit may have %d changes at most.", changesMost)
	}
	readable, problems := readable(name, text)
	if problems != nil {
		return nil, problems
	}
	if d := parse(name, readable); len(d.problems) > 0 {
		return nil, d.problems.sort()
	}
	before, err := decodeTree(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	a, err := newAmendment(slices.Clone(text), nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	a.order = func(path []any) []string { return a.orderAt(path, env) }
	for i, c := range changes {
		if err := a.carryOut(c, before); err != nil {
			var e *core.Error
			if problem, ok := err.(*core.Error); ok {
				e = problem
				e.Field = fmt.Sprintf("changes[%d]", i)
				return nil, e
			}
			return nil, fmt.Errorf("change %d: %w", i, err)
		}
	}
	if after, err := decodeTree(a.src); err != nil || !equalValues(meaning(after), meaning(before)) {
		return nil, core.Errorf(core.Internal, "This change cannot be made here without changing something else of the file. Make it in a text editor: %w",
			firstError(err, fmt.Errorf("the text after the edit does not say what it should")))
	}
	return a.src, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// carryOut makes one change in the text and in the tree that the text is to be.
func (a *amendment) carryOut(c Change, tree map[string]any) error {
	array, known := Kinds()[c.Object]
	switch {
	case !known:
		return core.Errorf(core.Invalid, "There is no %q in a configuration.", c.Object)
	case array && c.ID == "":
		return core.Errorf(core.Invalid, "Say which %s: its id is missing.", c.Object)
	case c.Op != Set && c.Op != Remove && c.Op != Add:
		return core.Errorf(core.Invalid, "A change is to set, remove or add something, not %q.", c.Op)
	}
	path := []any{c.Object}
	index := -1
	if array {
		list, _ := tree[c.Object].([]any)
		index = slices.IndexFunc(list, func(o any) bool { t, _ := o.(map[string]any); return t["id"] == any(c.ID) })
		path = append(path, index)
	}
	if c.Op == Add {
		return a.add(c, array, index >= 0, tree)
	}
	if array && index < 0 {
		return core.Errorf(core.NotFound, "There is no %s %q in the file.", c.Object, c.ID)
	}
	if c.Field == "" {
		if c.Op == Set {
			return core.Errorf(core.Invalid, "Say which field of the %s is to be set.", c.Object)
		}
		return a.removeObject(c, path, index, tree)
	}
	for name := range strings.SplitSeq(c.Field, ".") {
		if name == "" {
			return core.Errorf(core.Invalid, "%q is not the name of a field.", c.Field)
		}
		path = append(path, name)
	}
	if c.Op == Remove {
		cutFrom(tree, path)
		return a.unset(path)
	}
	if c.Value == nil {
		return core.Errorf(core.Invalid, "The value of %s is missing; to take it out, remove it.", c.Field)
	}
	if !putInto(tree, path, c.Value) {
		return core.Errorf(core.Invalid, "%s cannot be set: something above it is not a table.", c.Field)
	}
	return a.set(path, c.Value)
}

func (a *amendment) add(c Change, array, there bool, tree map[string]any) error {
	values, ok := c.Value.(map[string]any)
	switch {
	case !array:
		return core.Errorf(core.Invalid, "There is only one %s; set its fields.", c.Object)
	case there:
		return core.Errorf(core.Conflict, "There is a %s %q already.", c.Object, c.ID)
	case !ok && c.Value != nil:
		return core.Errorf(core.Invalid, "The fields of a new %s are a table.", c.Object)
	}
	object := map[string]any{}
	for key, value := range values {
		object[key] = value
	}
	object["id"] = c.ID
	a.adding, _ = object["plugin"].(string)
	list, _ := tree[c.Object].([]any)
	tree[c.Object] = append(slices.Clone(list), plainTree(object))
	if found := a.find([]any{c.Object}); found.leaf != nil { // [ { … }, … ]
		return a.appendItem(found.leaf.value, object)
	}
	block, err := a.section([]any{c.Object, len(list)}, true, object, a.indentOf([]any{c.Object, len(list) - 1}))
	if err != nil {
		return err
	}
	return a.insertBlock(a.endOf([]any{c.Object}), block)
}

func (a *amendment) removeObject(c Change, path []any, index int, tree map[string]any) error {
	if index < 0 {
		delete(tree, c.Object)
	} else {
		list := slices.Clone(tree[c.Object].([]any))
		tree[c.Object] = slices.Delete(list, index, index+1)
	}
	if index >= 0 && a.find(path).leaf == nil {
		// All its headers at once: the first that goes gives its index to the next object.
		for _, sec := range slices.Backward(a.sections) {
			if begins(sec.path, path) {
				if err := a.cutSection(sec); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if index >= 0 {
		return a.cut(a.find(path).leaf)
	}
	return a.unset(path)
}

// Kinds returns what a configuration consists of; true for what there can be several of, with ids.
func Kinds() map[string]bool {
	kinds := map[string]bool{}
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("toml"); key != "" {
			kinds[key] = t.Field(i).Type.Kind() == reflect.Slice
		}
	}
	return kinds
}

// orderAt lists the keys of the table at a path in the order of the example; those of settings and addresses as the
// plugin's schema has them.
func (a *amendment) orderAt(path []any, env Environment) []string {
	t := reflect.TypeFor[Config]()
	for i, part := range path {
		name, ok := part.(string)
		if !ok {
			continue
		}
		field, found := fieldOf(t, name)
		if !found {
			return nil
		}
		if t = field.Type; t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t == reflect.TypeFor[Settings]() && i == len(path)-1 {
			return settingOrder(a.pluginOf(path[:i]), env)
		}
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return keysOf(t)
}

// pluginOf returns the plugin of the account at a path, also of one that is being added.
func (a *amendment) pluginOf(account []any) string {
	found := a.find(below(account, "plugin"))
	if found.leaf == nil {
		return a.adding
	}
	name, _ := valueOf(a.src[found.leaf.value.start:found.leaf.value.end])
	plugin, _ := name.(string)
	return plugin
}

func settingOrder(plugin string, env Environment) (keys []string) {
	schema, _ := env.plugin(plugin)
	for _, f := range schema.Settings {
		keys = append(keys, f.Key)
	}
	return keys
}

func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	if t.Kind() != reflect.Struct {
		return reflect.StructField{}, false
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("toml") == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// labelOf writes a path for people.
func labelOf(path []any) string {
	label := ""
	for _, part := range path {
		if name, ok := part.(string); ok {
			label = join(label, name)
		}
	}
	return label
}
