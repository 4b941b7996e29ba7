package telegram

import (
	"testing"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk/sdktest"
	"github.com/guichet/guichet/plugins/telegram/telegramtest"
)

// TestConformance puts the plugin through the suite that every channel passes.
func TestConformance(t *testing.T) {
	options := []sdktest.Option{sdktest.Settings(map[string]any{
		"bot_token": "123456789:conformance", "mode": "webhook", "secret_token": "the-secret",
	})}
	for name, body := range map[string]string{
		"text":    `{"update_id":1,"message":{"message_id":1,"date":1790000000,"from":{"id":555,"first_name":"Ana"},"chat":{"id":555,"type":"private"},"text":"hello"}}`,
		"button":  `{"update_id":2,"callback_query":{"id":"q","from":{"id":555,"first_name":"Ana"},"data":"yes"}}`,
		"blocked": `{"update_id":3,"my_chat_member":{"chat":{"id":555,"type":"private"},"from":{"id":555},"date":1790000000,"old_chat_member":{"status":"member"},"new_chat_member":{"status":"kicked"}}}`,
		"new":     `{"update_id":4,"something_new":{"x":1}}`,
		"no json": `hello`,
	} {
		options = append(options, sdktest.Genuine(name, &channelv1.HTTPRequest{
			Method: "POST", Path: callbackPath, Body: []byte(body),
			Headers: []*channelv1.Header{{Name: secretHeader, Value: "the-secret"}},
		}))
	}
	pulled := platform(t, telegramtest.Options{})
	ann := pulled.NewCustomer("Ann")
	options = append(options, sdktest.Pulls(sdktest.Source{
		Settings: pulled.Settings(modePoll),
		Put: func(n int) {
			for range n {
				ann.Say("bonjour")
			}
		},
		Asked: pulled.Polls,
	}))
	registered := platform(t, telegramtest.Options{})
	options = append(options, sdktest.Registers(sdktest.Registry{Settings: registered.Settings(modeWebhook), Address: registered.Webhook}))
	sdktest.Run(t, Plugin, options...)
}
