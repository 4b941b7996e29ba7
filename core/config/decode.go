package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Decode reads the text of a configuration file. name is what problems call the file. It returns every problem it
// finds, in the order of the file; with any problem the Config is nil. References to secrets are resolved through env,
// except those of accounts that are switched off.
func Decode(name string, src []byte, env Environment) (*Config, Problems) {
	text := src
	src, problems := readable(name, src)
	if problems != nil {
		return nil, problems
	}
	d := &decoder{document: parse(name, src), env: env, resolved: map[string]string{}}
	if len(d.problems) > 0 {
		// Below broken syntax nothing can be said with confidence.
		return nil, d.problems.sort()
	}
	c := &Config{doc: d.document, text: text, resolved: d.resolved}
	c.defaults()
	d.table(d.root, reflect.ValueOf(c).Elem())
	d.check(c)
	if len(d.problems) > 0 {
		return nil, d.problems.sort()
	}
	c.secrets = d.secrets
	return c, nil
}

// decoder takes a document into a Config.
type decoder struct {
	*document
	env      Environment
	resolved map[string]string
	secrets  []span
}

// say reports a problem with the value of n.
func (d *decoder) say(n *node, message, remedy string) said {
	return d.report(n.start, d.label(n.path), message, remedy)
}

// sayKey reports a problem with the key of n, under its own path.
func (d *decoder) sayKey(n *node, message, remedy string) said {
	return d.report(n.key, d.label(n.path), message, remedy)
}

// missing reports that the object at n lacks a key.
func (d *decoder) missing(n *node, key, message, remedy string) said {
	return d.report(n.start, d.label(join(n.path, key)), message, remedy)
}

var elementPath = regexp.MustCompile(`^([a-z_]+)\[(\d+)\]`)

// label returns the path as people read it: an object's id in the place of its index, where it has one of its own.
func (d *document) label(path string) string {
	m := elementPath.FindStringSubmatch(path)
	if m == nil {
		return path
	}
	id := d.nodes[m[0]].child("id")
	if id == nil || id.kind != kindString || !wellFormedID(id.text) {
		return path
	}
	return m[1] + "[" + id.text + "]" + path[len(m[0]):]
}

var indexes = regexp.MustCompile(`\[\d+\]`)

// table decodes the entries of n into the struct v.
func (d *decoder) table(n *node, v reflect.Value) {
	for _, name := range n.names {
		child := n.children[name]
		field, tag, found := fieldFor(v, name)
		if !found {
			d.unknown(n, child, name, v.Type())
			continue
		}
		d.value(child, field, tag)
	}
}

func fieldFor(v reflect.Value, name string) (reflect.Value, reflect.StructTag, bool) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Tag.Get("toml") == name {
			return v.Field(i), f.Tag, true
		}
	}
	return reflect.Value{}, "", false
}

// keysOf lists the keys of a struct in the order of its fields.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("toml"); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

func (d *decoder) unknown(parent, n *node, name string, t reflect.Type) {
	shape := indexes.ReplaceAllString(n.path, "")
	if later[shape] {
		d.sayKey(n, fmt.Sprintf("%q is not supported by this version of Guichet.", name), "Take it out, or comment it out.")
		return
	}
	keys := keysOf(t)
	remedy := ""
	switch near := nearest(name, keys); {
	case t == reflect.TypeFor[Account]() && d.isSetting(parent, name):
		remedy = "It belongs under [account.settings]."
	case near != "":
		remedy = fmt.Sprintf("Did you mean %q?", near)
	case t == reflect.TypeFor[Config]() && sectionOf(name) != "":
		remedy = fmt.Sprintf("It belongs under %s.", sectionOf(name))
	default:
		remedy = "Known here: " + strings.Join(keys, ", ") + "."
	}
	d.sayKey(n, fmt.Sprintf("There is no setting %q here.", name), remedy).as("no-such-key", "key", name, "near", nearest(name, keys))
}

// isSetting reports whether name is a setting of the plugin of the account at n.
func (d *decoder) isSetting(n *node, name string) bool {
	plugin := n.child("plugin")
	if plugin == nil {
		return false
	}
	schema, _ := d.env.plugin(plugin.text)
	for _, f := range schema.Settings {
		if f.Key == name {
			return true
		}
	}
	return false
}

// sectionOf returns the header of the top-level table that has a key called name.
func sectionOf(name string) string {
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type.Kind() != reflect.Struct || f.Tag.Get("toml") == "" {
			continue
		}
		for _, key := range keysOf(f.Type) {
			if key == name {
				return "[" + f.Tag.Get("toml") + "]"
			}
		}
	}
	return ""
}

// value decodes n into v. A value that does not fit is reported and leaves the default.
func (d *decoder) value(n *node, v reflect.Value, tag reflect.StructTag) {
	switch v.Type() {
	case reflect.TypeFor[Duration]():
		d.duration(n, v, tag)
		return
	case reflect.TypeFor[Secret]():
		if text, ok := d.text(n, true, true); ok {
			v.SetString(text)
		}
		return
	case reflect.TypeFor[Settings]():
		// Checked against the plugin's schema once all accounts are known.
		d.expect(n, kindTable)
		return
	}
	switch v.Kind() {
	case reflect.String:
		if d.expect(n, kindString) && d.option(n, tag) {
			v.SetString(n.text)
		}
	case reflect.Bool:
		if d.expect(n, kindBool) {
			v.SetBool(n.text == "true")
		}
	case reflect.Int:
		d.integer(n, v, tag)
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Map:
		if d.expect(n, kindTable) {
			d.stringMap(n, v)
		}
	case reflect.Slice:
		d.list(n, v, tag)
	default:
		panic("config: no rule for fields of type " + v.Type().String())
	}
}

func (d *decoder) structure(n *node, v reflect.Value) {
	if n.kind == kindArray && !n.inline {
		d.say(n, fmt.Sprintf("There is only one %s.", n.path), fmt.Sprintf("Write [%s] with single brackets, once.", n.path))
		return
	}
	if d.expect(n, kindTable) {
		d.table(n, v)
	}
}

func (d *decoder) list(n *node, v reflect.Value, tag reflect.StructTag) {
	element := v.Type().Elem()
	items := n.items
	if element.Kind() == reflect.Struct && n.kind == kindTable && !n.inline {
		d.sayKey(n, fmt.Sprintf("There can be more than one %s, so its header takes two pairs of brackets.", n.path),
			fmt.Sprintf("Write [[%s]].", n.path))
		return
	}
	if !d.expect(n, kindArray) {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		target := v.Index(i)
		if f, ok := target.Addr().Interface().(interface{ defaults() }); ok {
			f.defaults()
		}
		d.value(item, target, tag)
	}
}

func (d *decoder) stringMap(n *node, v reflect.Value) {
	m := make(map[string]string, len(n.names))
	for _, name := range n.names {
		if child := n.children[name]; d.expect(child, kindString) {
			m[name] = child.text
		}
	}
	v.Set(reflect.ValueOf(m))
}

func (d *decoder) integer(n *node, v reflect.Value, tag reflect.StructTag) {
	if !d.expect(n, kindInteger) {
		return
	}
	value, err := strconv.ParseInt(n.text, 0, 64)
	low, _ := strconv.ParseInt(tag.Get("min"), 10, 64)
	high, _ := strconv.ParseInt(tag.Get("max"), 10, 64)
	if err != nil || value < low || value > high {
		d.say(n, fmt.Sprintf("%s is out of range.", n.text), fmt.Sprintf("Write a number from %d to %d.", low, high)).as(
			"number-range", "given", n.text, "low", strconv.FormatInt(low, 10), "high", strconv.FormatInt(high, 10))
		return
	}
	v.SetInt(value)
}

func (d *decoder) duration(n *node, v reflect.Value, tag reflect.StructTag) {
	never := tag.Get("never") == "true"
	if n.kind == kindInteger {
		d.say(n, fmt.Sprintf("%s has no unit.", n.text), fmt.Sprintf("Write \"%ss\" for seconds, \"%sm\" for minutes, \"%sh\" for hours or \"%sd\" for days.", n.text, n.text, n.text, n.text))
		return
	}
	if !d.expect(n, kindString) {
		return
	}
	if never && n.text == "never" {
		v.SetInt(0)
		return
	}
	value, err := parseDuration(n.text)
	if err != nil {
		d.say(n, fmt.Sprintf("%q is not a duration.", n.text), durationRemedy(err, never)).as("not-duration", "given", n.text)
		return
	}
	low, high := Duration(0), Duration(maxDuration)
	if s := tag.Get("min"); s != "" {
		low, _ = parseDuration(s)
	}
	if s := tag.Get("max"); s != "" {
		high, _ = parseDuration(s)
	}
	if value < low || value > high {
		remedy := fmt.Sprintf("Write something from %q to %q", low, high)
		if never {
			remedy += `, or "never"`
		}
		d.say(n, fmt.Sprintf("%q is out of range.", n.text), remedy+".").as("duration-range", "given", n.text, "low", fmt.Sprint(low), "high", fmt.Sprint(high))
		return
	}
	v.SetInt(int64(value))
}

func durationRemedy(err error, never bool) string {
	text := err.Error()
	if never {
		text += `, or "never"`
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// option checks a text against the options of its tag.
func (d *decoder) option(n *node, tag reflect.StructTag) bool {
	options := strings.Fields(tag.Get("options"))
	if len(options) == 0 {
		return true
	}
	for _, o := range options {
		if n.text == o {
			return true
		}
	}
	d.say(n, fmt.Sprintf("%s cannot be %q.", lastKey(n.path), n.text), choice(n.text, options)).as(
		"not-choice", "key", lastKey(n.path), "given", n.text, "known", strings.Join(options, ", "), "near", nearest(n.text, options))
	return false
}

// expect checks the kind of a value.
func (d *decoder) expect(n *node, want kind) bool {
	if n.kind == want {
		return true
	}
	d.say(n, fmt.Sprintf("%s must be %s, not %s.", lastKey(n.path), want, n.kind), kindRemedy(n, want))
	return false
}

func kindRemedy(n *node, want kind) string {
	switch {
	case want == kindString && n.end > 0:
		return "Put it in double quotes."
	case want == kindInteger && n.kind == kindString, want == kindBool && n.kind == kindString:
		return "Write it without quotes."
	case want == kindArray && n.end > 0:
		return "Put it in brackets: [ … ]."
	}
	return ""
}

// lastKey returns the last key of a path, without the index of a list element.
func lastKey(path string) string {
	path = indexes.ReplaceAllString(path, "")
	return path[strings.LastIndexByte(path, '.')+1:]
}
