package channel

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// incomingFolder is where bundles lie that the admin center offers for approval.
const incomingFolder = "incoming"

// Shelf is the place of third-party plugins in a data directory. Bundles that were approved lie in folders named by their
// hash, read-only; only those are ever run.
type Shelf struct{ dir string }

// NewShelf returns the shelf of a data directory.
func NewShelf(data string) (*Shelf, error) {
	data, err := filepath.Abs(data)
	return &Shelf{dir: filepath.Join(data, "plugins")}, err
}

// Folder is where the bundle with a hash lies, once it is kept.
func (s *Shelf) Folder(hash string) string { return filepath.Join(s.dir, hash) }

// Incoming is the folder in which bundles are offered to the admin center.
func (s *Shelf) Incoming() string { return filepath.Join(s.dir, incomingFolder) }

// IncomingFolder is one folder of Incoming, by its bare name.
func (s *Shelf) IncomingFolder(name string) (string, error) {
	if !fs.ValidPath(name) || name == "." || path.Base(name) != name || strings.ContainsRune(name, '\\') {
		return "", core.FieldErrorf("path", "%q is no folder of %s", name, s.Incoming())
	}
	return filepath.Join(s.Incoming(), name), nil
}

// Keep copies a bundle to its place. What is copied is what has the hash: plugin.toml is read once, and every file must be
// as it says while it is copied. A bundle that is kept already is checked, and copied again where it was damaged.
func (s *Shelf) Keep(dir, hash string) (*Bundle, error) {
	from, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	defer func() { _ = from.Close() }()
	b, err := readManifest(from)
	if err != nil {
		return nil, err
	}
	if b.Hash != hash {
		return nil, core.Errorf(core.Conflict, "the bundle has changed since it was shown: its hash is now %s", b.Hash)
	}
	if problems := unlisted(from, b); problems != nil {
		return nil, problems
	}
	if kept, err := s.Kept(hash); err == nil && kept.Check() == nil {
		return kept.Bundle, nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	temporary, err := os.MkdirTemp(s.dir, ".keeping-*")
	if err != nil {
		return nil, err
	}
	defer removeReadOnly(temporary)
	if err := copyBundle(from, temporary, b); err != nil {
		return nil, err
	}
	place := s.Folder(hash)
	removeReadOnly(place) // a damaged one
	if err := os.Rename(temporary, place); err != nil {
		return nil, fmt.Errorf("keep the bundle: %w", err)
	}
	return b, syncFolder(s.dir)
}

func copyBundle(from *os.Root, to string, b *Bundle) error {
	var folders []string
	for i := range b.Files {
		f := &b.Files[i]
		name := filepath.Join(to, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		for dir := filepath.Dir(name); dir != to; dir = filepath.Dir(dir) {
			folders = append(folders, dir)
		}
		mode := fs.FileMode(0o400)
		if f.Executable {
			mode = 0o500
		}
		err := writeFile(name, mode, func(w io.Writer) error {
			sum, size, err := hashFile(from, f.Path, w)
			f.Size = size
			if err == nil && sum != f.SHA256 {
				err = core.Errorf(core.Conflict, "%s is not what %s says: its sha256 is %s", f.Path, BundleManifest, sum)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("copy %s: %w", f.Path, err)
		}
	}
	err := writeFile(filepath.Join(to, BundleManifest), 0o400, func(w io.Writer) error {
		_, err := w.Write(b.text)
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(folders)
	folders = slices.Compact(folders)
	slices.Reverse(folders) // inner ones first
	for _, dir := range append(folders, to) {
		if err := errors.Join(syncFolder(dir), os.Chmod(dir, 0o500)); err != nil { //nolint:gosec // a folder that is entered
			return err
		}
	}
	return nil
}

func writeFile(name string, mode fs.FileMode, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Chmod(mode), f.Sync(), f.Close())
}

// removeReadOnly removes a folder whose parts cannot be written.
func removeReadOnly(dir string) {
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(name, 0o700) //nolint:gosec // a folder that is removed
		}
		return err
	})
	_ = os.RemoveAll(dir) // what stays is looked at again at the next start
}

// Drop removes a kept bundle.
func (s *Shelf) Drop(hash string) {
	if raw, err := hex.DecodeString(hash); err == nil && len(raw) == 32 {
		removeReadOnly(s.Folder(hash))
	}
}

// KeptBundle is a bundle in its place.
type KeptBundle struct {
	*Bundle
	Dir string
}

// Kept reads the description of the bundle with a hash. Its files are not looked at, see Check.
func (s *Shelf) Kept(hash string) (*KeptBundle, error) {
	dir := s.Folder(hash)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("the approved copy is not there: %w", plainCause(err))
	}
	defer func() { _ = root.Close() }()
	b, err := readManifest(root)
	if err != nil {
		return nil, err
	}
	if b.Hash != hash {
		return nil, fmt.Errorf("%s is not the one that was approved", filepath.Join(dir, BundleManifest))
	}
	return &KeptBundle{b, dir}, nil
}

// Check reads every file of a kept bundle and says which is not as it was approved.
func (k *KeptBundle) Check() error {
	root, err := os.OpenRoot(k.Dir)
	if err != nil {
		return fmt.Errorf("the approved copy is not there: %w", plainCause(err))
	}
	defer func() { _ = root.Close() }()
	if manifest, err := readManifest(root); err != nil || manifest.Hash != k.Hash {
		return fmt.Errorf("%s is not the one that was approved", BundleManifest)
	}
	for _, f := range k.Files {
		sum, _, err := hashFile(root, f.Path, io.Discard)
		if err != nil {
			return fmt.Errorf("the approved file %s: %w", f.Path, err)
		}
		if sum != f.SHA256 {
			return fmt.Errorf("the file %s was changed after it was approved: it is not run. Approve the bundle again to restore it", f.Path)
		}
	}
	if problems := unlisted(root, k.Bundle); problems != nil {
		return problems
	}
	return nil
}

// Schema is the settings schema that plugin.toml promises.
func (b *Bundle) Schema() core.PluginSchema { return schemaOf(b.Manifest) }

// agrees says in what a plugin describes itself otherwise than the plugin.toml that was approved; nil when in nothing.
func (b *Bundle) agrees(m *channelv1.Manifest) error {
	said := b.Manifest
	differ := func(field, approved, described string) error {
		return fmt.Errorf("it is not what was approved: %s is %s in %s, and %s as the plugin describes itself", field, approved, BundleManifest, described)
	}
	for _, f := range []struct{ field, approved, described string }{
		{"id", said.GetId(), m.GetId()}, {"version", said.GetVersion(), m.GetVersion()},
		{"requires_consent", fmt.Sprint(said.GetRequiresConsent()), fmt.Sprint(m.GetRequiresConsent())},
		{"services", sorted(said.GetServices()), sorted(m.GetServices())},
	} {
		if f.approved != f.described {
			return differ(f.field, fmt.Sprintf("%q", f.approved), fmt.Sprintf("%q", f.described))
		}
	}
	for _, form := range []struct {
		name            string
		said, described []*channelv1.Setting
	}{{"setting", said.GetSettings(), m.GetSettings()}, {"address", said.GetAddress(), m.GetAddress()}} {
		approved := byKey(form.said)
		for key, s := range byKey(form.described) {
			a := approved[key]
			if a == nil {
				return differ(form.name+" "+key, "missing", "a "+s.GetKind())
			}
			for _, f := range []struct{ field, approved, described string }{
				{"kind", a.GetKind(), s.GetKind()},
				{"secret", fmt.Sprint(a.GetSecret()), fmt.Sprint(s.GetSecret())},
				{"required", fmt.Sprint(a.GetRequired()), fmt.Sprint(s.GetRequired())},
				{"test", fmt.Sprint(a.GetTestOnly()), fmt.Sprint(s.GetTestOnly())},
				{"exclusive", fmt.Sprint(a.GetExclusive()), fmt.Sprint(s.GetExclusive())},
			} {
				if f.approved != f.described {
					return differ(fmt.Sprintf("%s of %s %s", f.field, form.name, key), f.approved, f.described)
				}
			}
			delete(approved, key)
		}
		for key, a := range approved {
			return differ(form.name+" "+key, "a "+a.GetKind(), "missing")
		}
	}
	return nil
}

func sorted(list []string) string {
	list = slices.Clone(list)
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func byKey(settings []*channelv1.Setting) map[string]*channelv1.Setting {
	m := make(map[string]*channelv1.Setting, len(settings))
	for _, s := range settings {
		m[s.GetKey()] = s
	}
	return m
}

// Encode is the description as a ManifestCache keeps it.
func (b *Bundle) Encode() ([]byte, error) { return proto.Marshal(b.Manifest) }
