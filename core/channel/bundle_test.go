package channel

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
)

const goodBundle = `id = "shop-chat"
name = "Shop chat"
version = "1.2.0"
protocol = 1
documentation_url = "https://example.com/shop-chat"
services = ["Webhook", "guichet.channel.v1.Media"]

[command]
file = "bin/run"
args = ["--fast"]

[permissions]
network = ["api.example.com", "files.example.com:8443"]
listen = [9000]
memory = "128 MB"
open_files = 64
file_size = "2 GB"
processes = true

[[setting]]
key = "token"
kind = "secret"
title = "Token"
required = true
exclusive = true

[[setting]]
key = "mode"
kind = "select"
options = ["a", "b"]
show_if = "token=x"
test = true

[[address]]
key = "number"
kind = "string"

[[callback]]
path = "callback"
title = "Callback"

[[file]]
path = "bin/run"
sha256 = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
executable = true

[[file]]
path = "README"
sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
`

func TestParseBundle(t *testing.T) {
	b, err := ParseBundle([]byte(goodBundle))
	if err != nil {
		t.Fatal(err)
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if diff := cmp.Diff([]BundleFile{{Path: "README", SHA256: empty}, {Path: "bin/run", SHA256: empty, Executable: true}}, b.Files); diff != "" {
		t.Error(diff)
	}
	want := Permissions{
		Network: true, Hosts: []string{"api.example.com", "files.example.com:8443"}, Listen: []int{9000}, Memory: 128 << 20, OpenFiles: 64,
		FileSize: 2 << 30, Processes: true,
	}
	if diff := cmp.Diff(want, b.Permissions); diff != "" {
		t.Error(diff)
	}
	schema := core.PluginSchema{
		Plugin: "shop-chat",
		Settings: []core.SettingField{
			{Key: "token", Kind: core.SettingSecret, Title: "Token", Required: true, Secret: true},
			{Key: "mode", Kind: "select", Title: "Mode", Options: []string{"a", "b"}, ShowIf: "token=x", TestOnly: true},
		},
		Address: []core.SettingField{{Key: "number", Kind: "string", Title: "Number"}},
	}
	if diff := cmp.Diff(schema, b.Schema()); diff != "" {
		t.Error(diff)
	}
	if b.ID() != "shop-chat" || b.Version() != "1.2.0" || b.Command != "bin/run" || len(b.Hash) != 64 || len(b.Manifest.GetServices()) != 2 {
		t.Errorf("read as %+v", b)
	}
}

// Each mistake is told with its line, and only it.
func TestParseBundleProblems(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{`id = "shop-chat"`, `id = "Shop"`, `plugin.toml:1: The id "Shop" must be`},
		{`id = "shop-chat"`, `id = "../shop"`, `plugin.toml:1: The id "../shop" must be`},
		{`id = "shop-chat"`, `id = "incoming"`, `plugin.toml:1: The id "incoming" is taken`},
		{`id = "shop-chat"` + "\n", "", "The id is missing"},
		{`id = "shop-chat"`, `id = "` + strings.Repeat("a", 41) + `"`, "at most 40 characters"},
		{`name = "Shop chat"`, `name = " "`, "plugin.toml:2: The name"},
		{`name = "Shop chat"`, `name = "\u001b[31mShop"`, "plugin.toml:2: \"\\x1b[31mShop\" has control characters"},
		{`version = "1.2.0"`, `version = "1 2"`, "plugin.toml:3: The version"},
		{`protocol = 1`, `protocol = 2`, "plugin.toml:4: The protocol must be 1"},
		{`https://example.com`, `javascript:`, "plugin.toml:5: The documentation_url"},
		{`"Webhook"`, `"Magic"`, `plugin.toml:6: There is no optional service "Magic"`},
		{`file = "bin/run"`, `file = "bin/other"`, `plugin.toml:9: The command "bin/other" must be one of the files`},
		{`file = "bin/run"`, `file = "README"`, `plugin.toml:9: The command "README" must be one of the files, with executable`},
		{`"api.example.com"`, `"https://api.example.com"`, "plugin.toml:13: https://api.example.com is no"},
		{`listen = [9000]`, `listen = [70000]`, "plugin.toml:14: 70000 is no TCP port"},
		{`memory = "128 MB"`, `memory = "lots"`, "plugin.toml:15: memory is a size"},
		{`memory = "128 MB"`, `memory = "1 MB"`, "plugin.toml:15: memory is a size"},
		{`open_files = 64`, `open_files = 1`, "plugin.toml:16: open_files is from"},
		{`open_files = 64`, `magic = 64`, "plugin.toml:16: There is no permissions.magic"},
		{`open_files = 64`, `open_files = "x"`, "plugin.toml:16: "},
		{`kind = "secret"`, `kind = "magic"`, `plugin.toml:22: The kind "magic" must be one of`},
		{`key = "token"`, `key = "To ken"`, `plugin.toml:21: The key "To ken"`},
		{`options = ["a", "b"]`, ``, "plugin.toml:27: A select has options"},
		{`show_if = "token=x"`, `show_if = "else=x"`, "plugin.toml:31: show_if must be"},
		{`title = "Token"`, `pattern = "("`, "plugin.toml:23: The pattern is no regular expression"},
		{`key = "mode"`, `key = "token"`, `plugin.toml:28: The key "token" is used twice`},
		{`path = "callback"`, `path = "../callback"`, `plugin.toml:39: "../callback" is no path`},
		{`path = "README"`, `path = "/etc/passwd"`, `plugin.toml:48: The path "/etc/passwd" is absolute`},
		{`path = "README"`, `path = "a/../../b"`, `plugin.toml:48: The path "a/../../b" leaves the bundle's folder`},
		{`path = "README"`, `path = "a//b"`, `plugin.toml:48: The path "a//b" is no plain name`},
		{`path = "README"`, `path = "a\\b"`, `is no plain name`},
		{`path = "README"`, `path = "a\u0000b"`, `is no plain name`},
		{`path = "README"`, `path = "."`, `is no plain name`},
		{`path = "README"`, `path = "plugin.toml"`, `is the list itself`},
		{`path = "README"`, `path = "bin"`, `"bin" is listed as a file and as a folder`},
		{`path = "README"`, `path = "bin/run"`, `plugin.toml:48: The file "bin/run" is listed twice`},
		{`path = "README"`, `path = "` + strings.Repeat("a", 201) + `"`, `has more than 200 bytes`},
		{`sha256 = "e3b0`, `sha256 = "xxxx`, `plugin.toml:49: The sha256 of "README"`},
		{`protocol = 1`, `protocol = 1 1`, "plugin.toml:4: "},
	} {
		text := strings.Replace(goodBundle, c.from, c.to, 1)
		if text == goodBundle {
			t.Fatalf("%q is not in the bundle", c.from)
		}
		_, err := ParseBundle([]byte(text))
		var problems BundleProblems
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, not %s", c.to, err, c.want)
		}
	}
	if _, err := ParseBundle(make([]byte, maxBundleManifest+1)); err == nil {
		t.Error("a huge one was read")
	}
}

// Several mistakes come at once, in the order of their lines.
func TestParseBundleTellsAll(t *testing.T) {
	_, err := ParseBundle([]byte(strings.NewReplacer(`"1.2.0"`, `""`, `protocol = 1`, `protocol = 3`, `kind = "secret"`, `kind = "x"`).Replace(goodBundle)))
	var problems BundleProblems
	if !errors.As(err, &problems) || len(problems) != 3 || problems[0].Line != 3 || problems[1].Line != 4 || problems[2].Line != 22 {
		t.Errorf("told %v", err)
	}
}

func FuzzParseBundle(f *testing.F) {
	f.Add([]byte(goodBundle))
	f.Add([]byte("[[file]]\n[[file]]\npath=1"))
	f.Add([]byte("a.b.c = 1\n[a]\n[[a.b]]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := ParseBundle(text)
		if err != nil {
			if b != nil {
				t.Error("a bundle came with an error")
			}
			return
		}
		for _, file := range b.Files {
			if !filepath.IsLocal(file.Path) {
				t.Errorf("%q leaves the folder", file.Path)
			}
		}
	})
}

const smallBundle = "id = \"small\"\nname = \"Small\"\nversion = \"1\"\nprotocol = 1\ncommand = { file = \"run\" }\n"

// small makes a bundle of a script.
func small(t *testing.T) (dir string, b *Bundle) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, BundleManifest), smallBundle, 0o600)
	write(t, filepath.Join(dir, "run"), "#!/bin/sh\n", 0o700)
	if err := os.Mkdir(filepath.Join(dir, "lib"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "lib", "words.txt"), "words", 0o600)
	b, err := PackBundle(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, b
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(name, []byte(text), mode), os.Chmod(name, mode)); err != nil {
		t.Fatal(err)
	}
}

func TestPackBundle(t *testing.T) {
	dir, b := small(t)
	read, err := ReadBundle(dir)
	if err != nil || read.Hash != b.Hash || len(read.Files) != 2 || read.Size() != 15 {
		t.Fatalf("read as %+v, %v", read, err)
	}
	text, _ := os.ReadFile(filepath.Join(dir, BundleManifest))
	if !strings.HasPrefix(string(text), smallBundle) {
		t.Errorf("written as\n%s", text)
	}
	// Packing what is packed changes nothing; a changed file changes only its hash, and the bundle's.
	if again, err := PackBundle(dir); err != nil || again.Hash != b.Hash {
		t.Errorf("packed again as %+v, %v", again, err)
	}
	write(t, filepath.Join(dir, "run"), "#!/bin/sh\nexit\n", 0o700)
	if _, err := ReadBundle(dir); err == nil || !strings.Contains(err.Error(), "run is not what plugin.toml says") {
		t.Errorf("a changed file: %v", err)
	}
	again, err := PackBundle(dir)
	if err != nil || again.Hash == b.Hash {
		t.Fatalf("packed as %+v, %v", again, err)
	}
	if _, err := ReadBundle(dir); err != nil {
		t.Error(err)
	}
}

// A tampered bundle is not read as one, and not copied.
func TestTamperedBundles(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"changed file":     {func(dir string) error { return os.WriteFile(filepath.Join(dir, "run"), []byte("x"), 0o700) }, "run is not what plugin.toml says"},
		"missing file":     {func(dir string) error { return os.Remove(filepath.Join(dir, "run")) }, "run: no such file"},
		"unlisted program": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "more"), nil, 0o700) }, "more can be run and is not listed"},
		"link out":         {func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, "passwd")) }, "passwd is a link"},
		"link in a file's place": {func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "run"), filepath.Join(dir, "lib", "run")), os.Symlink("lib/run", filepath.Join(dir, "run")))
		}, "run: is no ordinary file"},
		"folder that is a link": {func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "lib"), filepath.Join(dir, "other")), os.Symlink("other", filepath.Join(dir, "lib")))
		}, "lib/words.txt: is no ordinary file"},
		"pipe":           {func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600) }, "pipe is no ordinary file"},
		"no description": {func(dir string) error { return os.Remove(filepath.Join(dir, BundleManifest)) }, "There is no plugin.toml"},
		"description that is a link": {func(dir string) error {
			name := filepath.Join(dir, BundleManifest)
			return errors.Join(os.Rename(name, name+".real"), os.Symlink(BundleManifest+".real", name))
		}, "plugin.toml: is no ordinary file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, b := small(t)
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadBundle(dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("read with %v", err)
			}
			shelf, err := NewShelf(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := shelf.Keep(dir, b.Hash); err == nil {
				t.Error("it was copied")
			}
			if left, _ := filepath.Glob(filepath.Join(shelf.dir, "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// The copy is what was shown, cannot be written, and is mended when it was damaged.
func TestKeepBundle(t *testing.T) {
	dir, b := small(t)
	shelf, err := NewShelf(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeReadOnly(shelf.dir) })
	if _, err := shelf.Keep(dir, strings.Repeat("0", 64)); core.CodeOf(err) != core.Conflict {
		t.Errorf("another hash than the one shown: %v", err)
	}
	for range 2 {
		if _, err := shelf.Keep(dir, b.Hash); err != nil {
			t.Fatal(err)
		}
		kept, err := shelf.Kept(b.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if err := kept.Check(); err != nil {
			t.Error(err)
		}
		for name, mode := range map[string]os.FileMode{".": 0o500, "lib": 0o500, "run": 0o500, "lib/words.txt": 0o400, BundleManifest: 0o400} {
			if info, err := os.Stat(filepath.Join(kept.Dir, name)); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
		write(t, filepath.Join(kept.Dir, "run"), "#!/bin/sh\nrm -rf /\n", 0o700)
		if err := kept.Check(); err == nil || !strings.Contains(err.Error(), "run was changed after it was approved") {
			t.Errorf("a damaged copy: %v", err)
		}
	}
	shelf.Drop(b.Hash)
	if _, err := shelf.Kept(b.Hash); err == nil {
		t.Error("it is still there")
	}
	shelf.Drop("..") // no hash
	if _, err := os.Stat(shelf.dir); err != nil {
		t.Error(err)
	}
}

func TestIncomingFolder(t *testing.T) {
	shelf, err := NewShelf("/data")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "../x", "/etc", "a/b", `a\b`, "a/.."} {
		if dir, err := shelf.IncomingFolder(name); err == nil {
			t.Errorf("%q leads to %s", name, dir)
		}
	}
	if dir, err := shelf.IncomingFolder("echo-1.0"); err != nil || dir != "/data/plugins/incoming/echo-1.0" {
		t.Errorf("%s, %v", dir, err)
	}
}

// What is said to hold follows from what was asked and what the kernel can.
func TestConfinementIsSaidPlainly(t *testing.T) {
	usual := Permissions{Memory: usualMemory, OpenFiles: usualOpenFiles, FileSize: usualFileSize}
	open := usual
	open.Network, open.Processes = true, true
	clear := usual
	clear.NoTLS = true
	hosts := usual
	hosts.Network, hosts.Hosts = true, []string{"api.example.com", "x.example.com:8443"}
	full := ability{prelude: true, landlock: 7, seccomp: true}
	for _, c := range []struct {
		name          string
		asked         Permissions
		can           ability
		enforced, not []string
	}{
		{"nothing asked", usual, full, []string{"Network: none", "start none", "only its working folder", "Memory: ended above 512 MB"}, []string{"Processor time"}},
		{"all asked", open, full, []string{"on no TCP port"}, []string{"it asked to connect to any host", "Other programs: it asked", "UDP"}},
		{"hosts", hosts, full, []string{"ports 53, 443, 8443 only"}, []string{"Network hosts (api.example.com, x.example.com:8443): the kernel limits ports"}},
		{"no Landlock", usual, ability{prelude: true}, []string{"no_new_privs"}, []string{"no Landlock", "Network: it can connect", "Other programs: it can start them", "Signals: it can"}},
		{"old Landlock", usual, ability{prelude: true, landlock: 3}, []string{"execute none but itself"}, []string{"Network: it can connect", "it can fork", "Signals: it can"}},
		{"no TLS", clear, full, []string{"Connection: without TLS, over sockets in a private folder; only the plugin's own processes"}, []string{"Processor time"}},
		{"no TLS, no Linux", clear, ability{}, []string{"Only the approved files"}, []string{"Connection: without TLS, over sockets in a private folder; this operating system does not tell"}},
		{"no Linux", usual, ability{}, []string{"Only the approved files"}, []string{"no means for it"}},
	} {
		got := confinementUnder(c.asked, c.can)
		for _, want := range c.enforced {
			if !strings.Contains(strings.Join(got.Enforced, "\n"), want) {
				t.Errorf("%s: %q is not among what is enforced: %q", c.name, want, got.Enforced)
			}
		}
		for _, want := range c.not {
			if !strings.Contains(strings.Join(got.NotEnforced, "\n"), want) {
				t.Errorf("%s: %q is not among what is not: %q", c.name, want, got.NotEnforced)
			}
		}
	}
}

func TestDemandedConfinement(t *testing.T) {
	for _, demand := range []bool{false, true} {
		err := mayRun(demand, ability{prelude: true})
		if (err != nil) != demand {
			t.Errorf("demanded %t: %v", demand, err)
		}
	}
	if err := mayRun(true, ability{prelude: true, landlock: 1}); err != nil {
		t.Error(err)
	}
}
