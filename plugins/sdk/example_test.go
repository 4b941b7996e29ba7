package sdk_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// The settings of an account are the tagged fields of a struct. The host checks TOML against the schema that follows from
// them and gives Open the filled struct.
func ExampleSettingsOf() {
	type settings struct {
		Token string        `setting:"bot_token" kind:"secret" required:"true" exclusive:"true" help:"From @BotFather."`
		Mode  string        `setting:"mode" options:"webhook,poll" default:"webhook"`
		Every time.Duration `setting:"every" default:"90s" show_if:"mode=poll"`
	}
	schema, err := sdk.SettingsOf(settings{})
	if err != nil {
		fmt.Println(err)
	}
	for _, s := range schema {
		fmt.Printf("%s: %s, default %q, shown if %q\n", s.Key, s.Kind, s.Default, s.ShowIf)
	}
	// Output:
	// bot_token: secret, default "", shown if ""
	// mode: select, default "webhook", shown if ""
	// every: duration, default "90s", shown if "mode=poll"
}

// How the provider signs is declared once: the host verifies with it while the plugin is down, the channel while it runs.
var verification = sdk.Verification{
	Algorithm: "hmac-sha256", Header: "X-Hub-Signature-256", Encoding: "hex", Prefix: "sha256=",
	SecretSetting: "app_secret", PreviousSecretSetting: "previous_app_secret", Path: "callback", Status: http.StatusOK,
}

type hookSettings struct {
	Secret   string `setting:"app_secret" kind:"secret" required:"true"`
	Previous string `setting:"previous_app_secret" kind:"secret" help:"Until the provider signs with the new one."`
}

// hook is a channel whose provider calls it.
type hook struct{ settings hookSettings }

func (h *hook) Send(context.Context, *sdk.Outgoing) (sdk.Receipt, error) { return sdk.Receipt{}, nil }

func (h *hook) ServeWebhook(w sdk.WebhookWriter, r *http.Request) {
	body, err := verification.Verify(r, h.settings.Secret, h.settings.Previous)
	if err != nil {
		sdk.Refuse(w, err)
		return
	}
	var message struct{ ID, From, Text string }
	if err := json.Unmarshal(body, &message); err != nil {
		http.Error(w, "this is no message", http.StatusBadRequest)
		return
	}
	w.Receive(sdk.Event{
		ID: message.ID, Thread: sdk.Thread{ID: message.From, Kind: "user"}, Message: &sdk.Message{ID: message.ID, Text: message.Text},
	})
}

// recorder is a WebhookWriter for tests without a host.
type recorder struct {
	*httptest.ResponseRecorder
	events []sdk.Event
}

func (r *recorder) Receive(events ...sdk.Event) { r.events = append(r.events, events...) }

// A channel that is called: verify in one line, refuse in one line, receive what was found.
func ExampleVerification_Verify() {
	channel := &hook{settings: hookSettings{Secret: "new", Previous: "old"}}
	body := `{"ID": "1", "From": "ada", "Text": "Bonjour !"}`
	for _, secret := range []string{"new", "old", "forged"} {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		r := httptest.NewRequest(http.MethodPost, "https://desk.example.com/channels/shop/callback", strings.NewReader(body))
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		w := &recorder{ResponseRecorder: httptest.NewRecorder()}
		channel.ServeWebhook(w, r)
		fmt.Println(secret, w.Code, len(w.events))
	}
	// Output:
	// new 200 1
	// old 200 1
	// forged 401 0
}

// poll is a channel that asks its provider for what is new after a number.
type poll struct {
	ask func(ctx context.Context, after int) (texts []string, err error)
}

func (p *poll) Send(context.Context, *sdk.Outgoing) (sdk.Receipt, error) { return sdk.Receipt{}, nil }

func (p *poll) Pull(ctx context.Context, cursor []byte, emit sdk.Emit) error {
	after, _ := strconv.Atoi(string(cursor)) // 0 at first
	for {
		texts, err := p.ask(ctx, after)
		if err != nil {
			return err // the host says so, waits, and calls again
		}
		var events []sdk.Event
		for _, text := range texts {
			after++
			id := strconv.Itoa(after)
			events = append(events, sdk.Event{ID: id, Message: &sdk.Message{ID: id, Text: text}})
		}
		// Only when this has returned may the provider be asked for what follows: until then it must not forget.
		if err := emit(ctx, []byte(strconv.Itoa(after)), events...); err != nil {
			return err
		}
	}
}

// A channel that pulls goes on where the stored cursor stands, and stores each cursor together with the events before it.
func ExamplePuller() {
	channel := &poll{ask: func(_ context.Context, after int) ([]string, error) {
		if after >= 9 {
			return nil, &sdk.PullConflict{Reason: "another program fetches with this token", After: time.Minute}
		}
		return []string{"Bonjour", "Encore moi"}, nil
	}}
	err := channel.Pull(context.Background(), []byte("7"), func(_ context.Context, cursor []byte, events ...sdk.Event) error {
		fmt.Printf("%d events, then %s\n", len(events), cursor)
		return nil
	})
	fmt.Println(err)
	// Output:
	// 2 events, then 9
	// another consumer: another program fetches with this token
}

// What came of a send is an error type, so that the host knows what to do. This is most of what a plugin has to decide.
func ExampleRejected() {
	outcome := func(status int, retryAfter time.Duration) error {
		switch {
		case status < 300:
			return nil
		case status == 400:
			return &sdk.Rejected{Cause: sdk.RejectedContent, Reason: "the provider does not take this text"}
		case status == 401:
			return &sdk.AuthenticationFailed{Reason: "the access token is refused"}
		case status == 429:
			return &sdk.RateLimited{After: retryAfter, Scope: sdk.ScopeAccount, Reason: "too many messages"}
		case status == 503:
			return &sdk.Retryable{Reason: "the provider is not ready; it says that it did nothing"}
		}
		return &sdk.UnknownOutcome{RetryMayDuplicate: true, Reason: "nobody knows what it did"}
	}
	for _, status := range []int{200, 400, 401, 429, 500, 503} {
		fmt.Println(status, outcome(status, 3*time.Second))
	}
	var limited *sdk.RateLimited
	fmt.Println(errors.As(outcome(429, 3*time.Second), &limited), limited.After)
	// Output:
	// 200 <nil>
	// 400 rejected: the provider does not take this text
	// 401 authentication failed: the access token is refused
	// 429 rate limited: too many messages
	// 500 outcome unknown: nobody knows what it did
	// 503 try again: the provider is not ready; it says that it did nothing
	// true 3s
}

// A token is fetched when it is first needed, once for all who need it, and once more when the provider refuses it.
func ExampleTokenCache() {
	issued := 0
	tokens := &sdk.TokenCache{Fetch: func(context.Context) (string, time.Duration, error) {
		issued++
		return fmt.Sprint("token ", issued), time.Hour, nil
	}}
	err := tokens.Do(context.Background(), func(token string) error {
		fmt.Println("calling with", token)
		if token == "token 1" { // the provider has revoked it
			return &sdk.AuthenticationFailed{Reason: "401"}
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// calling with token 1
	// calling with token 2
	// <nil>
}

// The keys of a provider's tokens come from the host, which fetches them and keeps them fresh. What a token's claims must
// say beside issuer and audience is for the channel to look at.
func ExampleBearerToken() {
	serve := func(w sdk.WebhookWriter, r *http.Request, host sdk.Host) {
		tokens := &sdk.BearerToken{
			Host: host, URL: "https://login.example.com/keys", Issuers: []string{"https://login.example.com"}, Audiences: []string{"my-app"},
		}
		token, err := tokens.Verify(r)
		if err == nil && token.Text("azp") != "the-caller" {
			err = &sdk.Forbidden{Reason: "the token is of another caller"}
		}
		if err != nil {
			sdk.Refuse(w, err)
			return
		}
		w.WriteHeader(http.StatusOK)
	}
	w := &recorder{ResponseRecorder: httptest.NewRecorder()}
	serve(w, httptest.NewRequest(http.MethodPost, "/callback", nil), nil)
	fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	// Output:
	// 401 the request has no bearer token
}
