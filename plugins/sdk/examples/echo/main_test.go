package main

import (
	"testing"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk/sdktest"
)

func TestEchoKeepsTheContract(t *testing.T) {
	sdktest.Run(t, plugin, sdktest.Genuine("a greeting", &channelv1.HTTPRequest{
		Method: "POST", Path: "callback", Body: []byte("Bonjour !"),
		Headers: []*channelv1.Header{{Name: "Message-Id", Value: "1"}, {Name: "From", Value: "ada"}},
	}))
}
