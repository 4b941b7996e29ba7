package plugins

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk/sdktest"
)

// TestGuideShowsWhatRuns: the code in the authors' guide is the code that is built and tested.
func TestGuideShowsWhatRuns(t *testing.T) {
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	guide := read("README.md")
	for _, name := range []string{"sdk/examples/echo/main.go", "sdk/examples/echo/main_test.go"} {
		if !strings.Contains(guide, "```go\n"+read(name)+"```\n") {
			t.Errorf("README.md does not show %s as it is", name)
		}
	}
	parrot := read("sdk/examples/parrot/main.go")
	for _, shown := range strings.Split(guide, "```go\n")[1:] {
		code, _, _ := strings.Cut(shown, "```\n")
		if strings.HasPrefix(code, "func (p *parrot)") && !strings.Contains(parrot, code) {
			t.Errorf("README.md shows what sdk/examples/parrot does not have:\n%s", code)
		}
	}
	for _, constant := range []string{
		channelv1.MagicCookieKey + "=" + channelv1.MagicCookieValue, channelv1.LifelineVariable, channelv1.Channel_ServiceDesc.ServiceName,
		channelv1.Host_ServiceDesc.ServiceName, channelv1.Conversations_ServiceDesc.ServiceName,
	} {
		if !strings.Contains(guide, constant) {
			t.Errorf("README.md lacks %s", constant)
		}
	}
}

// TestGuideAnswersEveryNeed: what channels need is numbered, each number has its row, and the fields that a row names are
// there.
func TestGuideAnswersEveryNeed(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(text)) {
		if regexp.MustCompile(`^\| [CE][0-9]`).MatchString(line) {
			rows = append(rows, line)
		}
	}
	for kind, count := range map[string]int{"C": 20, "E": 18} {
		for i := range count {
			number := regexp.MustCompile(`^\|[^|]*\b` + kind + strconv.Itoa(i+1) + `\b[^|]*\|`)
			if !slices.ContainsFunc(rows, number.MatchString) {
				t.Errorf("the table has no row for %s%d", kind, i+1)
			}
		}
	}
	messages := channelv1.File_channel_proto.Messages()
	named := 0
	for _, row := range rows {
		for _, name := range regexp.MustCompile("`([A-Z][A-Za-z]+)\\.([a-z_]+)`").FindAllStringSubmatch(row, -1) {
			named++
			m := messages.ByName(protoreflect.Name(name[1]))
			if m == nil || m.Fields().ByName(protoreflect.Name(name[2])) == nil && m.Oneofs().ByName(protoreflect.Name(name[2])) == nil {
				t.Errorf("the table names %s.%s, which the contract does not have", name[1], name[2])
			}
		}
	}
	if named < 20 {
		t.Errorf("the table names %d fields", named)
	}
}

// TestGuideIsFollowed runs the commands that the guide shows, as they stand there, with a guichet of this source tree.
func TestGuideIsFollowed(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds guichet and a new plugin")
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "guichet"), "..").CombinedOutput(); err != nil {
		t.Fatalf("build guichet: %v\n%s", err, out)
	}
	for _, chapter := range []string{"From nothing to a channel", "In another language"} {
		t.Run(chapter, func(t *testing.T) {
			if strings.Contains(chapter, "language") && os.Getenv("GUICHET_WITHOUT_PYTHON") != "" {
				t.Skip("GUICHET_WITHOUT_PYTHON is set")
			}
			_, rest, found := strings.Cut(string(text), "\n## "+chapter+"\n")
			rest, _, _ = strings.Cut(rest, "\n## ")
			_, rest, shown := strings.Cut(rest, "```sh\n")
			commands, _, _ := strings.Cut(rest, "```\n")
			if !found || !shown || strings.Count(commands, "\n") < 2 {
				t.Fatalf("the chapter shows no commands: %q", commands)
			}
			dir := t.TempDir()
			if err := os.Symlink(here, filepath.Join(dir, "plugins")); err != nil {
				t.Fatal(err)
			}
			shell := exec.CommandContext(t.Context(), "sh", "-eu")
			shell.Stdin, shell.Dir = strings.NewReader(commands), dir
			shell.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOTOOLCHAIN=local")
			out, err := shell.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !strings.Contains(string(out), " 0 broken") || !strings.Contains(string(out), "✓ verification") {
				t.Errorf("the suite was not run:\n%s", out)
			}
		})
	}
}

// TestGuideNamesEveryRequirement: authors find in the guide what the suite tells them.
func TestGuideNamesEveryRequirement(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	names := sdktest.Requirements()
	if len(names) < 20 {
		t.Errorf("there are only %d requirements", len(names))
	}
	for _, name := range names {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("README.md does not name the requirement %s", name)
		}
	}
}
