package channel

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ReadBundle reads the bundle in a folder and checks every file, without running anything. What is wrong with the bundle
// is a BundleProblems.
func ReadBundle(dir string) (*Bundle, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	defer func() { _ = root.Close() }()
	b, err := readManifest(root)
	if err != nil {
		return nil, err
	}
	problems := unlisted(root, b)
	for i := range b.Files {
		f := &b.Files[i]
		sum, size, err := hashFile(root, f.Path, io.Discard)
		switch {
		case err != nil:
			problems = append(problems, BundleProblem{Text: fmt.Sprintf("%s: %v.", f.Path, err)})
		case sum != f.SHA256:
			problems = append(problems, BundleProblem{Text: fmt.Sprintf("%s is not what %s says: its sha256 is %s.", f.Path, BundleManifest, sum)})
		}
		f.Size = size
	}
	if total := b.Size(); total > maxBundleBytes {
		problems = append(problems, BundleProblem{Text: fmt.Sprintf("The files have more than %s together.", sizeText(maxBundleBytes))})
	}
	if problems != nil {
		return nil, problems
	}
	return b, nil
}

// Size is the bytes of all files.
func (b *Bundle) Size() (total int64) {
	for _, f := range b.Files {
		total += f.Size
	}
	return total
}

func readManifest(root *os.Root) (*Bundle, error) {
	f, err := openPlain(root, BundleManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, BundleProblems{{Text: "There is no " + BundleManifest + "."}}
	}
	if err != nil {
		return nil, BundleProblems{{Text: fmt.Sprintf("%s: %v.", BundleManifest, err)}}
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxBundleManifest+1))
	if err != nil {
		return nil, err
	}
	return ParseBundle(text)
}

// errNotPlain says that something is no ordinary file.
var errNotPlain = errors.New("is no ordinary file")

// openPlain opens an ordinary file below root: not through a symbolic link, no device, no pipe.
func openPlain(root *os.Root, name string) (*os.File, error) {
	// Each folder on the way too: os.Root follows links that stay inside.
	for i, c := range name + "/" {
		if c != '/' {
			continue
		}
		info, err := root.Lstat(name[:i])
		if err != nil {
			return nil, plainCause(err)
		}
		if last := i == len(name); last && !info.Mode().IsRegular() || !last && !info.IsDir() {
			return nil, errNotPlain
		}
	}
	f, err := root.OpenFile(name, os.O_RDONLY|openNonblocking, 0)
	if err != nil {
		return nil, plainCause(err)
	}
	info, err := f.Stat() // of what was opened: it may have been exchanged since it was looked at
	if err == nil && !info.Mode().IsRegular() {
		err = errNotPlain
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// plainCause drops the path that file errors repeat.
func plainCause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// hashFile copies a file's content to w and returns its SHA-256 in hex.
func hashFile(root *os.Root, name string, w io.Writer) (sum string, size int64, err error) {
	f, err := openPlain(root, name)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(h, w), io.LimitReader(f, maxBundleFile+1))
	if err == nil && size > maxBundleFile {
		err = fmt.Errorf("is larger than %s", sizeText(maxBundleFile))
	}
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// unlisted finds what lies in a bundle's folder and should not: links, devices, and programs that the list does not name.
// Other files that are not listed are left alone, and behind.
func unlisted(root *os.Root, b *Bundle) (problems BundleProblems) {
	listed := map[string]bool{}
	for _, f := range b.Files {
		listed[f.Path] = true
	}
	seen := 0
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if seen++; seen > 10*maxBundleFiles {
			return errors.New("the folder holds too many files")
		}
		if name != "." && strings.HasPrefix(d.Name(), ".") && !listed[name] && d.IsDir() {
			return fs.SkipDir // version control and the like; it is not copied either
		}
		if d.IsDir() || listed[name] {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch mode := info.Mode(); {
		case mode&fs.ModeSymlink != 0:
			problems = append(problems, BundleProblem{Text: fmt.Sprintf("%s is a link: a bundle holds what it needs itself.", name)})
		case !mode.IsRegular():
			problems = append(problems, BundleProblem{Text: fmt.Sprintf("%s is no ordinary file.", name)})
		case mode.Perm()&0o111 != 0:
			problems = append(problems, BundleProblem{Text: fmt.Sprintf("%s can be run and is not listed in %s; guichet plugin pack lists it.", name, BundleManifest)})
		}
		return nil
	})
	if err != nil {
		problems = append(problems, BundleProblem{Text: sentence(err.Error())})
	}
	return problems
}

// PackBundle writes the list of a bundle's files with their hashes into its plugin.toml, in the place of the former list;
// everything else stays as it is written. Every ordinary file of the folder is part of the bundle, hidden ones aside. It
// returns the bundle as it is then.
func PackBundle(dir string) (*Bundle, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	defer func() { _ = root.Close() }()
	former, err := root.ReadFile(BundleManifest)
	if err != nil {
		return nil, fmt.Errorf("read the bundle's description: %w", err)
	}
	var list bytes.Buffer
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || name == BundleManifest:
			return nil
		}
		sum, _, err := hashFile(root, name, io.Discard)
		if err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "\n[[file]]\npath = %q\nsha256 = %q\n", name, sum)
		if info.Mode().Perm()&0o111 != 0 {
			list.WriteString("executable = true\n")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	text := append(withoutFiles(former), list.Bytes()...)
	b, err := ParseBundle(text)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(text, former) {
		return b, nil
	}
	return b, replaceFile(filepath.Join(dir, BundleManifest), text, 0o644)
}

// withoutFiles takes the [[file]] tables out of a plugin.toml.
func withoutFiles(text []byte) []byte {
	var kept []string
	in := false
	for _, line := range strings.SplitAfter(string(text), "\n") {
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "[") {
			in = strings.TrimSpace(strings.SplitN(trimmed, "#", 2)[0]) == "[[file]]"
		}
		if !in {
			kept = append(kept, line)
		}
	}
	return append(bytes.TrimRight([]byte(strings.Join(kept, "")), "\n"), '\n')
}

// replaceFile writes a file whole or not at all, durably.
func replaceFile(name string, text []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone after the rename
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// hashOf reads an open file from its beginning and returns its SHA-256 in hex.
func hashOf(f *os.File) (string, error) {
	h := sha256.New()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	_, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}
