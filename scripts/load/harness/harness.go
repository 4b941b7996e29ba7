// Package harness runs the real Guichet beside a fake LINE, for load programs and end-to-end tests: it builds the
// binary, writes a configuration, starts, stops and kills the server, finds its plugin processes, and speaks to its
// API. It knows the product only from outside, by the names that are contracts: commands, settings, HTTP.
//
// Start reading at [Desk], which ties a server, a fake LINE and people together; server.go is the process, api.go the
// client, config.go the configuration that is written.
package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Root is the module's folder.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// Build compiles the binary into a folder and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "guichet")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	cmd.Dir = Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build guichet: %w\n%s", err, out)
	}
	return binary, nil
}

// TempDir makes a folder with a short path, because the sockets in it have addresses of limited length.
func TempDir() (string, error) {
	dir, err := os.MkdirTemp("", "guichet-")
	if err != nil {
		return "", fmt.Errorf("make a temporary folder: %w", err)
	}
	return dir, nil
}
