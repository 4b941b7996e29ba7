package api

import (
	"os"
	"strings"
	"testing"
)

// TestGuideShowsWhatRuns: the client in the guide is the one that is tried against the real program.
func TestGuideShowsWhatRuns(t *testing.T) {
	guide, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	client, err := os.ReadFile("examples/client.py")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(guide), "```python\n"+string(client)+"```\n") {
		t.Error("PROTOCOL.md does not show examples/client.py as it is")
	}
	if lines := strings.Count(string(client), "\n"); lines > 35 {
		t.Errorf("the client has %d lines; it is to be read in a minute", lines)
	}
	for _, path := range []string{messagesPath, receiptsPath, deliveriesPath, documentPath} {
		if !strings.Contains(string(guide), path) {
			t.Errorf("PROTOCOL.md says nothing of %s", path)
		}
	}
}
