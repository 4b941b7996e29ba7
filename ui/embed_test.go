package ui

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

var reference = regexp.MustCompile(`(?:src|href)="([^"#]*)"`)

// TestPagesReferToWhatIsThere reads the pages that are built: each begins as HTML and names no file that is not
// embedded, none from elsewhere and no script or style of its own that the policy would refuse.
func TestPagesReferToWhatIsThere(t *testing.T) {
	files, pages := Dist(), 0
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".html") {
			return err
		}
		pages++
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		page := string(raw)
		if !strings.HasPrefix(strings.ToLower(page), "<!doctype html>") || !strings.Contains(page, "<html") {
			t.Errorf("%s is no page", name)
		}
		for _, m := range reference.FindAllStringSubmatch(page, -1) {
			at := m[1]
			switch {
			case at == "", at == "/widget.js", strings.HasPrefix(at, "/app/") && !strings.Contains(at[5:], "."), strings.HasPrefix(at, "data:"):
			case !strings.HasPrefix(at, "/") || strings.HasPrefix(at, "//"):
				t.Errorf("%s refers to %q, which is not an address of ours from the root", name, at)
			default:
				path, _, _ := strings.Cut(strings.TrimPrefix(at, "/"), "?")
				if _, err := fs.Stat(files, path); err != nil {
					t.Errorf("%s refers to %q: %v", name, at, err)
				}
			}
		}
		return nil
	})
	if err != nil || pages == 0 {
		t.Fatalf("%d pages, %v", pages, err)
	}
}
