package api

import (
	"testing"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk/sdktest"
)

const (
	testToken  = "token-for-tests-0123456789"
	testSecret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
)

// TestConformance puts the plugin through the suite that every channel passes.
func TestConformance(t *testing.T) {
	options := []sdktest.Option{sdktest.Settings(map[string]any{
		"token": testToken, "previous_token": "", "webhook_url": "", "webhook_secret": "", "previous_webhook_secret": "",
	})}
	for name, body := range map[string]string{
		"message":  `{"id":"1","customer":{"id":"ada"},"text":"hello","variables":{"order":17}}`,
		"batch":    `{"messages":[{"id":"2","customer":{"id":"ada"},"text":"one"},{"id":"3","customer":{"id":"ada"},"text":"two"}]}`,
		"file":     `{"id":"4","customer":{"id":"ada"},"attachments":[{"content":"aGVsbG8=","name":"a.txt"},{"url":"https://example.com/b.png"}]}`,
		"postback": `{"id":"5","type":"postback","customer":{"id":"ada"},"data":"yes"}`,
		"edit":     `{"id":"6","type":"edit","conversation":"c","message":"1","text":"hallo"}`,
		"read":     `{"type":"read","conversation":"c","up_to":"m"}`,
	} {
		options = append(options, sdktest.Genuine(name, &channelv1.HTTPRequest{
			Method: "POST", Path: messagesPath, Body: []byte(body), Headers: []*channelv1.Header{
				{Name: "Authorization", Value: "Bearer " + testToken}, {Name: "Content-Type", Value: "application/json"},
			},
		}))
	}
	sdktest.Run(t, Plugin, options...)
}
