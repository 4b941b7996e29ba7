package plugins

import (
	"os"
	"strings"
	"testing"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// TestGuideShowsWhatRuns: the code in the authors' guide is the code that is built and tested.
func TestGuideShowsWhatRuns(t *testing.T) {
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	guide := read("README.md")
	for _, name := range []string{"sdk/examples/echo/main.go", "sdk/examples/echo/main_test.go"} {
		if !strings.Contains(guide, "```go\n"+read(name)+"```\n") {
			t.Errorf("README.md does not show %s as it is", name)
		}
	}
	for _, constant := range []string{
		channelv1.MagicCookieKey + "=" + channelv1.MagicCookieValue, channelv1.LifelineVariable, channelv1.Channel_ServiceDesc.ServiceName,
	} {
		if !strings.Contains(guide, constant) {
			t.Errorf("README.md lacks %s", constant)
		}
	}
}
