package channel

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
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

// The test binary is its own plugin: started with fakeVariable it serves the fake channel. That is what subprocess tests
// run, over real sockets and gRPC.
const fakeVariable = "GUICHET_FAKE_PLUGIN"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && strangerMain(os.Args[1], os.Args[2:]) {
		os.Exit(0)
	}
	switch os.Getenv(fakeVariable) {
	case "simple": // like a plugin in another language
		_ = os.Unsetenv("PLUGIN_MULTIPLEX_GRPC")
		sdk.Serve(fakePlugin)
		os.Exit(0)
	case "serve":
		sdk.Serve(fakePlugin)
		os.Exit(0)
	case "verbose": // as no plugin of the SDK can be
		served, err := sdk.Served(fakePlugin)
		if err != nil {
			panic(err)
		}
		serveVerbose(served)
		os.Exit(0)
	case "crash":
		fmt.Fprintln(os.Stderr, "the fake plugin crashes before it serves, secret-of-fake and all")
		os.Exit(7)
	case "host":
		hostMain()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type fakeSettings struct {
	Secret   string        `setting:"secret" kind:"secret" required:"true"`
	Patience time.Duration `setting:"patience" default:"90s"`
	KeyURL   string        `setting:"key_url" kind:"url" test:"true"`
	Mode     string        `setting:"mode" options:"fine,refuse,panic" default:"fine"`
	Provider string        `setting:"provider" exclusive:"true"` // a folder, see provider_test.go
}

var fakePlugin = sdk.Plugin[fakeSettings]{
	Manifest: sdk.Manifest{
		ID: "fake", Name: "Fake", Version: "3.1",
		Services:     sdk.Services{Webhook: true, Media: true, Profiles: true, Signals: true, Reconciler: true, Live: true, Pull: true, Registration: true},
		Capabilities: sdk.Capabilities{TypingOut: true, TextMax: 7000, TextUnit: sdk.UTF16},
		Callbacks:    []sdk.Callback{{Path: "callback", Title: "Callback"}},
		Translations: sdk.Translations{"fr": {"It takes {1}.": "Cela prend {1}, pas davantage."}},
		Verification: &sdk.Verification{
			Algorithm: "hmac-sha256", Header: "X-Signature", Encoding: "base64", SecretSetting: "secret", Path: "callback", Status: 200,
		},
	},
	Open: func(_ context.Context, account sdk.Account, settings fakeSettings) (sdk.Channel, error) {
		switch settings.Mode {
		case "refuse":
			return nil, fmt.Errorf("the secret %s is not the right one", settings.Secret)
		case "panic":
			panic("in Open")
		}
		return &fake{account: account, settings: settings}, nil
	},
	Validate: func(_ context.Context, _ sdk.Account, settings fakeSettings) []sdk.Check {
		check := sdk.Check{Name: "patience", Title: "Patience", State: sdk.Passed, Field: "patience"}
		check.Found("It takes {1}.", settings.Patience)
		return []sdk.Check{check}
	},
}

// fake does what the path of a request or the text of a message says.
type fake struct {
	account  sdk.Account
	settings fakeSettings
}

func (f *fake) KeyURLs() []string {
	if f.settings.KeyURL == "" {
		return nil
	}
	return []string{f.settings.KeyURL}
}

func (f *fake) ServeWebhook(w sdk.WebhookWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	path := sdk.WebhookPath(r)
	if path == "callback" {
		if r.Header.Get("X-Signature") != sign(f.settings.Secret, body) {
			http.Error(w, "bad signature", http.StatusUnauthorized)
			return
		}
		var ids []string
		if err := json.Unmarshal(body, &ids); err != nil {
			http.Error(w, "not a list of ids", http.StatusBadRequest)
			return
		}
		for _, id := range ids {
			switch {
			case strings.HasPrefix(id, "die-once") && os.Remove("die-once") == nil:
				os.Exit(9)
			case strings.HasPrefix(id, "deadly"):
				go func() { os.Exit(8) }()
				time.Sleep(time.Minute)
			case strings.HasPrefix(id, "slow"):
				time.Sleep(200 * time.Millisecond)
			case strings.HasPrefix(id, "panic"):
				panic("at the word " + id)
			}
			w.Receive(fakeEvent(id))
		}
		return
	}
	f.special(w, r, path, body)
}

func (f *fake) special(w sdk.WebhookWriter, r *http.Request, path string, body []byte) {
	switch path {
	case "hang":
		time.Sleep(2500 * time.Millisecond) // beyond the host's patience, whatever the context says
	case "panic":
		panic("with the secret " + f.settings.Secret)
	case "verbose": // as no plugin of the SDK can be
		served, err := sdk.Served(fakePlugin)
		if err != nil {
			panic(err)
		}
		serveVerbose(served)
		os.Exit(0)
	case "crash":
		fmt.Fprintln(os.Stderr, "raw last words of", f.settings.Secret)
		go panic("in a goroutine of the author's")
		time.Sleep(time.Minute)
	case "status":
		w.WriteHeader(http.StatusTeapot)
	case "large":
		_, _ = w.Write(make([]byte, 17<<20))
	case "environment":
		_ = json.NewEncoder(w).Encode(os.Environ())
	case "directory":
		wd, _ := os.Getwd()
		stdin, _ := io.ReadAll(os.Stdin)
		_, _ = fmt.Fprintf(w, "%s %d", wd, len(stdin))
	case "child":
		child := exec.Command("sleep", "600")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprint(w, child.Process.Pid)
	case "output":
		fmt.Println("on stdout")
		fmt.Fprintln(os.Stderr, `{"@message": 1, "@level": [], "@timestamp": {}}`)
		fmt.Fprintln(os.Stderr, strings.Repeat("x", 200<<10))
		f.account.Log.Warn("the token is "+f.settings.Secret, "url", "https://example.com/?t="+f.settings.Secret)
	case "host":
		f.useHost(w, r)
	case "receive":
		if err := f.account.Host.Receive(r.Context(), &sdk.Cursor{Name: "c", Value: []byte("7")}, fakeEvent("pulled")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	case "keys":
		document, err := f.account.Host.Keys(r.Context(), f.settings.KeyURL, string(body))
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(document)
	case "no-id":
		w.Receive(sdk.Event{Message: &sdk.Message{Text: "who am I"}})
	case "headers":
		_, _ = fmt.Fprintf(w, "%s|%s|%s", r.Header.Get("Cookie"), r.Header.Get("Authorization"), r.Header.Get("X-Other"))
	case "patience":
		_, _ = fmt.Fprint(w, f.settings.Patience)
	default:
		probe(w, path, string(body))
	}
}

// useHost uses each of the host's services and reports the first that does not do as promised.
func (f *fake) useHost(w http.ResponseWriter, r *http.Request) {
	ctx, host := r.Context(), f.account.Host
	err := func() error {
		if _, _, err := host.GetState(ctx, "k"); !errors.Is(err, sdk.ErrStateAbsent) {
			return fmt.Errorf("absent state: %v", err)
		}
		version, err := host.SetState(ctx, "k", []byte("v1"))
		if err != nil {
			return err
		}
		if _, err := host.CompareAndSetState(ctx, "k", []byte("v2"), version+1); !errors.Is(err, sdk.ErrStateChanged) {
			return fmt.Errorf("compare with a wrong version: %v", err)
		}
		if _, err := host.CompareAndSetState(ctx, "k", []byte("v2"), version); err != nil {
			return err
		}
		value, _, err := host.GetState(ctx, "k")
		if err != nil || string(value) != "v2" {
			return fmt.Errorf("state is %q: %v", value, err)
		}
		if keys, err := host.ListState(ctx, ""); err != nil || len(keys) != 1 {
			return fmt.Errorf("keys %v: %v", keys, err)
		}
		if err := host.DeleteState(ctx, "k"); err != nil {
			return err
		}
		if _, err := host.SetState(ctx, strings.Repeat("k", 201), nil); err == nil {
			return errors.New("a long key was taken")
		}
		content := strings.Repeat("content ", 100_000)
		handle, err := host.PutMedia(ctx, "text/plain", "a.txt", strings.NewReader(content))
		if err != nil {
			return err
		}
		media, err := host.GetMedia(ctx, handle)
		if err != nil {
			return err
		}
		defer func() { _ = media.Body.Close() }()
		back, err := io.ReadAll(media.Body)
		if err != nil || string(back) != content || media.Type != "text/plain" || media.Name != "a.txt" {
			return fmt.Errorf("media came back as %d bytes of %s %s: %v", len(back), media.Type, media.Name, err)
		}
		if _, err := host.GetMedia(ctx, "no-such-handle"); err == nil {
			return errors.New("media that is not there was got")
		}
		if url, err := host.PublishMedia(ctx, handle, time.Hour); err != nil || url == "" {
			return fmt.Errorf("published as %q: %v", url, err)
		}
		return nil
	}()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (f *fake) Send(ctx context.Context, out *sdk.Outgoing) (sdk.Receipt, error) {
	switch out.Text {
	case "hang":
		<-ctx.Done()
		time.Sleep(time.Second) // an answer at the deadline itself might still be in time
		return sdk.Receipt{}, ctx.Err()
	case "die":
		os.Exit(4)
	case "panic":
		panic("in Send")
	case "rejected":
		return sdk.Receipt{Code: "400"}, &sdk.Rejected{Cause: sdk.RejectedOptedOut, Reason: "no"}
	case "limited":
		return sdk.Receipt{}, fmt.Errorf("wrapped: %w", &sdk.RateLimited{After: 3 * time.Second, Scope: sdk.ScopeAccount})
	case "strange":
		return sdk.Receipt{}, fmt.Errorf("get https://example.com/bot%s: reset", f.settings.Secret)
	case "partly":
		return sdk.Receipt{ExternalIDs: []string{"1"}, Resume: "second"}, &sdk.Retryable{Reason: "later"}
	case "slow":
		f.account.Log.Info("sending slowly")
		time.Sleep(500 * time.Millisecond)
	}
	return sdk.Receipt{ExternalIDs: []string{"x-" + out.OutboxID}, RequestID: out.Author.Name}, nil
}

func (f *fake) Reconcile(ctx context.Context, out *sdk.Outgoing) (sdk.Receipt, error) {
	switch out.Text {
	case "hang":
		<-ctx.Done()
		time.Sleep(time.Second)
		return sdk.Receipt{}, ctx.Err()
	case "die":
		os.Exit(4)
	case "panic":
		panic("in Reconcile")
	case "never sent":
		return sdk.Receipt{}, &sdk.Retryable{Reason: "it has never come"}
	case "cannot tell":
		return sdk.Receipt{Code: "404"}, &sdk.UnknownOutcome{Reason: "no list at https://example.com/" + f.settings.Secret}
	case "broken":
		return sdk.Receipt{}, fmt.Errorf("get https://example.com/bot%s: reset", f.settings.Secret)
	}
	last := out.Previous[len(out.Previous)-1]
	return sdk.Receipt{ExternalIDs: []string{"x-" + out.OutboxID}, Already: true, RequestID: last.StartedAt.Format(time.RFC3339)}, nil
}

func (f *fake) FetchMedia(_ context.Context, handle string, _ int64) (*sdk.Media, error) {
	switch handle {
	case "not-ready":
		return nil, &sdk.NotReady{After: 2 * time.Second}
	case "gone":
		return nil, &sdk.MediaGone{Reason: "expired"}
	case "broken":
		return &sdk.Media{Type: "a/b", Body: io.NopCloser(io.MultiReader(strings.NewReader("half"), brokenReader{}))}, nil
	}
	return &sdk.Media{Type: "text/plain", Name: handle, Body: io.NopCloser(strings.NewReader(strings.Repeat("m", 600<<10)))}, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func (f *fake) FetchProfile(_ context.Context, identity sdk.Identity, _ sdk.Thread) (*sdk.Profile, error) {
	if identity.Value == "nobody" {
		return nil, nil
	}
	return &sdk.Profile{Name: "Name of " + identity.Value}, nil
}

func (f *fake) Signal(ctx context.Context, _ sdk.Thread, _ sdk.Identity, signal sdk.Signal) error {
	if signal.Typing == nil {
		return errors.New("only typing")
	}
	return f.account.Host.Receive(ctx, nil, fakeEvent("signalled"))
}

func fakeEvent(id string) sdk.Event {
	return sdk.Event{
		ID: id, OccurredAt: time.Unix(1_700_000_000, 0), Thread: sdk.Thread{ID: "u1", Kind: "user"},
		Sender:  sdk.Sender{Identities: []sdk.Identity{{Kind: "fake-user", Value: "u1", Scoped: true}}},
		Message: &sdk.Message{ID: id, Text: "text of " + id},
	}
}

func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func fakeManifest(t testing.TB) *channelv1.Manifest {
	m, err := sdk.ManifestOf(fakePlugin)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
