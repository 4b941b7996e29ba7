package endtoend

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guichet/guichet/scripts/load/harness"
)

// TestAPIExampleClient: the client of the guide, as it stands, says something and prints the answer.
func TestAPIExampleClient(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 to run the example client with")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, harness.Config{Agents: 1, More: apiAccount(fmt.Sprintf("webhook_url = \"http://127.0.0.1:%d/\"\nwebhook_secret = %q", port, apiSecret))})
	agent := s.agent(1)
	client := exec.CommandContext(s.ctx, python, filepath.Join(harness.Root(), "plugins", "api", "examples", "client.py"), "Where", "is", "my", "order?") //nolint:gosec // ours
	client.Env = append(os.Environ(), "GUICHET="+s.URL()+"/channels/shop-api", "TOKEN="+apiToken, "SECRET="+apiSecret, fmt.Sprintf("PORT=%d", port))
	out, err := client.StdoutPipe()
	s.must(err)
	s.must(client.Start())
	defer func() {
		_ = client.Process.Kill()
		_ = client.Wait() // it was killed
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "posted ") {
		t.Fatalf("it printed %q", lines.Text())
	}
	c := s.accept(agent)
	if got := texts(s.messages(agent, c)); len(got) != 1 || got[0] != "Where is my order?" {
		t.Errorf("the desk has %q", got)
	}
	s.say(agent, c, "a-1", "On its way.")
	if !lines.Scan() || lines.Text() != "ada is told: On its way." {
		t.Errorf("it printed %q", lines.Text())
	}
	s.awaitState(agent, c, "a-1", "sent")
}
