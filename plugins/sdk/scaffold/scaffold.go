// Package scaffold writes a new channel plugin: a small module that builds, passes its own conformance test and can be
// approved at once.
//
// It must not know the host. Start reading at [Write]; what is written lies in template/.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"text/template"
)

// SDK is the module that the plugin imports.
const SDK = "github.com/guichet/guichet"

//go:embed template
var templates embed.FS

// files are what is written, in order, and from which template.
var files = []struct{ path, template string }{
	{"main.go", "main.go.tmpl"},
	{"main_test.go", "main_test.go.tmpl"},
	{"bundle/plugin.toml", "plugin.toml.tmpl"},
	{"README.md", "README.md.tmpl"},
	{".gitignore", "gitignore.tmpl"},
}

// Plugin says what to write.
type Plugin struct {
	Name   string // kebab-case; also the plugin's id
	Dir    string // where to; it must not exist, or be empty
	Module string // the new module's path; "": example.com/NAME
	// Source is the source tree of Guichet that stands for its module while that is not published.
	Source string
}

var (
	nameForm   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	moduleForm = regexp.MustCompile(`^[A-Za-z0-9_.~-]+(/[A-Za-z0-9_.~-]+)*$`)
)

// Check says what is wrong with a name, nil when nothing is.
func Check(name string) error {
	switch {
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("%q is a path: give the name, and where to write it with --dir", name)
	case len(name) > 40 || !nameForm.MatchString(name):
		return fmt.Errorf("%q is no name of a plugin: lower case letters, digits and single hyphens, beginning with a letter, at most 40", name)
	}
	return nil
}

// Write writes the module and returns the paths of its files. Nothing is overwritten.
func Write(p Plugin) (written []string, err error) {
	if err := Check(p.Name); err != nil {
		return nil, err
	}
	if p.Module == "" {
		p.Module = "example.com/" + p.Name
	}
	if !moduleForm.MatchString(p.Module) {
		return nil, fmt.Errorf("%q is no path of a module", p.Module)
	}
	if there, err := os.ReadDir(p.Dir); err == nil && len(there) > 0 {
		return nil, fmt.Errorf("%s is there already and not empty: nothing was written", p.Dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s cannot be written to: %w", p.Dir, err)
	}
	content, err := render(p)
	if err != nil {
		return nil, err
	}
	mod, sum, err := moduleFiles(p)
	if err != nil {
		return nil, err
	}
	content["go.mod"], content["go.sum"] = mod, sum
	if err := os.MkdirAll(filepath.Join(p.Dir, "bundle"), 0o755); err != nil {
		return nil, err
	}
	for _, name := range []string{"go.mod", "go.sum", "main.go", "main_test.go", "bundle/plugin.toml", "README.md", ".gitignore"} {
		path := filepath.Join(p.Dir, filepath.FromSlash(name))
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return written, err
		}
		_, err = f.Write(content[name])
		if err = errors.Join(err, f.Close()); err != nil {
			return written, err
		}
		written = append(written, path)
	}
	return written, nil
}

// render fills in the templates.
func render(p Plugin) (map[string][]byte, error) {
	words := strings.ReplaceAll(p.Name, "-", " ")
	values := map[string]string{"Name": p.Name, "Title": strings.ToUpper(words[:1]) + words[1:]}
	content := map[string][]byte{}
	for _, f := range files {
		t, err := template.ParseFS(templates, "template/"+f.template)
		if err != nil {
			return nil, err
		}
		var text bytes.Buffer
		if err := t.Execute(&text, values); err != nil {
			return nil, err
		}
		content[f.path] = text.Bytes()
		if strings.HasSuffix(f.path, ".go") {
			if content[f.path], err = format.Source(text.Bytes()); err != nil {
				return nil, fmt.Errorf("%s: %w", f.path, err)
			}
		}
	}
	return content, nil
}

// moduleFiles makes go.mod and go.sum. What Guichet's module needs is taken from its source tree as it is, so that nothing
// has to be looked up or fetched; go mod tidy drops what the plugin does not need.
func moduleFiles(p Plugin) (mod, sum []byte, err error) {
	source, err := filepath.Abs(p.Source)
	if err != nil {
		return nil, nil, err
	}
	if !IsSource(source) {
		return nil, nil, fmt.Errorf("%s is not the source tree of Guichet", source)
	}
	theirs, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return nil, nil, err
	}
	if sum, err = os.ReadFile(filepath.Join(source, "go.sum")); err != nil {
		return nil, nil, err
	}
	_, rest, _ := strings.Cut(string(theirs), "\n")
	var text bytes.Buffer
	fmt.Fprintf(&text, "module %s\n%s\nrequire %s v0.0.0\n\n// Until Guichet's module is published. Then: go mod edit -dropreplace %[3]s && go get %[3]s@latest\nreplace %[3]s => %s\n",
		p.Module, kept(rest), SDK, quoted(source))
	return text.Bytes(), sum, nil
}

// kept is what a new module takes over of Guichet's go.mod: the version of Go, and what is required.
func kept(mod string) string {
	var lines []string
	block := ""
	for line := range strings.Lines(mod) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case block != "":
			if block == "require" {
				lines = append(lines, line)
			}
			if word == ")" {
				block = ""
			}
			continue
		case strings.HasSuffix(strings.TrimSpace(line), "("):
			block = word
		}
		if word == "go" || word == "require" {
			lines = append(lines, "\n"+line)
		}
	}
	return strings.Join(lines, "")
}

// quoted is a path as go.mod takes it.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t\"'`()[]{},") {
		return fmt.Sprintf("%q", path)
	}
	return path
}

// IsSource reports whether a directory is the source tree of Guichet.
func IsSource(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && strings.HasPrefix(string(text), "module "+SDK+"\n")
}

// Source finds a source tree of Guichet that this program can see: the one that it was built from, or one around a
// directory.
func Source(around string) (dir string, found bool) {
	_, file, _, _ := runtime.Caller(0)
	for _, start := range []string{filepath.Dir(file), around} {
		if !filepath.IsAbs(start) {
			continue // built with -trimpath
		}
		for dir := start; ; dir = filepath.Dir(dir) {
			if IsSource(dir) {
				return dir, true
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", false
}
