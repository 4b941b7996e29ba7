package telegram

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/telegram/telegramtest"
)

var write = flag.Bool("update", false, "write the golden files anew")

// received is when the fixtures arrive: a few seconds after they happened.
var received = time.Unix(1790000100, 0).UTC()

const testBot = "123456789"

func fixtures(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/updates/*.json")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d fixtures: %v", len(files), err)
	}
	return files
}

// TestUpdates translates one update of every kind that is used, and some of those that are not.
func TestUpdates(t *testing.T) {
	for _, file := range fixtures(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			u := parse(raw, testBot, received)
			if len(u.events) == 0 {
				t.Fatal("nothing came of it")
			}
			for i := range u.events {
				if string(u.events[i].Raw) != string(raw) {
					t.Error("the update was not kept as it came")
				}
			}
			got := readable(t, u)
			golden := filepath.Join("testdata", "translated", filepath.Base(file))
			if *write {
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

// readable renders what came of an update without what is empty and without its raw text.
func readable(t *testing.T, u update) string {
	t.Helper()
	shown := map[string]any{"update": u.id, "known": u.known, "callback": u.callback}
	if u.moved != nil {
		shown["moved"] = []string{strconv.FormatInt(u.moved.from, 10), strconv.FormatInt(u.moved.to, 10)}
	}
	var events []any
	for _, event := range u.events {
		event.Raw = nil
		var tree any
		if err := json.Unmarshal([]byte(toJSON(t, event)), &tree); err != nil {
			t.Fatal(err)
		}
		events = append(events, prune(tree))
	}
	shown["events"] = events
	return toJSON(t, shown) + "\n"
}

// prune drops what is null or zero, but keeps empty objects: an empty Blocked says something.
func prune(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
		return v
	case map[string]any:
		for key, value := range v {
			switch value := prune(value).(type) {
			case nil, bool, string, float64:
				if value == nil || value == false || value == "" || value == 0.0 || value == "0001-01-01T00:00:00Z" {
					delete(v, key)
				}
			}
		}
		return v
	}
	return v
}

// TestUpdatesAreTelegrams checks the fixtures against Telegram's own description.
func TestUpdatesAreTelegrams(t *testing.T) {
	if specFile() == "" {
		t.Skip("Telegram's description is not beside the project")
	}
	spec, err := telegramtest.LoadSpec(specFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range fixtures(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			t.Fatal(err)
		}
		err = spec.CheckType("Update", value)
		if strange := name == "new-kind" || name == "new-content" || name == "wrong-type"; (err != nil) != strange {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, kind := range handled {
		if err := spec.CheckType("Update", map[string]any{"update_id": 1.0, kind: 0.0}); err == nil || strings.Contains(err.Error(), "has no") {
			t.Errorf("%s is asked for and is no kind of update: %v", kind, err)
		}
	}
}

// FuzzParse: whatever comes, it is kept, named and placed, and the same text always gives the same ids.
func FuzzParse(f *testing.F) {
	for _, file := range fixtures(f) {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"update_id":1}`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`{"update_id":1,"message":{"text":"ab","entities":[{"type":"text_link","url":"u","offset":1,"length":9223372036854775807}]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		u, again := parse(raw, testBot, received), parse(raw, testBot, received)
		if len(u.events) == 0 || len(u.events) != len(again.events) {
			t.Fatalf("%d events, then %d", len(u.events), len(again.events))
		}
		seen := map[string]bool{}
		for i, e := range u.events {
			key := e.ID + kindOf(e)
			if e.ID == "" || kindOf(e) == "" || seen[key] || e.ID != again.events[i].ID {
				t.Fatalf("event %d of %q: %+v", i, raw, e)
			}
			seen[key] = true
		}
	})
}

func kindOf(e sdk.Event) string {
	switch {
	case e.Message != nil:
		return "message"
	case e.Edited != nil:
		return "edited"
	case e.Reaction != nil:
		return "reaction"
	case e.Postback != nil:
		return "postback"
	case e.Blocked != nil:
		return "blocked"
	case e.Unblocked != nil:
		return "unblocked"
	case e.GroupJoined != nil:
		return "joined"
	case e.GroupLeft != nil:
		return "left"
	case e.IdentityChanged != nil:
		return "moved"
	case e.ConversationStarted != nil:
		return "started"
	case e.Unknown != nil:
		return "unknown"
	}
	return ""
}

// TestAnotherBot: two bots number their updates alike, and an account may be given another bot.
func TestAnotherBot(t *testing.T) {
	raw := []byte(`{"update_id":7,"message":{"message_id":1,"chat":{"id":5,"type":"private"},"text":"x"}}`)
	if a, b := parse(raw, "1", received), parse(raw, "2", received); a.events[0].ID == b.events[0].ID {
		t.Errorf("updates of two bots are both called %s", a.events[0].ID)
	}
}

// TestBothHalvesOfAMove: both chats tell that a group has moved, and the host is told once.
func TestBothHalvesOfAMove(t *testing.T) {
	var ids []string
	for _, name := range []string{"migrate-to", "migrate-from"} {
		raw, err := os.ReadFile("testdata/updates/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, parse(raw, testBot, received).events[0].ID)
	}
	if ids[0] != ids[1] {
		t.Errorf("the move is called %q", ids)
	}
}

func TestEditsWithinASecond(t *testing.T) {
	edit := func(id int, text string) *sdk.Edited {
		raw := `{"update_id":` + strconv.Itoa(id) + `,"edited_message":{"message_id":1,"edit_date":1790000000,"chat":{"id":5,"type":"private"},"text":"` + text + `"}}`
		return parse([]byte(raw), testBot, received).events[0].Edited
	}
	if first, second := edit(700001, "a"), edit(700002, "b"); !second.EditedAt.After(first.EditedAt) {
		t.Errorf("the second edit, of %s, would lose against the first, of %s", second.EditedAt, first.EditedAt)
	}
}
