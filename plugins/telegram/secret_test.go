package telegram

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/telegram/telegramtest"
)

// TestTheTokenStaysHere makes every call fail in every way, and looks for the token in all that is said and logged.
func TestTheTokenStaysHere(t *testing.T) {
	for name, fault := range map[string]telegramtest.Fault{
		"dropped":   {Drop: true},
		"echoed":    {Status: 400},
		"echoed 5":  {Status: 500},
		"a page":    {Status: 503, Body: "<html>"},
		"elsewhere": {Status: 301},
		"nonsense":  {Status: 200, Body: "{"},
	} {
		t.Run(name, func(t *testing.T) {
			p := platform(t, telegramtest.Options{})
			fault.Times = -1
			if strings.HasPrefix(name, "echoed") {
				fault.Body = fmt.Sprintf(`{"ok":false,"error_code":%d,"description":"no /bot%s/x here"}`, fault.Status, p.Token())
			}
			fault.Header = http.Header{"Location": {p.URL() + "/bot" + p.Token() + "/elsewhere"}}
			var log bytes.Buffer
			h := newHost()
			ann := p.NewCustomer("Ann")
			settings := Settings{BotToken: p.Token(), Mode: modeWebhook, APIURL: p.URL()}
			of := sdk.Account{ID: "shop", PublicURL: publicURL, Test: true, Host: h, Log: slog.New(slog.NewTextHandler(&log, nil))}
			for _, method := range []string{"get", "set", "delete", "send", "sendChatAction", "answer", "file"} {
				fault.Method = method
				p.Inject(fault)
			}
			ctx := t.Context()
			for _, closed := range []bool{false, true} {
				if closed {
					p.Close() // nobody listens
				}
				called, err := open(of, settings)
				if err != nil {
					t.Fatal(err)
				}
				settings.Mode = modePoll
				polling, err := open(of, settings)
				if err != nil {
					t.Fatal(err)
				}
				settings.Mode = modeWebhook
				var errs []error
				add := func(_ any, err error) { errs = append(errs, err) }
				add(called.Send(ctx, outgoingText(ann.ID, "x")))
				out := outgoingText(ann.ID, "x")
				out.Attachments = []sdk.OutgoingAttachment{h.add("image/png", "a.png", []byte("x"))}
				add(called.Send(ctx, out))
				add(called.FetchMedia(ctx, "AgAC-1|a|b", 0))
				add(called.FetchProfile(ctx, user(ann.ID), sdk.Thread{}))
				add(called.CheckSubscription(ctx))
				errs = append(errs, called.Register(ctx), called.Unregister(ctx), polling.Pull(ctx, nil, newDesk().emit),
					called.Signal(ctx, sdk.Thread{}, user(ann.ID), sdk.Signal{Typing: &sdk.Typing{}}))
				polling.answerCallbacks(ctx, []string{"1"})
				for i, err := range errs {
					if err != nil && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "AAE-fake") {
						t.Errorf("error %d: %v", i, err)
					}
				}
				for _, check := range validate(ctx, of, settings) {
					if strings.Contains(check.Detail+check.Fix, "AAE-fake") {
						t.Errorf("check %+v", check)
					}
				}
			}
			if strings.Contains(log.String(), "AAE-fake") {
				t.Errorf("log: %s", &log)
			}
			if log.Len() == 0 {
				t.Error("nothing was logged, so the log shows nothing")
			}
		})
	}
}

// TestBrokenDownload: the connection breaks amid a file.
func TestBrokenDownload(t *testing.T) {
	ch := listening(t, newHost(), "")
	broken := &downloading{ReadCloser: io.NopCloser(errorReader{fmt.Errorf("read https://x/file/bot%s/a: reset", ch.settings.BotToken)}), api: ch.api}
	if _, err := broken.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "AAE") {
		t.Errorf("%v", err)
	}
	if err := ch.api.bare(context.DeadlineExceeded); strings.Contains(err.Error(), "context") {
		t.Errorf("people read %q", err)
	}
}

func TestSettings(t *testing.T) {
	manifest, err := sdk.ManifestOf(Plugin)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range manifest.GetSettings() {
		switch s.GetKey() {
		case "bot_token":
			if !s.GetSecret() || !s.GetExclusive() || !s.GetRequired() {
				t.Errorf("%v", s)
			}
		case "secret_token":
			if !s.GetSecret() || s.GetRequired() {
				t.Errorf("%v", s)
			}
		case "mode":
			if s.GetDefault() != modePoll || len(s.GetOptions()) != 2 {
				t.Errorf("%v", s)
			}
		case "api_url":
			if !s.GetTestOnly() {
				t.Errorf("%v", s)
			}
		default:
			t.Errorf("setting %s", s.GetKey())
		}
	}
	for _, wrong := range []Settings{{}, {BotToken: "1:x"}, {BotToken: "1:x", Mode: "push"}, {Mode: modePoll}} {
		if _, err := Plugin.Open(t.Context(), sdk.Account{ID: "a"}, wrong); err == nil {
			t.Errorf("%+v was opened", wrong)
		}
	}
	if (Settings{BotToken: "42:x"}).bot() != "42" || (Settings{BotToken: "odd"}).bot() == (Settings{BotToken: "other"}).bot() {
		t.Error("bots are not told apart")
	}
}
