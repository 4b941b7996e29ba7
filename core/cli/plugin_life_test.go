package cli_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// call posts JSON to a path of the server, signed as the plugins of the scripts want it: call STATUS PATH BODY [SIGNATURE]
func call(ts *testscript.TestScript, _ bool, words []string) {
	mac := hmac.New(sha256.New, []byte("a-secret-of-the-test"))
	_, _ = mac.Write([]byte(words[2]))
	signature := hex.EncodeToString(mac.Sum(nil))
	if len(words) > 3 {
		signature = words[3]
	}
	// An account of a plugin that is still starting is answered 503, and providers come again.
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		r, err := http.NewRequest(http.MethodPost, ts.Getenv("URL")+words[1], strings.NewReader(words[2]))
		ts.Check(err)
		r.Header.Set("X-Signature", signature)
		answer, err := http.DefaultClient.Do(r)
		ts.Check(err)
		_ = answer.Body.Close()
		got := answer.Status[:3]
		if got == words[0] {
			return
		}
		if got != "503" || time.Now().After(deadline) {
			ts.Fatalf("%s answered %s, want %s", words[1], got, words[0])
		}
	}
}

// provider starts a provider that takes every message, writes its address to a file, and the texts that it took to another:
// provider URLFILE TEXTFILE
func provider(ts *testscript.TestScript, _ bool, words []string) {
	texts := ts.MkAbs(words[1])
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct{ Text string }
		_ = json.NewDecoder(r.Body).Decode(&m) // then no text is written
		f, err := os.OpenFile(texts, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, _ = fmt.Fprintln(f, m.Text)
			_ = f.Close()
		}
	}))
	ts.Defer(server.Close)
	ts.Check(os.WriteFile(ts.MkAbs(words[0]), []byte(server.URL), 0o600))
}

// answer takes the conversation with a text and answers it: answer KEYFILE TEXT ANSWER. It waits until the answer is
// followed by the words of FOLLOW in the conversation, where they are given.
func answer(ts *testscript.TestScript, _ bool, words []string) {
	api := func(method, path, body string) (out map[string]any) {
		r, err := http.NewRequest(method, ts.Getenv("URL")+"/api/v1/"+path, strings.NewReader(body))
		ts.Check(err)
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(words[0])))
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		ts.Check(err)
		defer answer.Body.Close() //nolint:errcheck // it is read below
		text, err := io.ReadAll(answer.Body)
		ts.Check(err)
		if answer.StatusCode > 299 {
			ts.Fatalf("%s %s answered %s: %s", method, path, answer.Status, text)
		}
		_ = json.Unmarshal(text, &out) // an answer without a body has nothing to look at
		return out
	}
	api("PUT", "me/presence", `{"presence":"available"}`)
	items := func(of map[string]any) []any { list, _ := of["items"].([]any); return list }
	var id string
	for deadline := time.Now().Add(20 * time.Second); id == ""; time.Sleep(50 * time.Millisecond) {
		for _, c := range items(api("GET", "conversations?view=all", "")) {
			conversation, _ := c.(map[string]any)
			found, _ := conversation["id"].(string)
			for _, m := range items(api("GET", "conversations/"+found+"/messages", "")) {
				if m.(map[string]any)["text"] == words[1] {
					id = found
				}
			}
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no conversation has the words %q", words[1])
		}
	}
	api("POST", "conversations/"+id+"/pick", "{}")
	api("POST", "conversations/"+id+"/messages", fmt.Sprintf(`{"id":"1","text":%q,"visibility":"public"}`, words[2]))
	want := "sent"
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		said, followed := false, len(words) < 4
		for _, m := range items(api("GET", "conversations/"+id+"/messages", "")) {
			message := m.(map[string]any)
			said = said || message["text"] == words[2] && message["state"] == want
			followed = followed || message["text"] == words[3]
		}
		if said && followed {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%q was not sent (%t), or not followed (%t) by %q", words[2], said, followed, words[3:])
		}
	}
}

// examplePython is the folder of the example in Python, for scripts, which run elsewhere.
func examplePython() string {
	path, err := filepath.Abs(pythonEcho)
	if err != nil {
		return pythonEcho
	}
	return path
}
