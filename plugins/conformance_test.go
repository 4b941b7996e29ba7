package plugins

import (
	"os"
	"testing"

	"github.com/guichet/guichet/plugins/api"
	"github.com/guichet/guichet/plugins/line"
	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk/sdktest"
)

// servedVariable makes the test program one of the channels.
const servedVariable = "PLUGINS_TEST_SERVES"

func TestMain(m *testing.M) {
	if name := os.Getenv(servedVariable); name != "" {
		if !Serve(name) {
			os.Exit(2)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestEveryChannelKeepsTheContract puts each first-party channel through the suite as a program, with sample settings: what
// needs more is proved by the tests here and in its own package.
func TestEveryChannelKeepsTheContract(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			kept := 0
			sdktest.Prove(t.Context(), sdktest.Program{Path: self, Env: []string{servedVariable + "=" + name}}, func(r sdktest.Result) {
				switch r.State {
				case sdktest.Failed:
					t.Errorf("%s: %q", r.Requirement, r.Failures)
				case sdktest.Passed:
					kept++
				}
			})
			if kept < 10 {
				t.Errorf("only %d requirements were tested", kept)
			}
		})
	}
}

func TestLineKeepsTheContract(t *testing.T) {
	sdktest.Run(t, line.Plugin, sdktest.Genuine("text message", &channelv1.HTTPRequest{
		Method: "POST", Path: "callback", Url: "https://desk.example.com/channels/a/callback", Body: []byte(`{"destination":"U1","events":[
			{"type":"message","mode":"active","timestamp":1700000000000,"webhookEventId":"01HXYZ","deliveryContext":{"isRedelivery":false},
			 "source":{"type":"user","userId":"U2"},"replyToken":"r","message":{"id":"1","type":"text","text":"hello","quoteToken":"q"}}]}`),
	}))
}

func TestAPIKeepsTheContract(t *testing.T) {
	sdktest.Run(t, api.Plugin,
		sdktest.Settings(map[string]any{"token": "a-token-of-32-characters-or-more", "webhook_url": ""}),
		sdktest.Genuine("text message", &channelv1.HTTPRequest{
			Method: "POST", Path: "messages", Url: "https://desk.example.com/channels/a/messages", Body: []byte(`{"id":"1","customer":{"id":"ada"},"text":"hello"}`),
			Headers: []*channelv1.Header{
				{Name: "Authorization", Value: "Bearer a-token-of-32-characters-or-more"}, {Name: "Content-Type", Value: "application/json"},
			},
		}))
}
