package sdk

import (
	"log/slog"
	"testing"

	"google.golang.org/protobuf/proto"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Attachments are refused only where the host says so: one that is older than the field says nothing.
func TestChannelsSayWhetherAttachmentsAreTaken(t *testing.T) {
	s := &server{log: slog.New(slog.DiscardHandler)}
	account := s.accountIn(&channelv1.Account{Id: "shop", Channels: []*channelv1.ChannelAddress{
		{Channel: "silent", Address: map[string]string{"number": "7"}},
		{Channel: "yes", AttachmentsFromCustomer: proto.Bool(true)},
		{Channel: "no", AttachmentsFromCustomer: proto.Bool(false)},
	}})
	if len(account.Channels) != 3 || account.Channels[0].Address["number"] != "7" {
		t.Fatalf("the channels are %+v", account.Channels)
	}
	for _, ch := range account.Channels {
		if want := ch.Channel == "no"; ch.NoAttachments != want {
			t.Errorf("%s: attachments refused is %t", ch.Channel, ch.NoAttachments)
		}
	}
}
