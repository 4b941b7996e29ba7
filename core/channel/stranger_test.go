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

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
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

func TestThirdPartyPluginRuns(t *testing.T) {
	s := newStrangers(t)
	s.approve(t, "1.0", "", "")
	s.run(t)
	if r, err := s.post(t, "shop", "callback", ids("a")); err != nil || r.Status != 200 {
		t.Fatalf("answered %+v, %v", r, err)
	}
	if got := s.Send(t.Context(), outgoing("fine")); got.Kind != core.OutcomeAccepted {
		t.Errorf("sending: %+v", got)
	}
	status := s.Status()[0]
	if status.Kind != KindThirdParty || status.Hash != s.current.Hash || status.Version != "1.0" || len(status.Enforced) == 0 || len(status.NotEnforced) == 0 {
		t.Errorf("shown as %+v", status)
	}
}

func TestThirdPartyPluginIsConfined(t *testing.T) {
	if abilities().landlock < landlockScopes {
		t.Skip("this kernel has no Landlock, or an old one")
	}
	checkConfined(t, newStrangers(t))
}

// checkConfined tries every way out.
func checkConfined(t *testing.T, s *strangers) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	_, asked, _ := net.SplitHostPort(listener.Addr().String())
	s.approve(t, "1.0", "", fmt.Sprintf("network = [\"127.0.0.1:%s\"]\nopen_files = 64\nfile_size = \"1 MB\"", asked))
	s.run(t)
	secret := filepath.Join(s.options.Data, "secret")
	if err := os.WriteFile(secret, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(s.options.Data, "plugins", "fake")
	for _, c := range []struct{ path, body, want string }{
		{"read", secret, "permission denied"},
		{"read", "/etc/passwd", "permission denied"},
		{"read", fmt.Sprintf("/proc/%d/environ", os.Getpid()), "permission denied"},
		{"read", filepath.Join(s.current.Dir, BundleManifest), "done"},
		{"write", filepath.Join(s.current.Dir, "fake"), "permission denied"},
		{"write", filepath.Join(s.options.Data, "x"), "permission denied"},
		{"write", filepath.Join(work, "x"), "done"},
		{"connect", listener.Addr().String(), "done"},
		{"connect", other.Addr().String(), "permission denied"},
		{"listen", "127.0.0.1:0", "permission denied"},
		{"daemon", "", "not permitted"},
		{"kill", strconv.Itoa(os.Getpid()), "not permitted"},
		{"process", "", "NoNewPrivs:\t1"},
		{"process", "", "CapEff:\t0000000000000000"},
		{"process", "", "Seccomp:\t2"},
		{"limits", "", "Max open files            64 "},
		{"limits", "", "Max core file size        0 "},
		{"limits", "", "Max file size             1048576 "},
	} {
		if got := s.ask(t, c.path, c.body); !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %s, not %s", c.path, c.body, got, c.want)
		}
	}
}

// The same holds where the host is no administrator of the machine.
func TestConfinedWithoutPrivileges(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("the whole run is without privileges")
	}
	if abilities().landlock < landlockScopes {
		t.Skip("this kernel has no Landlock, or an old one")
	}
	const nobody = 65534
	dir, err := os.MkdirTemp("", "guichet-nobody-*")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { removeReadOnly(dir) }()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(dir, "tests"), content, 0o755), os.Chown(dir, nobody, nobody), os.Chmod(dir, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	tests := exec.Command(filepath.Join(dir, "tests"), "-test.run", "^(TestThirdPartyPluginIsConfined|TestThirdPartyPluginRuns|TestSwappedBetweenCheckAndExecution)$", "-test.v")
	tests.Dir = dir
	tests.Env = []string{"TMPDIR=" + dir, "HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	tests.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := tests.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS") != 3 {
		t.Errorf("%v\n%s", err, out)
	}
}

// What lies in the approved place is not run once it was changed; the other bundles are.
func TestSwappedBinary(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"executable": func(dir string) error {
			return errors.Join(os.Chmod(filepath.Join(dir, "fake"), 0o700), os.WriteFile(filepath.Join(dir, "fake"), []byte("#!/bin/sh\n"), 0o700))
		},
		"description": func(dir string) error {
			return errors.Join(os.Chmod(filepath.Join(dir, BundleManifest), 0o600), os.WriteFile(filepath.Join(dir, BundleManifest), nil, 0o600))
		},
		"added": func(dir string) error {
			return errors.Join(os.Chmod(dir, 0o700), os.WriteFile(filepath.Join(dir, "extra"), nil, 0o700))
		},
		"link": func(dir string) error {
			return errors.Join(os.Chmod(dir, 0o700), os.Remove(filepath.Join(dir, "fake")), os.Symlink("/bin/true", filepath.Join(dir, "fake")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStrangers(t)
			s.approve(t, "1.0", "", "")
			if err := change(s.current.Dir); err != nil {
				t.Fatal(err)
			}
			if err := s.Apply(s.setup); err != nil {
				t.Fatal(err)
			}
			until(t, "the refusal is shown", func() bool { return s.Status()[0].LastExit != nil })
			exit := s.Status()[0].LastExit
			want := map[string]string{
				"executable": "fake was changed after it was approved", "description": "not the one that was approved",
				"added": "extra can be run and is not listed", "link": "no ordinary file",
			}[name]
			if !strings.Contains(exit.Reason, want) {
				t.Errorf("shown: %s", exit.Reason)
			}
		})
	}
}

func TestLyingPlugins(t *testing.T) {
	for behaviour, want := range map[string]string{
		"lies-about-version":  `version is "1.0" in plugin.toml, and "9.9"`,
		"lies-about-services": "services is",
		"garbage":             "did not start",
		"crashes":             "did not start",
	} {
		t.Run(behaviour, func(t *testing.T) {
			s := newStrangers(t)
			s.approve(t, "1.0", behaviour, "")
			if err := s.Apply(s.setup); err != nil {
				t.Fatal(err)
			}
			until(t, "the refusal is shown", func() bool { return s.Status()[0].LastExit != nil })
			if exit := s.Status()[0].LastExit; !strings.Contains(exit.Reason, want) {
				t.Errorf("shown: %s", exit.Reason)
			}
		})
	}
}

// What a plugin may describe itself as is compared field by field.
func TestAgreement(t *testing.T) {
	_, b := stranger(t, "1.0", "", "")
	for want, change := range map[string]func(m *channelv1.Manifest){
		"id is":                          func(m *channelv1.Manifest) { m.Id = "line" },
		"version is":                     func(m *channelv1.Manifest) { m.Version = "2" },
		"requires_consent is":            func(m *channelv1.Manifest) { m.RequiresConsent = true },
		"services is":                    func(m *channelv1.Manifest) { m.Services = nil },
		"setting patience is a duration": func(m *channelv1.Manifest) { m.Settings = append(m.Settings[:1:1], m.Settings[2:]...) },
		"setting more is missing":        func(m *channelv1.Manifest) { m.Settings = append(m.Settings, &channelv1.Setting{Key: "more"}) },
		"kind of setting":                func(m *channelv1.Manifest) { m.Settings[0].Kind = "string" },
		"secret of setting":              func(m *channelv1.Manifest) { m.Settings[0].Secret = false },
		"required of setting":            func(m *channelv1.Manifest) { m.Settings[0].Required = false },
		"test of setting":                func(m *channelv1.Manifest) { m.Settings[2].TestOnly = false },
		"exclusive of setting":           func(m *channelv1.Manifest) { m.Settings[4].Exclusive = false },
		"address number is missing":      func(m *channelv1.Manifest) { m.Address = append(m.Address, &channelv1.Setting{Key: "number"}) },
	} {
		m := fakeManifest(t)
		m.Version = "1.0"
		if err := b.agrees(m); err != nil {
			t.Fatalf("the honest one: %v", err)
		}
		change(m)
		if err := b.agrees(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
