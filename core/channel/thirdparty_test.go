package channel

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

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
