package channel

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A plugin may be a script: its interpreter is allowed, and finds what lies beside the script, although the script is read
// by its descriptor.
func TestScriptAsPlugin(t *testing.T) {
	if abilities().landlock == 0 {
		t.Skip("this kernel has no Landlock")
	}
	for interpreter, c := range map[string]struct{ text, want string }{
		"/bin/sh":          {"#!/bin/sh\nread -r line < \"$1\" && echo \"$line\"\nread -r line < /etc/passwd || echo \"kept out\"\n", "beside\nkept out\n"},
		"/usr/bin/python3": {"#!/usr/bin/python3\nimport sys, ssl, socket, threading\nimport beside\nthreading.Thread(target=lambda: print(beside.word)).start()\n", "beside\n"},
	} {
		t.Run(filepath.Base(interpreter), func(t *testing.T) {
			if _, err := os.Stat(interpreter); err != nil {
				t.Skip(err)
			}
			bundle, work := t.TempDir(), t.TempDir()
			write(t, filepath.Join(bundle, "beside.py"), "word = 'beside'\n", 0o400)
			write(t, filepath.Join(bundle, "beside"), "beside\n", 0o400)
			write(t, filepath.Join(bundle, "run"), c.text, 0o500)
			spec, err := json.Marshal(preludeSpec{
				Path: filepath.Join(bundle, "run"), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(c.text))), Args: []string{filepath.Join(bundle, "beside")},
				Bundle: bundle, Work: work, Sockets: work, Allowed: Permissions{Memory: usualMemory, OpenFiles: usualOpenFiles, FileSize: usualFileSize},
			})
			if err != nil {
				t.Fatal(err)
			}
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(self, PreludeCommand, string(spec))
			var errors strings.Builder
			cmd.Stderr = &errors
			out, err := cmd.Output()
			if err != nil || string(out) != c.want {
				t.Errorf("%q, %v\n%s", out, err, errors.String())
			}
		})
	}
}
