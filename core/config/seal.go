package config

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/guichet/guichet/core"
)

// maxSecret bounds a secret written through an edit, in bytes.
const maxSecret = 64 << 10

// sealedEdit is an edit whose secrets have been replaced by references to where they will be stored.
type sealedEdit struct {
	changes []Change
	texts   map[string]string // by id
}

func errSecrets(sentence string) error { return &core.Error{Code: core.Forbidden, Message: sentence} }

// seal takes the texts of secrets out of an edit: in the file only { stored = "ID" } is written. It refuses what needs
// the permission for secrets: to write or remove one, to say where a value is kept, and to say where secrets are sent.
func (e *Editor) seal(text []byte, edit Edit) (sealedEdit, error) {
	s := &sealer{editor: e, text: text, may: edit.Secrets, plugins: map[string]string{}, texts: map[string]string{}}
	s.readPlugins(edit.Changes)
	for i, c := range edit.Changes {
		sealed, err := s.change(c)
		if err != nil {
			if problem, ok := err.(*core.Error); ok && problem.Field == "" {
				problem.Field = fmt.Sprintf("changes[%d]", i)
			}
			return sealedEdit{}, err
		}
		s.changes = append(s.changes, sealed)
	}
	return s.sealedEdit(), nil
}

type sealer struct {
	editor  *Editor
	text    []byte
	may     bool
	plugins map[string]string // of accounts
	texts   map[string]string
	changes []Change
}

func (s *sealer) sealedEdit() sealedEdit { return sealedEdit{s.changes, s.texts} }

// readPlugins finds out which plugin each account has, or is to have.
func (s *sealer) readPlugins(changes []Change) {
	tree, err := decodeTree(s.text)
	if err != nil {
		return // Amend reports it
	}
	accounts, _ := tree["account"].([]any)
	for _, a := range accounts {
		account, _ := a.(map[string]any)
		id, _ := account["id"].(string)
		s.plugins[id], _ = account["plugin"].(string)
	}
	for _, c := range changes {
		switch table, _ := c.Value.(map[string]any); {
		case c.Object != "account":
		case c.Op == Add:
			s.plugins[c.ID], _ = table["plugin"].(string)
		case c.Op == Set && c.Field == "plugin":
			s.plugins[c.ID], _ = c.Value.(string)
		}
	}
}

// trust says what a field has to do with secrets.
type trust int

const (
	open   trust = iota
	guards       // it says where secrets are sent
	secret       // it is one
	upload       // it is the content of a file, which is kept like a secret
)

func (s *sealer) trustOf(c Change, path []string) trust {
	switch {
	case c.Object == "mail" && len(path) > 0 && path[0] == "password":
		return secret
	case c.Object == "mail":
		return guards
	case c.Object == "account" && len(path) == 1 && (path[0] == "plugin" || path[0] == "test") && c.Op != Add:
		return guards
	case c.Object == "account" && len(path) > 1 && path[0] == "settings":
		schema, _ := s.editor.options.Environment.plugin(s.plugins[c.ID])
		for _, f := range schema.Settings {
			switch {
			case f.Key != path[1]:
			case isSecret(f):
				return secret
			case f.Kind == core.SettingFile:
				return upload
			case testOnly(f):
				return guards
			}
		}
	}
	return open
}

func (s *sealer) change(c Change) (Change, error) {
	var path []string
	if c.Field != "" {
		path = strings.Split(c.Field, ".")
	}
	if c.Op == Remove {
		if c.Field != "" && s.trustOf(c, path) != open && !s.may {
			return c, errSecrets(c.Field + " is a secret, or says where secrets go, which you may not write.")
		}
		return c, nil
	}
	value, err := s.value(c, path, c.Value)
	c.Value = value
	return c, err
}

// value takes the secrets out of a value at a path below its object.
func (s *sealer) value(c Change, path []string, v any) (any, error) {
	level := s.trustOf(c, path)
	table, isTable := v.(map[string]any)
	if isTable && !isReference(table) && level != secret && level != upload {
		sealed := make(map[string]any, len(table))
		for _, key := range slices.Sorted(maps.Keys(table)) {
			inner, err := s.value(c, append(slices.Clone(path), key), table[key])
			if err != nil {
				return nil, err
			}
			sealed[key] = inner
		}
		return sealed, nil
	}
	field := strings.Join(path, ".")
	if !s.may && (level != open || isTable) {
		return nil, errSecrets(field + " is a secret, or says where secrets go, which you may not write.")
	}
	if level != secret && level != upload {
		return v, nil
	}
	switch v := v.(type) {
	case string:
		return s.keep(c, field, v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			kept, err := s.item(c, path, item)
			if err != nil {
				return nil, err
			}
			list[i] = kept
		}
		return list, nil
	case map[string]any:
		if isReference(v) {
			return v, nil
		}
	}
	return nil, core.Errorf(core.Invalid, `%s is a secret: give its text, or where it is kept, as {"env": "NAME"}, {"file": "PATH"} or {"stored": "ID"}.`, field)
}

// item takes one element of a list of secrets: a text, a reference, or {keep: N} for the one that is there now.
func (s *sealer) item(c Change, path []string, item any) (any, error) {
	table, ok := item.(map[string]any)
	switch v := item.(type) {
	case string:
		return s.keep(c, strings.Join(path, "."), v)
	case map[string]any:
		if isReference(v) {
			return v, nil
		}
	}
	index, isIndex := table["keep"].(int64)
	if !ok || !isIndex || len(table) != 1 {
		return nil, core.Errorf(core.Invalid, `An element of %s is a text, a reference, or {"keep": N} for the one that is there now.`, strings.Join(path, "."))
	}
	at := []any{c.Object}
	if tree, err := decodeTree(s.text); err == nil && c.ID != "" {
		list, _ := tree[c.Object].([]any)
		at = append(at, slices.IndexFunc(list, func(o any) bool { t, _ := o.(map[string]any); return t["id"] == any(c.ID) }))
	}
	for _, name := range path {
		at = append(at, name)
	}
	o, err := outlineOf(s.text)
	if err != nil {
		return nil, err
	}
	found := o.find(at)
	if found.leaf == nil || index < 0 || int(index) >= len(found.leaf.value.items) {
		return nil, core.Errorf(core.Conflict, "%s has no element %d to keep.", strings.Join(path, "."), index)
	}
	present := found.leaf.value.items[index]
	return verbatim(s.text[present.start:present.end]), nil
}

// keep gives a secret's text an id under which it will be stored.
func (s *sealer) keep(c Change, field, text string) (any, error) {
	switch {
	case text == "":
		return nil, core.Errorf(core.Invalid, "The secret %s is empty; to take it out, remove it.", field)
	case len(text) > maxSecret:
		return nil, core.Errorf(core.TooLarge, "%s is larger than %d bytes.", field, maxSecret)
	case strings.HasPrefix(text, fingerprintPrefix):
		return nil, core.Errorf(core.Invalid, "This is the fingerprint of a secret, not the secret.")
	case s.editor.options.Secrets == nil:
		return nil, core.Errorf(core.Unavailable, "Secrets cannot be stored here.")
	}
	name := strings.TrimPrefix(field, "settings.")
	id := strings.Trim(kebab(firstOf(c.ID, c.Object)+"-"+name)+"-"+strings.ToLower(rand.Text()[:10]), "-")
	s.texts[id] = text
	return map[string]any{"stored": id}, nil
}
