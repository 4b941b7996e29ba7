package config

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/guichet/guichet/core"
)

// Environment is what a configuration is decoded against besides its own text: where secrets come from, and which
// plugins there are. A nil function knows nothing.
type Environment struct {
	// Env returns an environment variable, for { env = "NAME" }.
	Env func(name string) (value string, found bool)
	// File returns a file's content, for { file = "PATH" }.
	File func(path string) (string, error)
	// Stored returns a secret that the admin center keeps, for { stored = "ID" }. Where it is nil there is no store to look
	// in, and such a reference is taken to be good.
	Stored func(id string) (value string, found bool)
	// Plugin returns the settings schema of a plugin, from its manifest; no plugin is run for it.
	Plugin func(name string) (schema core.PluginSchema, found bool)
	// Plugins lists the names that Plugin knows, to be shown to whoever wrote an unknown one.
	Plugins func() []string
}

// maxSecretFile bounds a file named by { file = … }, in bytes. Service account keys and certificates are a few
// kilobytes.
const maxSecretFile = 1 << 20

// withProcess returns e with Env and File reading this process's environment and disk. Relative file names are
// relative to dir, the folder of the configuration file.
func (e Environment) withProcess(dir string) Environment {
	e.Env = os.LookupEnv
	e.File = func(name string) (string, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		text, err := readLimited(name, maxSecretFile)
		return string(text), err
	}
	return e
}

// with returns e with further stored secrets.
func (e Environment) with(secrets map[string]string) Environment {
	if len(secrets) == 0 {
		return e
	}
	stored := e.Stored
	e.Stored = func(id string) (string, bool) {
		if text, found := secrets[id]; found {
			return text, true
		}
		if stored == nil {
			return "", false
		}
		return stored(id)
	}
	return e
}

func (e Environment) plugin(name string) (core.PluginSchema, bool) {
	if e.Plugin == nil {
		return core.PluginSchema{}, false
	}
	return e.Plugin(name)
}

func (e Environment) plugins() []string {
	if e.Plugins == nil {
		return nil
	}
	return sorted(e.Plugins())
}

// Secret is the value of a secret setting. It prints as a mask so that it never lands in a log by accident.
type Secret string

// String masks the value.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// GoString masks the value.
func (s Secret) GoString() string { return fmt.Sprintf("config.Secret(%q)", s.String()) }
