package main

import (
	"testing"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk/sdktest"
)

func visit() *channelv1.HTTPRequest {
	return &channelv1.HTTPRequest{Account: "a", Method: "GET", Url: "https://desk.example.com/channels/a/?visitor=ada", RawQuery: "visitor=ada"}
}

func TestParrotKeepsTheContract(t *testing.T) {
	sdktest.Run(t, plugin, sdktest.LiveRequest(visit(), nil))
}

func TestParrotTalks(t *testing.T) {
	p := sdktest.Start(t, plugin)
	p.Open(t, "a", nil)
	browser := p.Connect(t).Open(visit())
	ada := &channelv1.Thread{Id: "ada", Kind: "user"}
	if err := p.Conversations.Watched(t.Context(), "a", ada, 1); err != nil {
		t.Fatal(err)
	}
	p.Conversations.Say("a", ada, &channelv1.ThreadMessage{Text: "Bonjour !", Author: &channelv1.ThreadAuthor{Name: "Anna"}})
	if said, err := browser.Receive(); err != nil || string(said) != "Anna: Bonjour !" {
		t.Errorf("the visitor heard %q: %v", said, err)
	}
}
