package line

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/plugins/sdk"
)

var update = flag.Bool("update", false, "write the golden files anew")

// received is when the fixtures arrive: a few seconds after they happened.
var received = time.UnixMilli(1790000100000).UTC()

// specDir is where LINE's descriptions are kept beside the project, "" where they are not.
func specDir() string {
	const dir = "../../../shared/specs/line"
	if _, err := os.Stat(filepath.Join(dir, "webhook.yml")); err != nil {
		return ""
	}
	return dir
}

func fixtures(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	return files
}

// TestFixtures translates one event of every kind that LINE describes, and some that it does not.
func TestFixtures(t *testing.T) {
	for _, file := range fixtures(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := json.Marshal(map[string]any{"destination": "U1", "events": []json.RawMessage{raw}})
			events := parse(body, received)
			if len(events) != 1 {
				t.Fatalf("%d events", len(events))
			}
			if !json.Valid(events[0].Raw) {
				t.Error("the raw event was not kept")
			}
			got := readable(t, events[0])
			golden := filepath.Join("testdata", "translated", filepath.Base(file))
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// readable renders an event without what is empty and without its raw text.
func readable(t *testing.T, event sdk.Event) string {
	t.Helper()
	event.Raw = nil
	var tree any
	if err := json.Unmarshal([]byte(toJSON(t, event)), &tree); err != nil {
		t.Fatal(err)
	}
	return toJSON(t, prune(tree)) + "\n"
}

// prune drops what is null, but keeps empty objects: an empty Blocked says something.
func prune(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for key, value := range object {
		switch value := prune(value).(type) {
		case nil, bool, string, float64:
			if value == nil || value == false || value == "" || value == 0.0 || value == "0001-01-01T00:00:00Z" {
				delete(object, key)
			}
		}
	}
	return object
}

// TestFixturesAreLINEs validates the fixtures against LINE's description, and demands one for each value of each
// discriminator in it.
func TestFixturesAreLINEs(t *testing.T) {
	dir := specDir()
	if dir == "" {
		t.Skip("LINE's API description is not beside the project")
	}
	spec, err := linetest.LoadSpec(filepath.Join(dir, "webhook.yml"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, file := range fixtures(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		named[name] = true
		if strings.HasPrefix(name, "new.") || name == "Event.messageEdited" {
			continue // not described, which is what they are for; messageEdited is newer than the description
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := spec.CheckJSON("Event", raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	variants := spec.Variants()
	if len(variants) < 30 {
		t.Fatalf("only %d variants found in the description", len(variants))
	}
	for _, v := range variants {
		if !spec.Visited(v) {
			t.Errorf("no valid fixture contains %s %q", v.Schema, v.Value)
		}
		if !named[v.Schema+"."+v.Value] {
			t.Errorf("there is no fixture %s.%s.json", v.Schema, v.Value)
		}
	}
}
