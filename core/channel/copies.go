package channel

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/guichet/guichet/core/store"
)

// Files are the files of the kept bundle with a hash, plugin.toml among them, for a backup. All are checked before they are
// listed, and again while they are copied.
func (s *Shelf) Files(hash string) ([]store.PluginFile, error) {
	dir := s.Folder(hash)
	if raw, err := hex.DecodeString(hash); err != nil || len(raw) != 32 {
		return nil, fmt.Errorf("%q is no hash of a bundle", hash)
	}
	if info, err := os.Lstat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder", dir)
	}
	kept, err := s.Kept(hash)
	if err != nil {
		return nil, err
	}
	if err := kept.Check(); err != nil {
		return nil, err
	}
	files := make([]store.PluginFile, 0, len(kept.Files)+1)
	for _, f := range append([]BundleFile{{Path: BundleManifest, SHA256: hash}}, kept.Files...) {
		files = append(files, store.PluginFile{Path: f.Path, Executable: f.Executable, Write: func(w io.Writer) error {
			return kept.write(f, w)
		}})
	}
	return files, nil
}

// write copies a file to w and says when it is not the one that was approved.
func (k *KeptBundle) write(f BundleFile, w io.Writer) error {
	root, err := os.OpenRoot(k.Dir)
	if err != nil {
		return fmt.Errorf("the approved copy is not there: %w", plainCause(err))
	}
	defer func() { _ = root.Close() }() // it was only read
	sum, _, err := hashFile(root, f.Path, w)
	if err == nil && sum != f.SHA256 {
		err = fmt.Errorf("the file %s was changed after it was approved", f.Path)
	}
	return err
}
