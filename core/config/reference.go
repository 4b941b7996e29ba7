package config

import (
	"fmt"
	"strings"
)

// fingerprintPrefix begins what stands for a secret in the history of the configuration.
const fingerprintPrefix = "fingerprint:"

// references are the keys of an inline table that says where a value is kept.
var references = []string{"env", "file", "stored"}

// text reads a value that is written as a text or as a reference to one: { env = "NAME" }, { file = "PATH" } or
// { stored = "ID" }. A reference is resolved only when resolve is set; otherwise its form alone is checked and the
// result is not ok. The literal text of a secret is remembered, so that it can be redacted.
func (d *decoder) text(n *node, secret, resolve bool) (value string, ok bool) {
	if n.kind == kindString {
		if secret {
			d.secrets = append(d.secrets, span{n.start, n.end})
			if strings.HasPrefix(n.text, fingerprintPrefix) {
				d.say(n, "This is the fingerprint of a secret, as the history shows it, not the secret.",
					`Write the secret itself, or where it is kept: { env = "NAME" }, { file = "PATH" } or { stored = "ID" }.`)
				return "", false
			}
			if n.text == "" {
				d.say(n, "The secret is empty.", `Write the secret, or where it is kept: { env = "NAME" }, { file = "PATH" } or { stored = "ID" }.`).as("secret-empty")
				return "", false
			}
		}
		return n.text, true
	}
	if n.kind != kindTable {
		d.say(n, fmt.Sprintf("%s must be a text, not %s.", lastKey(n.path), n.kind), kindRemedy(n, kindString))
		return "", false
	}
	if len(n.names) != 1 || n.child(n.names[0]).kind != kindString || !contains(references, n.names[0]) {
		d.say(n, "This does not say where the value is kept.",
			`Write exactly one of { env = "NAME" }, { file = "PATH" } and { stored = "ID" }.`)
		return "", false
	}
	kind := n.names[0]
	at := n.child(kind)
	if at.text == "" {
		d.say(at, fmt.Sprintf("The %s to read is empty.", map[string]string{
			"env": "name of the environment variable", "file": "path of the file", "stored": "id of the stored secret"}[kind]), "")
		return "", false
	}
	if !resolve {
		return "", false
	}
	return d.resolve(at, kind, secret)
}

func (d *decoder) resolve(at *node, kind string, secret bool) (string, bool) {
	var value string
	found := false
	switch kind {
	case "env":
		if d.env.Env != nil {
			value, found = d.env.Env(at.text)
		}
		if !found || value == "" {
			d.say(at, fmt.Sprintf("The environment variable %s is not set.", at.text),
				"Set it for the process that runs Guichet, then start it again.").as("env-missing", "name", at.text)
			return "", false
		}
	case "file":
		var err error
		if d.env.File == nil {
			err = fmt.Errorf("files cannot be read here")
		} else {
			value, err = d.env.File(at.text)
		}
		if err != nil {
			d.say(at, fmt.Sprintf("The file %q cannot be read: %s.", at.text, plainCause(err)), "Check the path and that Guichet may read it.").as("file-unreadable", "name", at.text)
			return "", false
		}
		if secret {
			// Most editors end a file with a newline, which is not part of a secret.
			value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r")
		}
		if value == "" {
			d.say(at, fmt.Sprintf("The file %q is empty.", at.text), "Write the value into it.").as("file-empty", "name", at.text)
			return "", false
		}
	case "stored":
		if d.env.Stored == nil {
			return "", false
		}
		if value, found = d.env.Stored(at.text); !found {
			d.say(at, fmt.Sprintf("There is no stored secret %q.", at.text), "Enter it again in the admin center.").as("stored-missing", "name", at.text)
			return "", false
		}
		return value, true
	}
	d.resolved[kind+":"+at.text] = value
	return value, true
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
