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
	parrot := read("sdk/examples/parrot/main.go")
	for _, shown := range strings.Split(guide, "```go\n")[1:] {
		code, _, _ := strings.Cut(shown, "```\n")
		if strings.HasPrefix(code, "func (p *parrot)") && !strings.Contains(parrot, code) {
			t.Errorf("README.md shows what sdk/examples/parrot does not have:\n%s", code)
		}
	}
	for _, constant := range []string{
		channelv1.MagicCookieKey + "=" + channelv1.MagicCookieValue, channelv1.LifelineVariable, channelv1.Channel_ServiceDesc.ServiceName,
		channelv1.Host_ServiceDesc.ServiceName, channelv1.Conversations_ServiceDesc.ServiceName,
	} {
		if !strings.Contains(guide, constant) {
			t.Errorf("README.md lacks %s", constant)
		}
	}
}
