package sdktest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fixtures writes a file of fixtures.
func fixtures(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fixtures.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestFixturesLeadToAProvider: a program is proved against a fake provider that the fixtures name.
func TestFixturesLeadToAProvider(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	provider, err := json.Marshal([]string{"env", faultVariable + "=feed/", self})
	if err != nil {
		t.Fatal(err)
	}
	options, release, err := ReadFixtures(t.Context(), fixtures(t, `{
		"provider": `+string(provider)+`,
		"settings": {"url": "{provider}"},
		"pull": {"put": "{provider}/put?n={n}", "asked": "{provider}/asked"},
		"registration": {"address": "{provider}/registered"},
		"templates": {"settings": {}}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	states := map[string]State{}
	Prove(t.Context(), Program{Path: self, Env: []string{faultVariable + "=pulls/"}}, func(r Result) {
		states[r.Requirement] = r.State
		if r.State == Failed {
			t.Errorf("%s: %q", r.Requirement, r.Failures)
		}
	}, options...)
	for _, name := range []string{"pull", "slow-host", "registration", "templates", "restart"} {
		if states[name] != Passed {
			t.Errorf("%s is %s", name, states[name])
		}
	}
	if states["media"] != NotTested {
		t.Errorf("media, of which there is none, is %s", states["media"])
	}
}

func TestFixturesAreRequests(t *testing.T) {
	options, release, err := ReadFixtures(t.Context(), fixtures(t, `{
		"genuine": {"one": {"path": "in", "query": "a=b", "headers": {"X-B": "2", "X-A": "1"}, "json": {"id": 1}}},
		"forged": {"two": {"method": "GET", "path": "in", "body": "hello"}},
		"unknown": {"three": {"path": "in"}},
		"live": {"request": {"path": "live"}, "hello": "hi"},
		"outcomes": {"rate-limited": {"settings": {"token": "busy"}, "send": {"text": "Hello!", "outbox_id": "7"}}},
		"media": {"fetch": "1", "gone": "2", "refused": "3"}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	s := newSuite(options)
	one := s.genuine["one"]
	if one.GetMethod() != "POST" || one.GetUrl() != "https://desk.example.com/channels/a/in?a=b" || one.GetRawQuery() != "a=b" ||
		string(one.GetBody()) != `{"id": 1}` || len(one.GetHeaders()) != 2 || one.GetHeaders()[0].GetName() != "X-A" {
		t.Errorf("one is %v", one)
	}
	if two := s.forged["two"]; two.GetMethod() != "GET" || string(two.GetBody()) != "hello" {
		t.Errorf("two is %v", two)
	}
	if s.unknown["three"] == nil || s.upgrade.GetMethod() != "GET" || string(s.hello) != "hi" {
		t.Errorf("three is %v, the live request %v", s.unknown["three"], s.upgrade)
	}
	if o := s.outcome["rate-limited"]; o.Send.GetOutboxId() != "7" || o.Settings["token"] != "busy" {
		t.Errorf("the outcome is %v", o)
	}
	if s.media == nil || s.media.Refused != "3" {
		t.Errorf("the attachments are %v", s.media)
	}
}

func TestFixturesThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		`{"genuin": {}}`: `unknown field "genuin"`,
		`{"outcomes": {"refused": {"send": {}}}}`:            "there are accepted, already-accepted,",
		`{"outcomes": {"accepted": {"send": {"txt": "x"}}}}`: "outcomes.accepted.send",
		`{"provider": ["no-such-program-anywhere"]}`:         "the provider",
		`{"provider": ["echo", "hello"]}`:                    `is to print its address, http://…, as its first line`,
		`{"genuine": [`:                                      "fixtures.json",
	} {
		if _, _, err := ReadFixtures(t.Context(), fixtures(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, _, err := ReadFixtures(t.Context(), "no-such-file"); err == nil {
		t.Error("a file that is not there was read")
	}
}
