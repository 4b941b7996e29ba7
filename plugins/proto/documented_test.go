package channelv1

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	fieldLine       = regexp.MustCompile(`^\s+.*\w+ = \d+;`)
	declarationLine = regexp.MustCompile(`^(message|enum|service) |^\s+rpc `)
)

// TestContractIsDocumented: each message, service, call, field and value says what it means.
func TestContractIsDocumented(t *testing.T) {
	text, err := os.ReadFile("channel.proto")
	if err != nil {
		t.Fatal(err)
	}
	found := undocumented(string(text))
	for _, line := range found {
		t.Errorf("channel.proto does not say what this means: %s", line)
	}
	doctored := strings.Replace(string(text), "  // below the account, escaped as it came", "", 1)
	if missing := undocumented(doctored); len(found) == 0 && len(missing) != 1 {
		t.Errorf("of a field without its comment: %q", missing)
	}
}

func undocumented(text string) (missing []string) {
	former := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		above := strings.HasPrefix(strings.TrimSpace(former), "//")
		switch {
		case fieldLine.MatchString(line) && !strings.Contains(line, "//") && !above,
			declarationLine.MatchString(line) && !above:
			missing = append(missing, strings.TrimSpace(line))
		}
		former = line
	}
	return missing
}
