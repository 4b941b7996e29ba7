package channel

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// directories makes the plugin's socket directory and its working directory. Sockets that a killed process left behind
// go, when empty is true: while another process of the plugin runs, its own are among them.
func directories(data, name string, empty bool) (sockets, work string, err error) {
	if name == "" || strings.ContainsAny(name, `/\.`) {
		return "", "", fmt.Errorf("%q is no name of a plugin", name)
	}
	data, err = filepath.Abs(data)
	if err != nil {
		return "", "", err
	}
	sockets = filepath.Join(data, "run", name)
	// The address of a Unix socket has at most 108 bytes (104 on some systems), of which go-plugin's own names below
	// the directory take up to 42.
	if len(sockets) > 104-42 {
		if sockets, err = shortDirectory(sockets); err != nil {
			return "", "", err
		}
	}
	work = filepath.Join(data, "plugins", name)
	if empty {
		err = os.RemoveAll(sockets)
	}
	if err == nil {
		if err = os.MkdirAll(sockets, 0o700); err == nil {
			err = os.MkdirAll(work, 0o700)
		}
	}
	if err != nil {
		return "", "", fmt.Errorf("make the plugin's directories: %w", err)
	}
	return sockets, work, nil
}

// shortDirectory stands for a directory whose path is too long for sockets: one in the temporary directory, private to
// this user, whose name follows from the path.
func shortDirectory(long string) (string, error) {
	parent := filepath.Join(os.TempDir(), fmt.Sprintf("guichet-%d", os.Getuid()))
	if err := os.Mkdir(parent, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	// Somebody else might have made it: a plugin's socket must not lie in a stranger's directory.
	info, err := os.Lstat(parent)
	if err != nil {
		return "", err
	}
	if !info.IsDir() || info.Mode().Perm() != 0o700 || !ownedByUs(info) {
		return "", fmt.Errorf("%s is not a private directory of this user", parent)
	}
	sum := sha256.Sum256([]byte(long))
	return filepath.Join(parent, fmt.Sprintf("%x", sum[:6])), nil
}
