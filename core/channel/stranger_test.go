package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// The test binary is also a third-party plugin, as a file in a bundle: `stranger VERSION BEHAVIOUR`.
const strangerCommand = "stranger"

// swappingPrelude is a prelude during which the executable is exchanged; nil where there is none.
var swappingPrelude func(words []string) error

// strangerMain is what the test binary does as the prelude, or as a third-party plugin.
func strangerMain(command string, words []string) bool {
	switch command {
	case PreludeCommand:
		fmt.Fprintln(os.Stderr, PreludeError(Confined(words)))
		os.Exit(126)
	case "swapping-prelude":
		fmt.Fprintln(os.Stderr, PreludeError(swappingPrelude(words)))
		os.Exit(126)
	case strangerCommand:
		plugin := fakePlugin
		plugin.Manifest.Version = words[0]
		plugin.Manifest.Verification = nil // plugin.toml does not say it
		switch words[1] {
		case "lies-about-version":
			plugin.Manifest.Version = "9.9"
		case "lies-about-services":
			plugin.Manifest.Services.Templates = true
		case "refuses":
			plugin.Open = func(context.Context, sdk.Account, fakeSettings) (sdk.Channel, error) {
				return nil, errors.New("the new version refuses")
			}
		case "crashes":
			os.Exit(3)
		case "garbage":
			fmt.Println("1|1|tcp|:::|nonsense|\x00\xff")
			time.Sleep(time.Minute)
		case "without-tls": // though its plugin.toml does not say so
			_ = os.Unsetenv(clientCertificate)
		case "no-tls-certificate", "no-tls-tcp", "no-tls-elsewhere", "no-tls-another":
			shakeHands(words[1])
			time.Sleep(time.Minute)
		case "slow-drain":
			plugin.Open = func(_ context.Context, account sdk.Account, settings fakeSettings) (sdk.Channel, error) {
				return &stubborn{fake{account: account, settings: settings}}, nil
			}
		}
		sdk.Serve(plugin)
	default:
		return false
	}
	return true
}

// stubborn does not care that it is to end.
type stubborn struct{ fake }

func (s *stubborn) Send(context.Context, *sdk.Outgoing) (sdk.Receipt, error) {
	time.Sleep(time.Hour)
	return sdk.Receipt{}, nil
}

var leaked [][]byte

// probe tries what a plugin may or may not do, and tells how it went.
func probe(w http.ResponseWriter, path, what string) {
	say := func(err error) {
		if err == nil {
			_, _ = io.WriteString(w, "done")
			return
		}
		_, _ = io.WriteString(w, err.Error())
	}
	switch path {
	case "pid":
		_, _ = fmt.Fprint(w, os.Getpid())
	case "read":
		_, err := os.ReadFile(what)
		say(err)
	case "write":
		say(os.WriteFile(what, []byte("x"), 0o600))
	case "connect":
		conn, err := net.DialTimeout("tcp", what, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		say(err)
	case "listen":
		l, err := net.Listen("tcp", what)
		if err == nil {
			_ = l.Close()
		}
		say(err)
	case "unix":
		conn, err := net.Dial("unix", what)
		if err == nil {
			_ = conn.Close()
		}
		say(err)
	case "kill":
		pid, _ := strconv.Atoi(what)
		say(syscall.Kill(pid, 0))
	case "process":
		text, err := os.ReadFile("/proc/self/status")
		if err != nil {
			say(err)
		}
		_, _ = w.Write(text)
	case "limits":
		text, err := os.ReadFile("/proc/self/limits")
		if err != nil {
			say(err)
		}
		_, _ = w.Write(text)
	case "daemon":
		child := exec.Command("/bin/sleep", "600")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			say(err)
			return
		}
		_, _ = fmt.Fprint(w, child.Process.Pid)
	case "leak":
		for range 8 {
			block := make([]byte, 16<<20)
			for i := range block {
				block[i] = 1
			}
			leaked = append(leaked, block)
		}
	case "flood":
		line := strings.Repeat("flood ", 100) + "\n"
		for range 20_000 {
			_, _ = os.Stderr.WriteString(line)
		}
	}
}

// strangerText writes the plugin.toml of the fake, without its files.
func strangerText(t testing.TB, version, behaviour, permissions string) string {
	m := fakeManifest(t)
	if raceDetector && !strings.Contains(permissions, "memory") {
		permissions += "\nmemory = \"32 GB\""
	}
	var text strings.Builder
	fmt.Fprintf(&text, "id = \"fake\"\nname = \"Fake\"\nversion = %q\nprotocol = 1\nservices = [", version)
	for _, s := range m.GetServices() {
		fmt.Fprintf(&text, "%q, ", s[strings.LastIndexByte(s, '.')+1:])
	}
	text.WriteString("]\n")
	if strings.HasPrefix(behaviour, "no-tls") {
		text.WriteString("tls = false\n")
	}
	fmt.Fprintf(&text, "\n[command]\nfile = \"fake\"\nargs = [%q, %q, %q]\n\n[permissions]\n%s\n", strangerCommand, version, behaviour, permissions)
	for _, s := range m.GetSettings() {
		fmt.Fprintf(&text, "\n[[setting]]\nkey = %q\nkind = %q\nrequired = %t\ndefault = %q\ntest = %t\nexclusive = %t\n",
			s.GetKey(), s.GetKind(), s.GetRequired(), s.GetDefault(), s.GetTestOnly(), s.GetExclusive())
		if len(s.GetOptions()) > 0 {
			fmt.Fprintf(&text, "options = [\"%s\"]\n", strings.Join(s.GetOptions(), `", "`))
		}
	}
	return text.String()
}

// stranger makes a bundle of the test binary.
func stranger(t testing.TB, version, behaviour, permissions string) (dir string, b *Bundle) {
	t.Helper()
	dir = t.TempDir()
	self, err := os.Executable()
	if err == nil {
		var content []byte
		if content, err = os.ReadFile(self); err == nil {
			err = errors.Join(os.WriteFile(filepath.Join(dir, "fake"), content, 0o700),
				os.WriteFile(filepath.Join(dir, BundleManifest), []byte(strangerText(t, version, behaviour, permissions)), 0o600))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if b, err = PackBundle(dir); err != nil {
		t.Fatal(err)
	}
	return dir, b
}

// strangers is a host whose plugin "fake" is the bundle that was approved last.
type strangers struct {
	*bench
	shelf   *Shelf
	current KeptBundle
	demand  bool
}

func newStrangers(t testing.TB) *strangers {
	s := &strangers{}
	s.bench = newBench(t, func(o *Options) {
		o.Find = func(string) (Source, bool) {
			current := s.current
			return Source{Bundle: &current, Demand: s.demand}, true
		}
		shelf, err := NewShelf(o.Data)
		if err != nil {
			t.Fatal(err)
		}
		s.shelf = shelf
		t.Cleanup(func() { removeReadOnly(shelf.dir) })
	})
	return s
}

// approve keeps a bundle of the test binary and makes it the current one.
func (s *strangers) approve(t testing.TB, version, behaviour, permissions string) {
	t.Helper()
	dir, b := stranger(t, version, behaviour, permissions)
	kept, err := s.shelf.Keep(dir, b.Hash)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = KeptBundle{kept, s.shelf.Folder(b.Hash)}
}

func (s *strangers) ask(t testing.TB, path, body string) string {
	t.Helper()
	r, err := s.post(t, "shop", path, []byte(body))
	if err != nil || r.Status != 200 {
		t.Fatalf("%s answered %+v, %v", path, r, err)
	}
	return string(r.Body)
}
