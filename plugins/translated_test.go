package plugins

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// spoken are the languages of the interface beside English.
var spoken = []string{"fr"}

// TestEveryTextIsTranslated: what a first-party plugin says to administrators, in its manifest and in its checks, is there
// in each language of the interface; and nothing is translated that it does not say.
func TestEveryTextIsTranslated(t *testing.T) {
	checks := 0
	for _, name := range Names() {
		manifest, _ := Manifest(name)
		said := channelv1.TranslatedTexts(manifest)
		source := readSource(t, name)
		checks += len(source.said)
		for _, language := range spoken {
			i := slices.IndexFunc(manifest.GetTranslations(), func(tr *channelv1.Translation) bool { return tr.GetLanguage() == language })
			if i < 0 {
				t.Errorf("%s says nothing in %q", name, language)
				continue
			}
			texts := manifest.GetTranslations()[i].GetTexts()
			for _, text := range slices.Concat(said, source.said) {
				if texts[text] == "" {
					t.Errorf("%s: %q is not translated into %q", name, text, language)
				}
			}
			for text := range texts {
				if !slices.Contains(said, text) && !source.literals[text] {
					t.Errorf("%s: %q is translated into %q, and the plugin does not say it", name, text, language)
				}
			}
		}
	}
	if checks < 80 {
		t.Errorf("only %d texts of checks were found in the source: this test looks for them wrongly", checks)
	}
}

// TestFrenchIsWrittenAsFrench: with its apostrophe and its quotation marks, and no line that begins with a colon.
func TestFrenchIsWrittenAsFrench(t *testing.T) {
	wrong := regexp.MustCompile(`'|[^\x{202f}][;?!]|[^\x{a0}]»|«[^\x{a0}]| :|\.\.\.|\pL:( |$)`)
	for _, name := range Names() {
		manifest, _ := Manifest(name)
		for _, tr := range manifest.GetTranslations() {
			for text, french := range tr.GetTexts() {
				// What is typed elsewhere as it stands here keeps its form.
				typed := strings.NewReplacer("Authorization: Bearer", "", "https://", "").Replace(french)
				if found := wrong.FindString(typed); tr.GetLanguage() == "fr" && found != "" {
					t.Errorf("%s: %q becomes %q, with %q", name, text, french, found)
				}
			}
		}
	}
}

// source is what stands in a plugin's files.
type source struct {
	literals map[string]bool // every text
	said     []string        // those that checks consist of
}

// sentence is what a text for people looks like, among the literals of a file about checks.
var sentence = regexp.MustCompile(`^[A-Z{][^:/]*( |[a-z]{3})`)

// readSource finds the texts of checks: in the files that make them every literal that looks like a text for people, and
// everywhere what is given to Title, Detail, Fix, Found, Advise or because.
func readSource(t *testing.T, name string) *source {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(name, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := &source{literals: map[string]bool{}}
	say := func(text string) {
		if text != "" && !slices.Contains(found.said, text) {
			found.said = append(found.said, text)
		}
	}
	for _, path := range paths {
		base := filepath.Base(path)
		if strings.HasSuffix(base, "_test.go") || base == "french.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		about := base == "validate.go" || base == "registration.go"
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && about && slices.Contains([]string{"Title", "Detail", "Fix"}, key.Name) {
					if text, ok := textOf(n.Value); ok {
						say(text)
					}
				}
			case ast.Expr:
				if text, ok := textOf(n); ok {
					found.literals[text] = true
					if about && sentence.MatchString(text) {
						say(text)
					}
					return false // its parts are no texts
				}
				if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 {
					if f, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Found", "Advise", "because"}, f.Sel.Name) {
						if text, ok := textOf(call.Args[0]); ok {
							say(text)
						}
					}
				}
			}
			return true
		})
	}
	return found
}

// textOf is a literal, or several put together.
func textOf(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			return constant.StringVal(constant.MakeFromLiteral(e.Value, token.STRING, 0)), true
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			x, isX := textOf(e.X)
			y, isY := textOf(e.Y)
			return x + y, isX && isY
		}
	}
	return "", false
}
