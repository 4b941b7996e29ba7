package console

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/sdk/sdktest"
)

// servedVariable makes the test program the plugin that it plays with.
const servedVariable = "CONSOLE_TEST_SERVES"

func TestMain(m *testing.M) {
	if os.Getenv(servedVariable) != "" {
		sdk.Serve(talker)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type settings struct {
	Mode  string `setting:"mode" options:"loud,quiet" default:"quiet"`
	Token string `setting:"token" kind:"secret" required:"true" help:"From the provider."`
	Times int    `setting:"times" required:"true" show_if:"mode=loud"`
}

// channel does a little of everything: it pulls one event, is called, and talks.
type channel struct {
	account  sdk.Account
	settings settings
}

func (c *channel) Send(_ context.Context, out *sdk.Outgoing) (sdk.Receipt, error) {
	switch {
	case out.Text == "wrong":
		return sdk.Receipt{}, &sdk.Rejected{Cause: sdk.RejectedContent, Reason: "that is wrong"}
	case len(out.Previous) > 0:
		return sdk.Receipt{ExternalIDs: []string{"x"}, Already: true}, nil
	case out.Resume == "" && out.Text == "two":
		return sdk.Receipt{ExternalIDs: []string{"one"}, Resume: "second"}, nil
	}
	c.account.Log.Info("sent", "to", out.Recipient.Value, "files", len(out.Attachments), "token", c.settings.Token)
	return sdk.Receipt{ExternalIDs: []string{"x"}}, nil
}

func (c *channel) ServeWebhook(w sdk.WebhookWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		panic("nobody deletes")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Receive(event("called", r.Header.Get("From"), string(body)+r.URL.RawQuery))
	w.WriteHeader(http.StatusAccepted)
}

func (c *channel) Pull(ctx context.Context, cursor []byte, emit sdk.Emit) error {
	if cursor == nil {
		if err := emit(ctx, []byte("1"), event("pulled", "bob", "from afar")); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

func (c *channel) Connect(ctx context.Context, conn sdk.Connection) error {
	if conn.Request().URL.Query().Get("visitor") == "" {
		return &sdk.ConnectionRefused{Status: http.StatusForbidden, Body: "who are you?"}
	}
	for {
		said, err := conn.Receive(ctx)
		if err != nil {
			return nil
		}
		if err := c.account.Host.Receive(ctx, nil, event("live", "eve", string(said))); err != nil {
			return err
		}
		if err := conn.Send(ctx, []byte("heard")); err != nil {
			return err
		}
	}
}

func (c *channel) Signal(_ context.Context, _ sdk.Thread, to sdk.Identity, s sdk.Signal) error {
	c.account.Log.Info("signal", "typing", s.Typing != nil, "to", to.Value)
	return nil
}

func event(id, user, text string) sdk.Event {
	return sdk.Event{
		ID: id, Thread: sdk.Thread{ID: user, Kind: "user"}, Sender: sdk.Sender{Identities: []sdk.Identity{{Kind: "user", Value: user}}},
		Message: &sdk.Message{ID: id, Text: text},
	}
}

var talker = sdk.Plugin[settings]{
	Manifest: sdk.Manifest{
		ID: "talker", Name: "Talker", Version: "3", Services: sdk.Services{Webhook: true, Pull: true, Live: true, Signals: true},
		Callbacks: []sdk.Callback{{Path: "in", Title: "Callback", Help: "Paste it."}},
	},
	Open: func(_ context.Context, a sdk.Account, s settings) (sdk.Channel, error) { return &channel{a, s}, nil },
}

// player types, and reads what the console prints.
type player struct {
	t     *testing.T
	in    *io.PipeWriter
	lines chan string
	ended chan error
}

func play(t *testing.T, settings map[string]any) *player {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, typed := io.Pipe()
	printed, out := io.Pipe()
	p := &player{t: t, in: typed, lines: make(chan string, 1000), ended: make(chan error, 1)}
	go func() {
		for lines := bufio.NewScanner(printed); lines.Scan(); {
			p.lines <- lines.Text()
		}
	}()
	go func() {
		p.ended <- Run(t.Context(), Options{
			Program:  sdktest.Program{Path: self, Env: []string{servedVariable + "=1"}},
			Settings: settings, In: in, Out: out,
		})
		_ = out.Close()
	}()
	return p
}

func (p *player) types(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// sees waits for a line that matches, and returns it.
func (p *player) sees(pattern string) string {
	p.t.Helper()
	form := regexp.MustCompile(pattern)
	var before []string
	for deadline := time.After(20 * time.Second); ; {
		select {
		case line := <-p.lines:
			if form.MatchString(line) {
				return line
			}
			before = append(before, line)
		case <-deadline:
			p.t.Fatalf("%q was never printed, but:\n%s", pattern, strings.Join(before, "\n"))
		}
	}
}

func TestPlaying(t *testing.T) {
	p := play(t, nil)
	p.sees(`^# Talker 3 \(plugin = "talker"\)$`)
	p.sees(`^# It serves webhook, `)
	p.sees(`^\? token: Token. From the provider.$`)
	p.types("sesame-open")
	address := regexp.MustCompile(`http://\S+`).FindString(p.sees(`^# Callback: http://.*/channels/console/in  Paste it.$`))
	p.sees(`^< message pulled from bob: from afar$`)
	p.types("> hello Bob")
	p.sees(`^log info: sent account=console files=0 to=bob token=•••$`)
	p.sees(`^> accepted as x$`)
	p.types("/retry")
	p.sees(`^> already accepted as x$`)
	p.types("> two")
	p.sees(`^> accepted as one$`)
	p.sees(`^> accepted as x$`)
	p.types("> wrong")
	p.sees(`^> rejected: that is wrong$`)

	// The provider, from within and from without.
	p.types("/http POST in?q=1 From:ada -- hello there")
	p.sees(`^< message called from ada: hello thereq=1$`)
	p.sees(`^# 202`)
	p.types("/http DELETE in")
	p.sees(`^! internal: panic in HandleHTTP: nobody deletes$`)
	answer, err := http.Post(address, "text/plain", strings.NewReader("over the wire"))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		t.Errorf("the provider got %s", answer.Status)
	}
	p.sees(`: over the wire$`)

	// A live connection, and one that is refused.
	live := "ws" + strings.TrimPrefix(strings.TrimSuffix(address, "/in"), "http") + "/live"
	if _, refused, err := websocket.Dial(t.Context(), live, nil); err == nil || refused.StatusCode != http.StatusForbidden {
		t.Errorf("a stranger's connection: %v", err)
	}
	conn, _, err := websocket.Dial(t.Context(), live+"?visitor=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(t.Context(), websocket.MessageText, []byte("I am here")); err != nil {
		t.Fatal(err)
	}
	p.sees(`^< message live from eve: I am here$`)
	if _, heard, err := conn.Read(t.Context()); err != nil || string(heard) != "heard" {
		t.Errorf("the visitor heard %q: %v", heard, err)
	}
	_ = conn.Close(websocket.StatusNormalClosure, "")
	p.types("/typing")
	p.sees(`signal account=console to=eve typing=true`)

	// What is stored survives the plugin.
	p.types("/to zoe")
	p.types("/restart")
	p.sees(`^# the plugin was started again`)
	p.types("> still there?")
	p.sees(`to=zoe`)
	file := t.TempDir() + "/a picture.png"
	if err := os.WriteFile(file, []byte("picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.types("/media " + file)
	p.sees(`files=1`)
	p.types("/dance")
	p.sees(`^! there is no /dance`)
	p.types("/help")
	p.sees(`^# /quit`)
	p.types("/quit")
	select {
	case err := <-p.ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it does not end")
	}
}

func TestSettings(t *testing.T) {
	// A condition is asked for where it holds; the end of the input is no value.
	p := play(t, map[string]any{"mode": "loud", "token": "sesame-open", "times": 3})
	p.sees(`^# Answer with`)
	_ = p.in.Close()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
	p = play(t, nil)
	p.sees(`^\? token`)
	_ = p.in.Close()
	if err := <-p.ended; err == nil || !strings.Contains(err.Error(), "token is required") {
		t.Errorf("without the required setting: %v", err)
	}
	p = play(t, map[string]any{"token": 7})
	if err := <-p.ended; err == nil || !strings.Contains(err.Error(), "invalidargument: sdk: setting token: must be a text") {
		t.Errorf("with a wrong one: %v", err)
	}
}
