package sdktest

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk"
)

// brokenVariable makes the sample plugin break one rule; the suite must notice.
const brokenVariable = "SDKTEST_BROKEN"

type settings struct {
	Secret   string `setting:"secret" kind:"secret" required:"true"`
	Previous string `setting:"previous" kind:"secret"`
	Limit    int    `setting:"limit"`
}

type channel struct {
	settings settings
	broken   string
}

func (c *channel) Send(context.Context, *sdk.Outgoing) (sdk.Receipt, error) {
	return sdk.Receipt{}, nil
}

func (c *channel) ServeWebhook(w sdk.WebhookWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	given := []byte(r.Header.Get("X-Sum"))
	good := hmac.Equal(given, []byte(sign(verification, c.settings.Secret, body))) ||
		c.broken != "previous" && hmac.Equal(given, []byte(sign(verification, c.settings.Previous, body)))
	if c.broken != "verification" && !good {
		http.Error(w, "who are you", http.StatusForbidden)
		return
	}
	var ids []string
	if err := json.Unmarshal(body, &ids); err != nil {
		if c.broken == "panic" {
			panic(err)
		}
		http.Error(w, "what is this", http.StatusBadRequest)
		return
	}
	for _, id := range ids {
		if c.broken == "ids" {
			id = rand.Text()
		}
		w.Receive(sdk.Event{ID: id, Message: &sdk.Message{Text: "hello"}})
	}
	if c.broken == "verification" {
		w.Receive(sdk.Event{ID: "forged", Message: &sdk.Message{}})
	}
}

var verification = &channelv1.Verification{
	Algorithm: "hmac-sha1", Header: "X-Sum", Encoding: "hex", Prefix: "sha1=", SecretSetting: "secret", Path: "in", Status: 200,
}

func sample(broken string) sdk.Plugin[settings] {
	p := sdk.Plugin[settings]{
		Manifest: sdk.Manifest{
			ID: "sample", Name: "Sample", Version: "1", Services: sdk.Services{Webhook: true}, Callbacks: []sdk.Callback{{Path: "in"}},
			Verification: &sdk.Verification{
				Algorithm: "hmac-sha1", Header: "X-Sum", Encoding: "hex", Prefix: "sha1=", SecretSetting: "secret",
				PreviousSecretSetting: "previous", Path: "in", Status: 200,
			},
		},
		Open: func(_ context.Context, _ sdk.Account, s settings) (sdk.Channel, error) {
			if s.Secret == "" || broken == "open" {
				return nil, fmt.Errorf("no secret")
			}
			return &channel{settings: s, broken: broken}, nil
		},
	}
	if broken == "callback" {
		p.Manifest.Callbacks[0].Path = "/in"
	}
	return p
}

func genuine() Option {
	return Genuine("two messages", request("a", "POST", "in", []byte(`["1","2"]`)))
}

func TestGoodPluginPasses(t *testing.T) { Run(t, sample(""), genuine()) }

// TestRunBroken is run by TestBrokenPluginsFail in a process of its own.
func TestRunBroken(t *testing.T) {
	broken := os.Getenv(brokenVariable)
	if broken == "" {
		t.Skip("run by TestBrokenPluginsFail")
	}
	patience = 3 * time.Second
	if strings.Contains(broken, " ") {
		p, options := pulls(t, broken)
		Run(t, p, options...)
		return
	}
	Run(t, sample(broken), genuine())
}

func TestBrokenPluginsFail(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for broken, want := range map[string]string{
		"verification": "--- FAIL: TestRunBroken/verification",
		"panic":        "--- FAIL: TestRunBroken/verification",
		"ids":          "--- FAIL: TestRunBroken/duplicates",
		"previous":     "--- FAIL: TestRunBroken/duplicates",
		"open":         "--- FAIL: TestRunBroken/accounts",
		"callback":     "--- FAIL: TestRunBroken/manifest",

		"pull is early":                "a batch that the host did not take was lost",
		"pull asks meanwhile":          "the provider was asked",
		"pull is deaf":                 "the pull did not end with the account",
		"pull stores the cursor first": "a batch that the host did not take was lost",
		"pull stores no cursor":        "events came without the cursor",
		"pull forgets the cursor":      "what the cursor has passed came again",
		"register twice":               "register: ",
		"register elsewhere":           "the account's address is",
		"does not unregister":          "the provider still has",
		"check registers":              "the check changed the registered address",
		"template twice":               "one entry for each language",
		"template placeholder":         "its text has {{name}}",
	} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			run := exec.Command(self, "-test.run", "^TestRunBroken$/^(manifest|accounts|verification|duplicates|pull|slow-host|registration|templates)$")
			run.Env = append(os.Environ(), brokenVariable+"="+broken)
			out, err := run.CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("%v, output lacks %q:\n%.2000s", err, want, out)
			}
		})
	}
}

func TestHost(t *testing.T) {
	used := make(chan error, 1)
	p := sample("")
	p.Open = func(ctx context.Context, a sdk.Account, _ settings) (sdk.Channel, error) {
		handle, err := a.Host.PutMedia(ctx, "text/plain", "a", strings.NewReader(strings.Repeat("x", 300<<10)))
		if err == nil {
			var m *sdk.Media
			if m, err = a.Host.GetMedia(ctx, handle); err == nil {
				content, _ := io.ReadAll(m.Body)
				if _ = m.Body.Close(); len(content) != 300<<10 {
					err = fmt.Errorf("%d bytes came back", len(content))
				}
			}
		}
		if err == nil {
			_, err = a.Host.Keys(ctx, "https://keys.example.com", "1")
		}
		if err == nil {
			err = a.Host.Receive(ctx, &sdk.Cursor{Name: "c"}, sdk.Event{ID: "1", Blocked: &sdk.Blocked{}})
		}
		used <- err
		return &channel{}, nil
	}
	s := Start(t, p)
	s.Host.PublishKeys("https://keys.example.com", []byte("{}"))
	s.Open(t, "a", map[string]any{"secret": "x"})
	if err := <-used; err != nil {
		t.Fatal(err)
	}
	if events, cursor := s.Host.Received(); len(events) != 1 || cursor.GetName() != "c" {
		t.Errorf("received %v %v", events, cursor)
	}
}

// onHost runs a function with the host of an open account.
func onHost(t *testing.T, use func(ctx context.Context, host sdk.Host) error) (*Plugin, error) {
	t.Helper()
	used := make(chan error, 1)
	p := sample("")
	p.Open = func(ctx context.Context, a sdk.Account, _ settings) (sdk.Channel, error) {
		used <- use(ctx, a.Host)
		return &channel{}, nil
	}
	s := Start(t, p)
	s.Open(t, "a", map[string]any{"secret": "x"})
	return s, <-used
}

func TestManyEventsAreReceivedInParts(t *testing.T) {
	s, err := onHost(t, func(ctx context.Context, host sdk.Host) error {
		var events []sdk.Event
		for i := range 30 {
			events = append(events, sdk.Event{ID: fmt.Sprint(i), Raw: make([]byte, 1<<20), Message: &sdk.Message{}})
		}
		return host.Receive(ctx, &sdk.Cursor{Name: "c", Value: []byte("30")}, events...)
	})
	if err != nil {
		t.Fatal(err)
	}
	events, cursor := s.Host.Received()
	if len(events) != 30 || string(cursor.GetValue()) != "30" {
		t.Fatalf("%d events, cursor %v", len(events), cursor)
	}
	for i, e := range events {
		if e.GetId() != fmt.Sprint(i) {
			t.Errorf("event %d is %s", i, e.GetId())
		}
	}
}

// Content that was cut off on its way is not taken for the whole.
func TestContentThatWasCutOffIsNotStored(t *testing.T) {
	s, err := onHost(t, func(ctx context.Context, host sdk.Host) error {
		_, err := host.PutMedia(ctx, "text/plain", "a", io.MultiReader(strings.NewReader("half of"), cutOff{}))
		return err
	})
	if err == nil || len(s.Host.media) > 0 {
		t.Errorf("%v; %d contents are stored", err, len(s.Host.media))
	}
}

// cutOff ends as the body of an HTTP response does that is shorter than it said.
type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
