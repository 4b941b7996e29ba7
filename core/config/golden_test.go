package config

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the expected problems of testdata/problems")

const dashes = "\n----\n"

// withCodes writes problems as people read them, each with its code and what it is about below it, where it has one.
func withCodes(problems Problems) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.String() + "\n")
		if p.Code == "" {
			continue
		}
		b.WriteString("  = " + p.Code)
		for _, name := range slices.Sorted(maps.Keys(p.Params)) {
			b.WriteString(" " + name + "=" + strconv.Quote(p.Params[name]))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestProblems decodes each file of testdata/problems up to its dashed line and compares the problems with what stands
// below it. One file names one rule.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, found := strings.Cut(string(text), dashes)
			if !found {
				t.Fatal("no dashed line")
			}
			c, problems := Decode("guichet.toml", []byte(input), testEnvironment())
			if (c == nil) != (problems != nil) {
				t.Errorf("config %v with problems %v", c != nil, problems != nil)
			}
			got := withCodes(problems)
			if *update {
				if err := os.WriteFile(file, []byte(input+dashes+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if strings.TrimSpace(want) == "" {
				t.Fatal("a golden without a problem proves nothing")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
