package sdktest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk"
)

// faultVariable makes the test program a plugin: KIND/FAULT, where no fault is a good one.
const faultVariable = "SDKTEST_FAULT"

func TestMain(m *testing.M) {
	if kind, fault, found := strings.Cut(os.Getenv(faultVariable), "/"); found {
		serveFault(kind, fault)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// thorough is a plugin about which every requirement for channels that are called can be proved.
type thorough struct {
	account  sdk.Account
	settings thoroughSettings
	fault    string
}

type thoroughSettings struct {
	Secret string `setting:"secret" kind:"secret" required:"true"`
}

var thoroughVerification = &sdk.Verification{
	Algorithm: "hmac-sha256", Header: "X-Sum", Encoding: "hex", SecretSetting: "secret", Path: "in", Status: 200,
}

func (c *thorough) ServeWebhook(w sdk.WebhookWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	if c.fault == "crashes" && string(body) == `{"events":[null]}` {
		os.Exit(9)
	}
	if c.fault == "logs the secret" {
		_, _ = os.NewFile(2, "stderr").WriteString("checking with " + c.settings.Secret + "\n")
	}
	err = thoroughVerification.VerifyBytes(r.Header.Get("X-Sum"), body, c.settings.Secret)
	if empty := c.fault == "takes empty signatures" && r.Header.Get("X-Sum") == ""; err != nil && !empty {
		sdk.Refuse(w, err)
		return
	}
	var ids []string
	if json.Unmarshal(body, &ids) != nil {
		http.Error(w, "what is this", http.StatusBadRequest)
		return
	}
	for _, id := range ids {
		e := sdk.Event{ID: id, Message: &sdk.Message{Text: "hello"}}
		if strings.HasPrefix(id, "new-") {
			if c.fault == "chokes on unknown events" {
				http.Error(w, "what is "+id, http.StatusBadRequest)
				return
			}
			e.Message, e.Unknown, e.Raw = nil, &sdk.Unknown{Type: "new"}, body
		}
		switch c.fault {
		case "makes up ids":
			e.ID = rand.Text()
		case "counts":
			e.ID += strconv.Itoa(os.Getpid())
		}
		w.Receive(e)
	}
}

func (c *thorough) Send(_ context.Context, out *sdk.Outgoing) (sdk.Receipt, error) {
	c.account.Log.Info("sent", "secret", c.settings.Secret)
	if out.Text == "bad" {
		if c.fault == "takes rejections for failures" {
			return sdk.Receipt{}, &sdk.Retryable{Reason: "400"}
		}
		return sdk.Receipt{}, &sdk.Rejected{Cause: sdk.RejectedContent, Reason: "400"}
	}
	return sdk.Receipt{ExternalIDs: []string{out.OutboxID}}, nil
}

func (c *thorough) FetchMedia(_ context.Context, handle string, _ int64) (*sdk.Media, error) {
	switch {
	case handle == "gone" && c.fault == "gone is an error":
		return nil, fmt.Errorf("404")
	case handle == "gone":
		return nil, &sdk.MediaGone{Reason: "404"}
	case handle == "refused":
		return nil, &sdk.MediaRefused{Reason: "403"}
	}
	return &sdk.Media{Type: "text/plain", Body: io.NopCloser(strings.NewReader(strings.Repeat("x", 600<<10)))}, nil
}

func thoroughPlugin(fault string) sdk.Plugin[thoroughSettings] {
	return sdk.Plugin[thoroughSettings]{
		Manifest: sdk.Manifest{
			ID: "thorough", Name: "Thorough", Version: "1", Services: sdk.Services{Webhook: true, Media: true},
			Callbacks: []sdk.Callback{{Path: "in", Title: "In"}}, Verification: thoroughVerification,
		},
		Open: func(_ context.Context, a sdk.Account, s thoroughSettings) (sdk.Channel, error) {
			return &thorough{a, s, fault}, nil
		},
	}
}

func thoroughOptions() []Option {
	in := func(ids string) *channelv1.HTTPRequest { return request("a", "POST", "in", []byte(ids)) }
	hello := func(text string) Outcome { return Outcome{Send: &channelv1.SendRequest{Text: text}} }
	return []Option{
		Settings(map[string]any{"secret": "sesame-open-now"}), Genuine("two", in(`["1","2"]`)), Unknown("new", in(`["3","new-4"]`)),
		Sends("accepted", hello("good")), Sends("rejected", hello("bad")),
		Holds(Contents{Fetch: "there", Gone: "gone", Refused: "refused"}),
	}
}

// serveFault is main of the plugins under test.
func serveFault(kind, fault string) {
	if kind == "feed" { // a fake provider, for fixtures
		fmt.Println(httptest.NewServer(newFeed()).URL)
		select {}
	}
	var served plugin.GRPCPlugin
	var err error
	switch kind {
	case "thorough":
		served, err = sdk.Served(thoroughPlugin(fault))
	case "pulls":
		served, err = sdk.Served(pulling(fault))
	case "live":
		served, err = sdk.Served(liveSample(fault))
	}
	if err != nil {
		panic(err)
	}
	byHand := os.Getenv(channelv1.MagicCookieKey) == ""
	switch {
	case fault == "waits for nobody" && byHand:
		select {}
	case fault == "speaks first" && !byHand:
		fmt.Println("Hello, I am a plugin!")
	case fault == "shows no certificate":
		_ = os.Unsetenv("PLUGIN_CLIENT_CERT")
	case fault == "ends at a signal":
		signal.Reset(syscall.SIGTERM)
	}
	if fault != "ends at a signal" {
		ignored := make(chan os.Signal, 1)
		signal.Notify(ignored, syscall.SIGTERM)
	}
	if fault != "outlives its host" && !byHand {
		go func() {
			lifeline := os.NewFile(3, "lifeline")
			_, _ = lifeline.Read(make([]byte, 1))
			os.Exit(3)
		}()
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: channelv1.ProtocolMajor,
			MagicCookieKey:  channelv1.MagicCookieKey, MagicCookieValue: channelv1.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{channelv1.ProtocolMajor: {channelv1.PluginName: &both{served: served}}},
		Logger:           hclog.NewNullLogger(),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			if fault != "takes little" {
				options = append(options, grpc.MaxRecvMsgSize(channelv1.MaxMessageBytes))
			}
			return grpc.NewServer(append(options, grpc.ChainUnaryInterceptor(unaryFault(fault)), grpc.ChainStreamInterceptor(streamFault(fault)))...)
		},
	})
}

// unaryFault breaks rules that the SDK would not let anybody break.
func unaryFault(fault string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, r any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		method := info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:]
		switch {
		case fault == "hides settings' kinds" && method == "Describe":
			answer, err := handle(ctx, r)
			m := proto.CloneOf(answer.(*channelv1.Manifest))
			m.Settings[0].Kind = "password"
			return m, err
		case fault == "misspells" && method == "Describe":
			answer, err := handle(ctx, r)
			m := proto.CloneOf(answer.(*channelv1.Manifest))
			m.Translations = []*channelv1.Translation{{Language: "fr", Texts: map[string]string{"Thorough": "Minutieux", "Secrets": "Le secret"}}}
			return m, err
		case fault == "is unwell" && method == "Health":
			return &channelv1.HealthResponse{Message: "the provider does not answer"}, nil
		case fault == "blames nobody" && method == "Open":
			answer, err := handle(ctx, r)
			if err != nil {
				err = status.Error(codes.Unknown, "wrong settings")
			}
			return answer, err
		case fault == "answers for anybody" && method == "Send" && r.(*channelv1.SendRequest).GetAccount() == "unknown":
			return &channelv1.SendResponse{ExternalIds: []string{"1"}, Outcome: &channelv1.SendResponse_Accepted{Accepted: &channelv1.Accepted{}}}, nil
		case fault == "takes no large requests" && method == "HandleHTTP" && len(r.(*channelv1.HTTPRequest).GetBody()) == 3<<20:
			return nil, status.Error(codes.InvalidArgument, "too large")
		case fault == "forgets yesterday" && method == "HandleHTTP":
			if at := r.(*channelv1.HTTPRequest).GetReceivedAt(); at != nil && time.Since(at.AsTime()) > time.Hour {
				return &channelv1.HTTPResponse{Status: 408}, nil
			}
		case fault == "does not drain" && method == "Drain":
			return &channelv1.DrainResponse{}, nil
		case fault == "prints" && method == "Drain":
			_, _ = os.NewFile(1, "stdout").WriteString("debug: here\n") // go-plugin has replaced the variable
		}
		return handle(ctx, r)
	}
}

func streamFault(fault string) grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		if fault == "ends the watch" && strings.HasSuffix(info.FullMethod, "/Watch") {
			return stream.SendMsg(&channelv1.WatchResponse{})
		}
		return handle(service, stream)
	}
}

// TestEachRequirementIsProved: the suite is red with exactly the requirement that a plugin breaks, and says what an author
// needs; it is green for plugins that break none.
func TestEachRequirementIsProved(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts hundreds of processes")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ plugin, requirement, message string }{
		{"thorough/", "", ""},
		{"pulls/", "", ""},
		{"live/", "", ""},

		{"thorough/waits for nobody", "handshake", "started without the cookie GUICHET_PLUGIN it keeps running: whoever starts it by hand waits for nothing"},
		{"thorough/speaks first", "handshake", `the first line on standard output has 1 fields instead of 6 or 7: "Hello, I am a plugin!"`},
		{"thorough/shows no certificate", "handshake", "field 6 is no certificate in base64 without padding"},
		{"thorough/hides settings' kinds", "manifest", `setting secret has the kind "password"; the kinds are string, text, secret, int,`},
		{"thorough/misspells", "manifest", `the manifest has no text "Secrets"; the one that it resembles, "Secret", is not translated into "fr"`},
		{"thorough/is unwell", "health", `the provider does not answer`},
		{"thorough/ends the watch", "health", "Watch sent more, or ended (EOF), while the plugin lives: the host takes its end for the plugin's"},
		{"thorough/blames nobody", "settings", "Open with the setting secret of the wrong type: Unknown instead of INVALID_ARGUMENT: wrong settings"},
		{"thorough/answers for anybody", "accounts", "Send for an account that was never opened: OK instead of NOT_FOUND"},
		{"thorough/takes no large requests", "requests", `POST "" with 3145728 bytes: rpc error: code = InvalidArgument desc = too large`},
		{"thorough/takes empty signatures", "verification", "a request with an empty signature got status 200 and 2 events"},
		{"thorough/makes up ids", "duplicates", "two: event 0 has id "},
		{"thorough/chokes on unknown events", "unknown-events", "new: it was answered with 400: the provider would repeat it for ever, and what else is in it would be lost"},
		{"thorough/takes rejections for failures", "outcomes", "Send of the message for rejected: the outcome was retryable"},
		{"thorough/gone is an error", "media", `FetchMedia of content that is gone: it ended with ""`},
		{"thorough/forgets yesterday", "spooling", "two, kept for 26 h: the plugin answered 408 with 0 events, though the host has verified it by the manifest"},
		{"thorough/crashes", "isolation", "ended the whole process (exit status 9), and with it every account"},
		{"thorough/takes little", "limits", "a call with almost 16 MiB, about an account that is not open: rpc error: code = ResourceExhausted"},
		{"thorough/does not drain", "drain", "Send after the drain: <nil>; it is ABORTED, the sign that nothing was done"},
		{"thorough/counts", "restart", "two, after a restart: event 0 has id "},
		{"thorough/outlives its host", "host-gone", "the lifeline has ended, and the process still runs after 5s"},
		{"thorough/ends at a signal", "host-gone", "it ended at SIGTERM while the host lives (signal: terminated)"},
		{"thorough/prints", "log", `it wrote to standard output after the handshake: "debug: here"`},
		{"thorough/logs the secret", "secrets", `the secret secret is in standard error: "checking with •••"`},
		{"live/live-panic", "live-connections", "the stream has ended"},
		{"pulls/pull forgets the cursor", "pull", "what the cursor has passed came again"},
		{"pulls/pull asks meanwhile", "slow-host", "the provider was asked"},
		{"pulls/register elsewhere", "registration", `the provider has "https://elsewhere.example.com" registered; the account's address is https://desk.example.com/channels/a`},
		{"pulls/template twice", "templates", "a template has a name, a status and one entry for each language"},
	} {
		t.Run(c.plugin, func(t *testing.T) {
			t.Parallel()
			options := thoroughOptions()
			switch kind, fault, _ := strings.Cut(c.plugin, "/"); kind {
			case "pulls":
				_, options = pulls(t, fault)
			case "live":
				options = []Option{upgrade()}
			}
			found := false
			good := Prove(t.Context(), Program{Path: self, Env: []string{faultVariable + "=" + c.plugin}}, func(r Result) {
				switch {
				case r.State != Failed:
				case r.Requirement != c.requirement && !alsoBroken[c.plugin+": "+r.Requirement]:
					t.Errorf("%s is broken: %q", r.Requirement, r.Failures)
				case r.Requirement == c.requirement:
					found = true
					if text := strings.Join(r.Failures, "\n"); !strings.Contains(text, c.message) {
						t.Errorf("%s says %q, not %q", r.Requirement, text, c.message)
					}
					if r.Sentence == "" || r.Remedy == "" {
						t.Errorf("%s lacks what the contract says, or what to do", r.Requirement)
					}
				}
			}, options...)
			if good != (c.requirement == "") || found != (c.requirement != "") {
				t.Errorf("the suite found it good: %t; %s is told to be broken: %t", good, c.requirement, found)
			}
		})
	}
}

// alsoBroken are requirements that cannot be kept by who breaks another one.
var alsoBroken = map[string]bool{
	"thorough/makes up ids: spooling": true, "thorough/makes up ids: restart": true, "thorough/counts: spooling": true,
	"pulls/pull forgets the cursor: restart": true,
}
