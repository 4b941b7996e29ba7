package sdk

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Setting is one field of a flat settings form, as SettingsOf derives it from a struct.
type Setting struct {
	Key      string
	Kind     string // string, text, secret, int, bool, duration, url, email, select, list, file
	Title    string
	Help     string
	Required bool
	Secret   bool // masked when read back, sealed at rest
	Default  string
	Pattern  string // RE2, must match the whole value
	Options  []string
	Group    string
	ShowIf   string // "key=value"
	TestOnly bool   // only in an account marked test = true
	// Exclusive: no two accounts of a plugin may have the same value, because the credential serves one consumer.
	Exclusive bool
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	listType     = reflect.TypeFor[[]string]()
	keyForm      = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	textKinds    = []string{"string", "text", "secret", "url", "email", "select", "file"}
)

// SettingsOf derives the settings schema from the fields of a struct that carry a `setting` tag. v is the struct, a
// pointer to it, or nil for no settings. The tags:
//
//	setting:"key"     the key in TOML (required for a field to count)
//	kind:"secret"     string, text, secret, url, email, select, file; by default the kind follows from the Go type
//	title, help       for people
//	required:"true"   must be given (where shown)
//	default:"…"       as TOML would write a string of it
//	pattern:"…"       RE2, must match the whole value
//	options:"a,b"     of a select
//	group:"…"         fields with the same group are shown together
//	show_if:"k=v"     asked for and required only when setting k has value v
//	test:"true"       accepted only in an account marked test = true
//	exclusive:"true"  no two accounts may have the same value: the credential serves one consumer
//
// The Go types are string, int, bool, time.Duration and []string.
func SettingsOf(v any) ([]Setting, error) {
	if v == nil {
		return nil, nil
	}
	return settingsOf(reflect.TypeOf(v))
}

func settingsOf(t reflect.Type) ([]Setting, error) {
	if t == nil {
		return nil, nil
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("sdk: settings must be a struct, not %s", t)
	}
	var settings []Setting
	for i := range t.NumField() {
		f := t.Field(i)
		key, tagged := f.Tag.Lookup("setting")
		if !tagged {
			continue
		}
		s, err := settingOf(f, key)
		if err != nil {
			return nil, fmt.Errorf("sdk: %s.%s: %w", t, f.Name, err)
		}
		if slices.ContainsFunc(settings, func(have Setting) bool { return have.Key == key }) {
			return nil, fmt.Errorf("sdk: %s.%s: the key %q is used twice", t, f.Name, key)
		}
		settings = append(settings, s)
	}
	for _, s := range settings {
		if key, _, found := strings.Cut(s.ShowIf, "="); s.ShowIf != "" {
			if !found || !slices.ContainsFunc(settings, func(have Setting) bool { return have.Key == key }) {
				return nil, fmt.Errorf("sdk: %s: show_if %q of %q must be key=value with a key of the same struct", t, s.ShowIf, s.Key)
			}
		}
	}
	return settings, nil
}

func settingOf(f reflect.StructField, key string) (Setting, error) {
	tag := f.Tag.Get
	s := Setting{
		Key: key, Kind: tag("kind"), Title: tag("title"), Help: tag("help"), Required: tag("required") == "true",
		Default: tag("default"), Pattern: tag("pattern"), Group: tag("group"), ShowIf: tag("show_if"),
		TestOnly: tag("test") == "true", Exclusive: tag("exclusive") == "true",
	}
	if !f.IsExported() {
		return s, fmt.Errorf("a field with a setting tag must be exported")
	}
	if !keyForm.MatchString(key) {
		return s, fmt.Errorf("the key %q must be lower case letters, digits and underscores", key)
	}
	if options := tag("options"); options != "" {
		s.Options = strings.Split(options, ",")
	}
	natural := ""
	switch {
	case f.Type == durationType:
		natural = "duration"
	case f.Type == listType:
		natural = "list"
	case f.Type.Kind() == reflect.String:
		natural = "string"
		if len(s.Options) > 0 {
			natural = "select"
		}
	case f.Type.Kind() == reflect.Int:
		natural = "int"
	case f.Type.Kind() == reflect.Bool:
		natural = "bool"
	default:
		return s, fmt.Errorf("settings are string, int, bool, time.Duration or []string, not %s", f.Type)
	}
	if s.Kind == "" {
		s.Kind = natural
	}
	if text := f.Type.Kind() == reflect.String; text && !slices.Contains(textKinds, s.Kind) || !text && s.Kind != natural {
		return s, fmt.Errorf("kind %q does not fit the type %s", s.Kind, f.Type)
	}
	if (s.Kind == "select") != (len(s.Options) > 0) {
		return s, fmt.Errorf("a select has options, and only a select has")
	}
	s.Secret = s.Kind == "secret"
	if s.Title == "" {
		s.Title = strings.ReplaceAll(strings.ToUpper(key[:1])+key[1:], "_", " ")
	}
	if s.Pattern != "" {
		if _, err := regexp.Compile(s.Pattern); err != nil {
			return s, fmt.Errorf("pattern: %w", err)
		}
	}
	if s.Default != "" {
		if err := setText(reflect.New(f.Type).Elem(), s.Default); err != nil {
			return s, fmt.Errorf("default: %w", err)
		}
	}
	return s, nil
}

// decodeSettings fills the tagged fields of *into from the host's JSON object, defaults first. The host has validated
// the values; what is required and missing, or cannot be put into a field, is an error all the same. Unknown keys are ignored: a host may know a
// newer schema.
func decodeSettings(document []byte, into any) error {
	values := map[string]json.RawMessage{}
	if len(document) > 0 {
		if err := json.Unmarshal(document, &values); err != nil {
			return fmt.Errorf("sdk: settings are not a JSON object: %w", err)
		}
	}
	v := reflect.ValueOf(into).Elem()
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return fmt.Errorf("sdk: settings must be a struct, not %s", v.Type())
	}
	for i := range v.NumField() {
		key, tagged := v.Type().Field(i).Tag.Lookup("setting")
		if !tagged {
			continue
		}
		raw, given := values[key]
		tag := v.Type().Field(i).Tag.Get
		if tag("required") == "true" && tag("show_if") == "" && tag("default") == "" && tag("test") != "true" &&
			(!given || string(raw) == "null" || string(raw) == `""`) {
			return fmt.Errorf("sdk: setting %s is required", key)
		}
		if !given || string(raw) == "null" {
			if def := tag("default"); def != "" {
				if err := setText(v.Field(i), def); err != nil {
					return fmt.Errorf("sdk: default of setting %s: %w", key, err)
				}
			}
			continue
		}
		if err := setJSON(v.Field(i), raw); err != nil {
			return fmt.Errorf("sdk: setting %s: %w", key, err)
		}
	}
	return nil
}

// setJSON puts a JSON value into a field. Durations are texts like "90s". The error never shows the value: it may be
// a secret.
func setJSON(field reflect.Value, raw json.RawMessage) error {
	switch {
	case field.Type() == durationType:
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return fmt.Errorf(`must be a duration like "90s"`)
		}
		return setText(field, text)
	case field.Kind() == reflect.Int:
		var n float64
		if json.Unmarshal(raw, &n) != nil || n != math.Trunc(n) || math.Abs(n) > 1<<53 {
			return fmt.Errorf("must be a whole number")
		}
		field.SetInt(int64(n))
		return nil
	}
	if json.Unmarshal(raw, field.Addr().Interface()) != nil {
		return fmt.Errorf("must be a %s", map[reflect.Kind]string{reflect.String: "text", reflect.Bool: "bool", reflect.Slice: "list of texts"}[field.Kind()])
	}
	return nil
}

// setText puts a default, written as text, into a field.
func setText(field reflect.Value, text string) error {
	switch {
	case field.Type() == durationType:
		d, err := parseDuration(text)
		if err != nil {
			return err
		}
		field.SetInt(int64(d))
	case field.Kind() == reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("must be a whole number")
		}
		field.SetInt(int64(n))
	case field.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("must be true or false")
		}
		field.SetBool(b)
	case field.Kind() == reflect.Slice:
		field.Set(reflect.ValueOf(strings.Split(text, ",")))
	default:
		field.SetString(text)
	}
	return nil
}

// parseDuration reads a length of time as the configuration writes it: Go's form and, beyond it, whole days: "28d".
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 100_000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf(`must be a duration like "90s" or "28d"`)
	}
	return d, nil
}
