package config

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/guichet/guichet/core"
)

// Object is one object of the file as an editor shows it: what is written, where, and what would hold without it.
type Object struct {
	Kind   string
	ID     string // "" for what there is only one of, and for an object without a good id
	Plugin string // that describes the fields below settings and address; "" where none does
	Line   int    // of its header; 0 where it is not in the file
	Fields []Field
}

// Field is one field of an object.
type Field struct {
	core.SettingField        // Key is the path in the object: settings.channel_id; Default is not used
	Min, Max          string // of a number or a duration, as they are written
	Unset             any    // what holds where nothing is written; nil where that depends on other fields, or is nothing
	Written           bool
	Line              int        // where it is written; 0 where it is not
	Value             any        // as written: text, number, true or false, or a list; nil for a secret and a reference
	Reference         *Reference // where it is kept, of a value that is written as a reference
	Items             []Item     // of a list whose items are secrets or references
	Fingerprint       string     // of a secret that is set and can be had
}

// Reference says where a value is kept.
type Reference struct {
	Kind string // env, file or stored
	Name string
}

// Item is an element of a list that is not shown as it is written.
type Item struct {
	Value       any
	Reference   *Reference
	Fingerprint string
}

// Objects describes the objects of a kind that the file has, and what a new one would be. plugin is that of the account
// or channel to be made; it may be "". The error is Problems when the file cannot be read as TOML.
func (e *Editor) Objects(ctx context.Context, kind, plugin string) (list []Object, blank Object, err error) {
	array, known := Kinds()[kind]
	if !known {
		return nil, blank, core.Errorf(core.NotFound, "there is no %q in a configuration", kind)
	}
	p, err := e.present(ctx)
	if err != nil {
		return nil, blank, err
	}
	src, problems := readable(e.options.Path, p.text)
	if problems != nil {
		return nil, blank, problems
	}
	doc := parse(e.options.Path, src)
	if len(doc.problems) > 0 {
		return nil, blank, doc.problems.sort()
	}
	d := &describer{document: doc, env: e.options.Environment, key: e.options.History.FingerprintKey()}
	at := doc.root.child(kind)
	if !array {
		return []Object{d.object(kind, at, "")}, d.object(kind, nil, ""), nil
	}
	if at != nil && at.kind == kindArray {
		for _, item := range at.items {
			if item.kind == kindTable {
				list = append(list, d.object(kind, item, ""))
			}
		}
	}
	return list, d.object(kind, nil, plugin), nil
}

// describer describes objects of one file.
type describer struct {
	*document
	env Environment
	key []byte // of fingerprints
}

func (d *describer) object(kind string, n *node, plugin string) Object {
	field, _ := fieldOf(reflect.TypeFor[Config](), kind)
	t := field.Type
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	o := Object{Kind: kind}
	if n != nil {
		o.Line = d.line(n)
		if id := n.child("id"); id != nil && field.Type.Kind() == reflect.Slice {
			o.ID = id.text
		}
	}
	unset := reflect.New(t)
	if f, ok := unset.Interface().(interface{ defaults() }); ok {
		f.defaults()
	} else {
		var c Config
		c.defaults()
		whole := reflect.ValueOf(c).FieldByName(field.Name)
		if whole.Type() == t {
			unset.Elem().Set(whole)
		}
	}
	o.Plugin = firstOf(d.plugin(kind, n), plugin)
	schema, _ := d.env.plugin(o.Plugin)
	o.Fields = d.fields("", unset.Elem(), n, schema)
	return o
}

// plugin finds the plugin of an account, or of the account of a channel.
func (d *describer) plugin(kind string, n *node) string {
	text := func(n *node, key string) string {
		if at := n.child(key); at != nil && at.kind == kindString {
			return at.text
		}
		return ""
	}
	if kind != "channel" {
		return text(n, "plugin")
	}
	accounts := d.root.child("account")
	if accounts == nil {
		return ""
	}
	for _, a := range accounts.items {
		if id := text(a, "id"); id != "" && id == text(n, "account") {
			return text(a, "plugin")
		}
	}
	return ""
}

// fields describes the fields of a table whose defaults are in unset.
func (d *describer) fields(prefix string, unset reflect.Value, n *node, schema core.PluginSchema) (list []Field) {
	for i := range unset.NumField() {
		tag := unset.Type().Field(i).Tag
		key := tag.Get("toml")
		if key == "" {
			continue
		}
		path, at, value := prefix+key, n.child(key), unset.Field(i)
		switch value.Type() {
		case reflect.TypeFor[Settings]():
			list = append(list, d.settings(path+".", schema.Settings, at)...)
			continue
		case reflect.TypeFor[map[string]string]():
			list = append(list, d.settings(path+".", schema.Address, at)...)
			continue
		case reflect.TypeFor[Widget]():
			if !schema.Live && at == nil {
				continue // only chats have a look
			}
		}
		if value.Kind() == reflect.Struct {
			list = append(list, d.fields(path+".", value, at, schema)...)
			continue
		}
		f := Field{Min: tag.Get("min"), Max: tag.Get("max"), Unset: plainValue(value)}
		f.Key, f.Kind, f.Options = path, kindOf(value, tag), strings.Fields(tag.Get("options"))
		f.Secret = value.Type() == reflect.TypeFor[Secret]()
		f.Required = path == "id" && unset.Type() != reflect.TypeFor[Organization]() || requiredFields[path] || path == "plugin" && unset.Type() == reflect.TypeFor[Account]()
		d.written(&f, at)
		list = append(list, f)
	}
	return list
}

// requiredFields are those without which no object is complete. What only some objects need is said by the checks.
var requiredFields = map[string]bool{"email": true, "account": true, "workstream": true}

func (d *describer) settings(prefix string, fields []core.SettingField, table *node) (list []Field) {
	for _, s := range fields {
		f := Field{SettingField: s}
		f.Key, f.Secret, f.TestOnly = prefix+s.Key, isSecret(s), testOnly(s)
		if s.Default != "" {
			if value, err := parseDefault(s); err == nil {
				f.Unset = value
			}
			if s.Kind == core.SettingDuration {
				f.Unset = s.Default
			}
		}
		if key, value, conditional := strings.Cut(s.ShowIf, "="); conditional {
			f.ShowIf = prefix + key + "=" + value
		}
		d.written(&f, table.child(s.Key))
		list = append(list, f)
	}
	return list
}

// written adds what the file says of a field.
func (d *describer) written(f *Field, n *node) {
	if n == nil {
		return
	}
	f.Written, f.Line = true, d.line(n)
	if n.kind == kindArray {
		if !f.Secret && !slices.ContainsFunc(n.items, func(i *node) bool { return i.kind == kindTable }) {
			f.Value = valueOfNode(n)
			return
		}
		for _, item := range n.items {
			one := Field{SettingField: core.SettingField{Secret: f.Secret}}
			d.written(&one, item)
			f.Items = append(f.Items, Item{Value: one.Value, Reference: one.Reference, Fingerprint: one.Fingerprint})
		}
		return
	}
	text := n.text
	if n.kind == kindTable {
		if len(n.names) != 1 || !contains(references, n.names[0]) || n.child(n.names[0]).kind != kindString {
			return // not a reference: a problem says so
		}
		f.Reference = &Reference{Kind: n.names[0], Name: n.child(n.names[0]).text}
		text = d.referred(*f.Reference)
	}
	switch {
	case f.Secret && text != "":
		f.Fingerprint = fingerprint(d.key, text)
	case !f.Secret && f.Reference == nil:
		f.Value = valueOfNode(n)
	}
}

// referred returns what a reference gives; "" for nothing.
func (d *describer) referred(r Reference) (value string) {
	switch {
	case r.Kind == "env" && d.env.Env != nil:
		value, _ = d.env.Env(r.Name)
	case r.Kind == "file" && d.env.File != nil:
		value, _ = d.env.File(r.Name)
		value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r")
	case r.Kind == "stored" && d.env.Stored != nil:
		value, _ = d.env.Stored(r.Name)
	}
	return value
}

func valueOfNode(n *node) any {
	switch n.kind {
	case kindArray:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = valueOfNode(item)
		}
		return list
	case kindInteger:
		if number, err := strconv.ParseInt(n.text, 0, 64); err == nil {
			return number
		}
	case kindBool:
		return n.text == "true"
	case kindTable:
		return nil
	}
	return n.text
}

func kindOf(v reflect.Value, tag reflect.StructTag) core.SettingKind {
	switch {
	case v.Type() == reflect.TypeFor[Secret]():
		return core.SettingSecret
	case v.Type() == reflect.TypeFor[Duration]():
		return core.SettingDuration
	case v.Kind() == reflect.Bool:
		return core.SettingBool
	case v.Kind() == reflect.Int:
		return core.SettingInt
	case v.Kind() == reflect.Slice:
		return core.SettingList
	case tag.Get("options") != "":
		return core.SettingSelect
	}
	return core.SettingString
}

// plainValue is a default as it would be written; nil for none.
func plainValue(v reflect.Value) any {
	switch {
	case v.Type() == reflect.TypeFor[Duration]():
		if v.Int() == 0 {
			return nil
		}
		return fmt.Sprint(v.Interface())
	case v.Kind() == reflect.Bool:
		return v.Bool()
	case v.Kind() == reflect.Int:
		return v.Int()
	case v.Kind() == reflect.String && v.String() != "":
		return v.String()
	case v.Kind() == reflect.Slice && v.Len() > 0:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plainValue(v.Index(i))
		}
		return list
	}
	return nil
}
