package endtoend

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/guichet/guichet/scripts/load/harness"
)

// An office of more than a hundred people behind one address can chat; that many at a time are said to fit.
func TestAnOfficeBehindOneAddressCanChat(t *testing.T) {
	s := open(t, harness.Config{Agents: 1, More: chat + "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n"})
	const people = 110
	for n := range people {
		conn, r, err := websocket.Dial(s.ctx, strings.Replace(s.URL(), "http", "ws", 1)+"/channels/site/live", &websocket.DialOptions{
			HTTPHeader: http.Header{"X-Forwarded-For": {"198.51.100.7"}},
		})
		if err != nil {
			t.Fatalf("person %d: %v %v", n+1, r, err)
		}
		defer conn.CloseNow() //nolint:errcheck // it may have gone
		if err := conn.Write(s.ctx, websocket.MessageText, []byte(`{"t":"hello","v":1,"channel":"site"}`)); err != nil {
			t.Fatal(err)
		}
		// So many come at once that the plugin tells some when to come again; all of them reach it.
		if _, first, err := conn.Read(s.ctx); err != nil || !strings.Contains(string(first), `"welcome"`) && !strings.Contains(string(first), `"too-many","after":`) {
			t.Fatalf("person %d is told %s %v", n+1, first, err)
		}
	}
	for _, told := range []string{"plugins/webchat/PROTOCOL.md", "plugins/README.md"} {
		text, err := os.ReadFile(filepath.Join("../../..", told))
		if err != nil {
			t.Fatal(err)
		}
		for _, most := range []string{"500", "10,000"} {
			if flat := strings.Join(strings.Fields(string(text)), " "); !strings.Contains(flat, fmt.Sprintf("%s connections a", most)) && !strings.Contains(flat, most+" a client address") {
				t.Errorf("%s does not say %s", told, most)
			}
		}
	}
}
