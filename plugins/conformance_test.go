package plugins

import (
	"testing"

	"github.com/guichet/guichet/plugins/api"
	"github.com/guichet/guichet/plugins/line"
	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk/sdktest"
)

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
