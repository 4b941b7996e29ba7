package webchat

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestVariables(t *testing.T) {
	many := map[string]json.RawMessage{}
	for i := range 150 {
		many[fmt.Sprintf("n%03d", i)] = json.RawMessage(`"x"`)
	}
	if got := variablesOf(many); len(got) != maxVariables || got["n099"] != "x" {
		t.Errorf("%d variables", len(got))
	}
	got := variablesOf(map[string]json.RawMessage{
		"text": json.RawMessage(`"a\u0000b\nc"`), "long": json.RawMessage(`"` + strings.Repeat("é", 2000) + `"`), "int": json.RawMessage(`5`),
		"float": json.RawMessage(`1.50`), "yes": json.RawMessage(`true`), "null": json.RawMessage(`null`), "list": json.RawMessage(`[1]`),
		" \u0007 ": json.RawMessage(`"no name"`), "huge": json.RawMessage(`1e999`), strings.Repeat("n", 200): json.RawMessage(`"cut"`),
	})
	want := map[string]string{
		"text": "ab\nc", "long": strings.Repeat("é", 1000), "int": "5", "float": "1.50", "yes": "true", strings.Repeat("n", 100): "cut",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s := speaker{language: "fr", page: page{URL: "https://a.example.com/"}}
	if all := s.variables(variablesOf(many)); len(all) != maxVariables || all["page_url"] == "" {
		t.Errorf("%d variables with the page's", len(all))
	}
}

func TestPagesAreAddressesOfTheWeb(t *testing.T) {
	f, err := parseFrame([]byte(`{"t":"hello","language":"<b>","since":"a b","page":{"url":"javascript:alert(1)","title":" a\nb ","referrer":"http://x.example.com/"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page{Title: "a b", Referrer: "http://x.example.com/"}, f.Page); diff != "" || f.Language != "" || f.Since != "" {
		t.Errorf("%s %q %q", diff, f.Language, f.Since)
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, seed := range []string{
		`{"t":"hello","v":1,"channel":"c","token":"t","since":"","language":"fr","page":{"url":"https://x","title":"","referrer":""}}`,
		`{"t":"send","id":"a","text":"\ud800\u0000\r\n","attachments":["h"],"context":{"a":1,"b":"x","c":[1],"":null}}`,
		`{"t":"seen","delivered":"p1","read":"p0"}`, `{"t":"ping","at":1e9}`, `{"t":"ping","at":"x"}`, `{`, `[]`, `null`, ``, "\xff",
		strings.Repeat(`{"context":`, 50), `{"T":"send","TEXT":"a"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		parsed, err := parseFrame(raw)
		if err != nil {
			if parsed.T != "" || parsed.Text != "" {
				t.Error("a bad frame left something")
			}
			return
		}
		if len(raw) > maxFrame || !utf8.Valid(raw) {
			t.Error("it should have been refused")
		}
		checkText := func(what, text string, limit int, lines bool) {
			if !utf8.ValidString(text) || utf8.RuneCountInString(text) > limit || strings.ContainsFunc(text, func(r rune) bool {
				return unicode.IsControl(r) && !(lines && (r == '\n' || r == '\t'))
			}) {
				t.Errorf("%s is %q", what, text)
			}
		}
		checkText("text", parsed.Text, maxFrame, true)
		checkText("title", parsed.Page.Title, maxVariable, false)
		checkText("url", parsed.Page.URL, maxVariable, false)
		checkText("since", parsed.Since, maxPosition, false)
		checkText("type", parsed.T, maxID, false)
		if len(parsed.variables) > maxVariables {
			t.Errorf("%d variables", len(parsed.variables))
		}
		for name, value := range parsed.variables {
			checkText("a variable's name", name, maxName, false)
			checkText("variable "+name, value, maxVariable, true)
		}
		if !json.Valid(encode(pongFrame{"pong", parsed.At})) {
			t.Errorf("the pong to %q is not JSON", parsed.At)
		}
		if refused := checkMessage(&speaker{}, &parsed); refused != nil {
			checkText("a refused id", refused.ID, maxID, false)
		}
	})
}

func FuzzUploadHandle(f *testing.F) {
	d := newDesk()
	c := openShop(d)
	good, err := c.signUpload(f.Context(), "v", upload{Handle: "h", Expires: time.Now().Add(time.Hour).Unix()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("e30.")
	f.Add("")
	f.Fuzz(func(t *testing.T, handle string) {
		if _, err := c.verifyUpload(t.Context(), "v", handle); err == nil && handle != good {
			t.Errorf("%q was made up", handle)
		}
	})
}

func TestBrowsers(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0":           "Edge 126 on Windows",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36":                   "Chrome 126 on Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1": "Safari 17 on iPhone",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5; rv:127.0) Gecko/20100101 Firefox/127.0":                                                     "Firefox 127 on macOS",
		"curl/8": "", "": "", "Version/17": "",
	} {
		if got := browserOf(agent); got != want {
			t.Errorf("%q became %q, not %q", agent, got, want)
		}
	}
}

func TestClientsAreCountedByNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "192.0.2.1:80": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::": "2001:db8:1:2::/64", "127.0.0.1": "", "[::1]:9": "", "nonsense": "?nonsense", "fe80::1%eth0": "fe80::/64",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = address
		if got := clientOf(r); got != want {
			t.Errorf("%q is counted as %q, not %q", address, got, want)
		}
	}
}

func TestBuckets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuckets(60, time.Minute, 3)
		for range 3 {
			if _, ok := b.take("a"); !ok {
				t.Fatal("the burst was refused")
			}
		}
		if after, ok := b.take("a"); ok || after != time.Second {
			t.Errorf("after the burst: %s %v", after, ok)
		}
		if _, ok := b.take("b"); !ok {
			t.Error("another key was refused")
		}
		for range 100 {
			if _, ok := b.take(""); !ok {
				t.Fatal("nobody was counted")
			}
		}
		time.Sleep(600 * time.Millisecond)
		if after, ok := b.take("a"); ok || after != 400*time.Millisecond {
			t.Errorf("a moment later: %s %v", after, ok)
		}
		b.put("a")
		if _, ok := b.take("a"); !ok {
			t.Error("what was given back could not be taken")
		}
		time.Sleep(time.Hour)
		b.take("c")
		if len(b.byKey) != 1 {
			t.Errorf("%d keys are remembered", len(b.byKey))
		}
		for i := range maxBuckets + 10 {
			b.take(fmt.Sprint(i))
		}
		if len(b.byKey) > maxBuckets {
			t.Errorf("%d keys are remembered", len(b.byKey))
		}
	})
	counts := newCounts()
	if !counts.enter("a", 1, 3) || counts.enter("a", 1, 3) || !counts.enter("b", 1, 3) || !counts.enter("", 1, 3) || counts.enter("", 1, 3) {
		t.Error("the counts are wrong")
	}
	counts.leave("a")
	if !counts.enter("a", 1, 3) {
		t.Error("nothing became free")
	}
}
