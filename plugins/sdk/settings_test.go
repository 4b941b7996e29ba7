package sdk

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type sample struct {
	Token    string        `setting:"token" kind:"secret" title:"Access token" help:"From the console." required:"true" pattern:"[a-z]+"`
	Mode     string        `setting:"mode" options:"webhook,poll" default:"webhook"`
	Retries  int           `setting:"retries" default:"3" group:"Advanced"`
	Fast     bool          `setting:"fast"`
	Every    time.Duration `setting:"every" default:"28d" show_if:"mode=poll"`
	Names    []string      `setting:"names"`
	APIURL   string        `setting:"api_url" kind:"url" test:"true"`
	untagged int
}

func TestSettingsOf(t *testing.T) {
	got, err := SettingsOf(&sample{untagged: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := []Setting{
		{Key: "token", Kind: "secret", Title: "Access token", Help: "From the console.", Required: true, Secret: true, Pattern: "[a-z]+"},
		{Key: "mode", Kind: "select", Title: "Mode", Default: "webhook", Options: []string{"webhook", "poll"}},
		{Key: "retries", Kind: "int", Title: "Retries", Default: "3", Group: "Advanced"},
		{Key: "fast", Kind: "bool", Title: "Fast"},
		{Key: "every", Kind: "duration", Title: "Every", Default: "28d", ShowIf: "mode=poll"},
		{Key: "names", Kind: "list", Title: "Names"},
		{Key: "api_url", Kind: "url", Title: "Api url", TestOnly: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err := SettingsOf(nil); got != nil || err != nil {
		t.Errorf("no settings: %v, %v", got, err)
	}
}

func TestWrongSettingsStructs(t *testing.T) {
	for want, v := range map[string]any{
		"must be a struct": 7,
		"used twice": struct {
			A string `setting:"a"`
			B string `setting:"a"`
		}{},
		"not float64": struct {
			A float64 `setting:"a"`
		}{},
		"lower case": struct {
			A string `setting:"An-Id"`
		}{},
		"does not fit": struct {
			A int `setting:"a" kind:"secret"`
		}{},
		"kind \"list\"": struct {
			A string `setting:"a" kind:"list"`
		}{},
		"a select has options": struct {
			A string `setting:"a" kind:"select"`
		}{},
		"pattern": struct {
			A string `setting:"a" pattern:"("`
		}{},
		"default": struct {
			A int `setting:"a" default:"many"`
		}{},
		"show_if": struct {
			A string `setting:"a" show_if:"b=c"`
		}{},
		"must be exported": struct {
			a string `setting:"a"`
		}{},
	} {
		if _, err := SettingsOf(v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestDecodeSettings(t *testing.T) {
	var got sample
	err := decodeSettings([]byte(`{"token":"abc","retries":7,"fast":true,"names":["a","b"],"later":{"x":1},"mode":null}`), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := sample{Token: "abc", Mode: "webhook", Retries: 7, Fast: true, Every: 28 * 24 * time.Hour, Names: []string{"a", "b"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sample{})); diff != "" {
		t.Error(diff)
	}
	for _, document := range []string{
		`[]`, `{"retries":"7"}`, `{"retries":1.5}`, `{"retries":1e300}`, `{"every":90}`, `{"every":"soon"}`, `{"fast":"yes"}`, `{"names":"a"}`, `{"token":12345678}`,
	} {
		err := decodeSettings([]byte(document), &sample{})
		if err == nil {
			t.Errorf("%s was taken", document)
		} else if strings.Contains(err.Error(), "12345678") {
			t.Errorf("a secret is in %v", err)
		}
	}
}

func FuzzDecodeSettings(f *testing.F) {
	f.Add([]byte(`{"token":"abc","every":"90s"}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		var s sample
		if decodeSettings(document, &s) == nil && s.Mode == "" && !strings.Contains(string(document), "mode") {
			t.Errorf("%q lost the default", document)
		}
	})
}
