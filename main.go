// Guichet answers a small business's customers on every messaging channel from one place. See README.md.
package main

import (
	"context"
	"os"

	"github.com/guichet/guichet/core/cli"
	"github.com/guichet/guichet/plugins"
	"github.com/guichet/guichet/ui"
)

// version is set by the linker for releases.
var version = "0.1.0"

func main() {
	// The server runs its own channels as `guichet plugin NAME`: first of all, before anything else is set up.
	if len(os.Args) == 3 && os.Args[1] == "plugin" && plugins.Serve(os.Args[2]) {
		return
	}
	os.Exit(cli.Main(context.Background(), cli.Program{
		Args: os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Plugins: plugins.Names(), Builtin: plugins.Manifest, Version: version, UI: ui.Dist(),
	}))
}
