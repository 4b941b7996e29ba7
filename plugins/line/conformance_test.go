package line

import (
	"os"
	"testing"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk/sdktest"
)

// TestConformance puts the plugin through the suite that every channel passes.
func TestConformance(t *testing.T) {
	options := []sdktest.Option{}
	for _, name := range []string{"Event.message", "MessageContent.sticker", "Event.follow", "Event.memberJoined", "new.event"} {
		event, err := os.ReadFile("testdata/events/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		options = append(options, sdktest.Genuine(name, &channelv1.HTTPRequest{
			Method: "POST", Path: callbackPath, Body: []byte(`{"destination":"U1","events":[` + string(event) + `]}`),
		}))
	}
	sdktest.Run(t, Plugin, options...)
}
