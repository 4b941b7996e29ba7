package webchat

import (
	"context"
	"testing"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/sdk/sdktest"
)

func TestKeepsTheContract(t *testing.T) {
	p := Plugin
	p.Open = func(ctx context.Context, account sdk.Account, settings Settings) (sdk.Channel, error) {
		account.Channels = []sdk.ChannelAddress{{Channel: "shop-chat"}} // the suite's accounts have none
		return Plugin.Open(ctx, account, settings)
	}
	sdktest.Run(t, p, sdktest.Genuine("a message", &channelv1.HTTPRequest{
		Method: "POST", Path: "frames", Url: "https://desk.example.com/channels/a/frames",
		Headers: []*channelv1.Header{{Name: "authorization", Value: "Bearer " + tokenOf(1)}},
		Body:    []byte(`{"channel":"shop-chat","frames":[{"t":"send","id":"1","text":"hello","context":{"cart":"empty"}}]}`),
	}), sdktest.LiveRequest(&channelv1.HTTPRequest{
		Method: "GET", Path: "live", Url: "https://desk.example.com/channels/a/live",
	}, []byte(`{"t":"hello","v":1,"channel":"shop-chat","token":"`+tokenOf(1)+`"}`)))
}
