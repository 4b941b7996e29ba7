package line

import (
	"encoding/json"
	"testing"

	"github.com/hashicorp/go-plugin"

	"github.com/guichet/guichet/plugins/line/linetest"
	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk"
)

// TestOverTheWire takes a customer's message and answers it through the plugin protocol itself.
func TestOverTheWire(t *testing.T) {
	served, err := sdk.Served(Plugin)
	if err != nil {
		t.Fatal(err)
	}
	conn, _ := plugin.TestPluginGRPCConn(t, false, map[string]plugin.Plugin{"channel": served.(plugin.Plugin)})
	defer conn.Close() // which asks the server to stop as well
	channel, webhook := channelv1.NewChannelClient(conn.Conn), channelv1.NewWebhookClient(conn.Conn)

	p := platform(t, linetest.Options{})
	settings, err := json.Marshal(p.Settings(true))
	if err != nil {
		t.Fatal(err)
	}
	const address = "https://shop.example/channels/shop-line"
	if _, err := channel.Open(t.Context(), &channelv1.OpenRequest{Account: &channelv1.Account{
		Id: "shop-line", Revision: 1, SettingsJson: settings, PublicUrl: address, Test: true,
	}}); err != nil {
		t.Fatal(err)
	}

	ann := p.NewCustomer("Ann")
	body := p.Body(ann.Text("bonjour"))
	request := &channelv1.HTTPRequest{
		Account: "shop-line", Method: "POST", Url: address + "/callback", Path: "callback", Body: body,
		Headers: []*channelv1.Header{{Name: "x-line-signature", Value: p.Sign(body)}},
	}
	response, err := webhook.HandleHTTP(t.Context(), request)
	if err != nil || response.GetStatus() != 200 || len(response.GetEvents()) != 1 {
		t.Fatalf("%v, %v", response, err)
	}
	message := response.GetEvents()[0].GetMessage()
	if message.GetText() != "bonjour" || message.GetReplyToken().GetToken() == "" {
		t.Fatalf("message %v", message)
	}
	request.Headers[0].Value = p.Sign([]byte("something else"))
	if response, err := webhook.HandleHTTP(t.Context(), request); err != nil || response.GetStatus() != 401 || len(response.GetEvents()) > 0 {
		t.Errorf("%v, %v", response, err)
	}

	sent, err := channel.Send(t.Context(), &channelv1.SendRequest{
		Account: "shop-line", OutboxId: "0191d2b0-3c00-7000-8000-000000000001", Text: "salut",
		Thread:    response.GetEvents()[0].GetThread(),
		Recipient: response.GetEvents()[0].GetSender().GetIdentities()[0],
		Context:   &channelv1.Context{ReplyToken: message.GetReplyToken()},
	})
	if err != nil || sent.GetAccepted() == nil || !sent.GetUsedReplyToken() || len(sent.GetExternalIds()) != 1 {
		t.Fatalf("%v, %v", sent, err)
	}
	if got := p.Sent(ann.ID); len(got) != 1 || got[0].Text() != "salut" || got[0].ID != sent.GetExternalIds()[0] {
		t.Errorf("sent %+v", got)
	}
}
