package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/guichet/guichet/core/app"
)

func serveFlags(c *call) {
	c.flags.StringVar(&c.listen, "listen", "", "the `ADDRESS` to serve on (default: the configuration's, else 127.0.0.1:8080)")
	c.flags.StringVar(&c.uiDev, "ui-dev", "", "for those who develop the faces: the `URL` of a Vite server on this machine that serves them instead")
}

// serve runs the server until it is told to stop.
func serve(ctx context.Context, c *call) error {
	server, err := app.Start(ctx, c.options())
	if err != nil && ctx.Err() != nil {
		return nil // told to stop while it was starting
	}
	if err != nil {
		return err
	}
	defer server.Stop()
	fmt.Fprintf(c.program.Out, "Guichet %s is ready at %s (data in %s)\n", c.program.Version, server.URL(), server.DataDir())
	link, err := server.SetupLink(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	if link != "" {
		fmt.Fprintf(c.program.Out, "  Begin here: this link creates the first administrator, once.\n    %s\n", link)
		fmt.Fprintf(c.program.Out, "  The workspace, from then on:\n    %s\n", server.WorkspaceURL())
		if demo := server.DemoURL(); demo != "" {
			fmt.Fprintf(c.program.Out, "  A demo shop with your web chat, to write to yourself:\n    %s\n", demo)
		}
	}
	<-ctx.Done()
	fmt.Fprintln(c.program.Out, "Stopping: requests and messages under way are finished first.")
	return nil
}

func configCheck(_ context.Context, c *call) error {
	o := c.options()
	_, path, _ := app.Locate(o)
	if len(c.args) > 0 {
		path = c.args[0]
	}
	if problems := app.CheckConfig(path, o); problems != nil {
		return problems
	}
	fmt.Fprintf(c.program.Out, "%s is good\n", path)
	return nil
}

func configExample(_ context.Context, c *call) error {
	_, err := io.WriteString(c.program.Out, app.ExampleConfig())
	return err
}

func configDiff(ctx context.Context, c *call) error {
	version := ""
	if len(c.args) > 0 {
		version = c.args[0]
	}
	return c.operate(ctx, nil, c.program.Out, "config diff", "version="+version)
}

func configRollback(ctx context.Context, c *call) error {
	return c.operate(ctx, nil, c.program.Out, "config rollback", "version="+c.args[0])
}

func routeExplain(ctx context.Context, c *call) error {
	return c.operate(ctx, nil, c.program.Out, "route explain", "conversation="+c.args[0])
}

func passwordFlags(c *call) {
	c.flags.Bool("password-stdin", false, "read the password from the first line of standard input")
}

func userAddFlags(c *call) {
	passwordFlags(c)
	c.flags.String("name", "", "the person's `NAME` as customers see it")
	c.flags.String("role", "", "administrator, supervisor or agent")
}

func (c *call) value(flag string) string { return c.flags.Lookup(flag).Value.String() }

var errPassword = errors.New("give the password on standard input with --password-stdin, so that it is in no command line")

func userAdd(ctx context.Context, c *call) error {
	if c.value("password-stdin") != "true" {
		return errPassword
	}
	return c.operate(ctx, c.program.In, c.program.Out, "user add", "email="+c.args[0], "name="+c.value("name"), "role="+c.value("role"))
}

func userPasswd(ctx context.Context, c *call) error {
	if c.value("password-stdin") != "true" {
		return errPassword
	}
	return c.operate(ctx, c.program.In, c.program.Out, "user passwd", "email="+c.args[0])
}

func userTokenFlags(c *call) {
	c.flags.Bool("secrets", false, "let the key write secrets of the configuration, where the person may")
}

func userToken(ctx context.Context, c *call) error {
	return c.operate(ctx, nil, c.program.Out, "user token", "email="+c.args[0], "secrets="+c.value("secrets"))
}

func backupFlags(c *call) {
	c.flags.Bool("with-keys", false, "take the keys along, which open the sealed secrets in it. With or without them a backup holds guichet.toml as it is, literal secrets included: keep it as safe as that file")
}

// backup lets the server stream a backup, keeps it under a temporary name, checks it, and only then gives it its name.
func backup(ctx context.Context, c *call) (err error) {
	path := c.args[0]
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone after the rename
	defer f.Close()           //nolint:errcheck // closed below; this is for the failures
	if err := c.operate(ctx, nil, f, "backup", "keys="+c.value("with-keys")); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	leftOut, err := app.VerifyBackup(ctx, f)
	if err != nil {
		return fmt.Errorf("the backup was written but cannot be read back: %w", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return err
	}
	if len(leftOut) > 0 {
		fmt.Fprintf(c.program.Out, "%s was read back; something is not in it:\n", path)
		printLeftOut(c, leftOut)
		return nil
	}
	fmt.Fprintf(c.program.Out, "%s is complete and was read back\n", path)
	return nil
}

// printLeftOut says what a backup lacks.
func printLeftOut(c *call, leftOut []string) {
	for _, text := range leftOut {
		fmt.Fprintf(c.program.Out, "  %s\n", text)
	}
}

// syncDir makes a new name durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func restore(ctx context.Context, c *call) error {
	dir, _, _ := app.Locate(c.options())
	info, err := app.Restore(ctx, c.args[0], dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.program.Out, "%s was restored into %s\n", c.args[0], dir)
	printLeftOut(c, info.LeftOut)
	return nil
}

func exportFlags(c *call) {
	c.flags.Bool("with-secrets", false, "also password hashes, API key hashes, sign-ins and the state of plugins")
	c.flags.Bool("with-blobs", false, "also the content of attachments")
}

func export(ctx context.Context, c *call) error {
	return c.operate(ctx, nil, c.program.Out, "export", "secrets="+c.value("with-secrets"), "blobs="+c.value("with-blobs"))
}

func importFlags(c *call) {
	c.flags.Bool("merge", false, "allow a data directory that has records; those with the same identity are replaced")
}

func importRecords(ctx context.Context, c *call) error {
	return c.operate(ctx, c.program.In, c.program.Out, "import", "merge="+c.value("merge"))
}

func fsckFlags(c *call) {
	c.flags.Bool("repair", false, "write the indexes anew where they are wrong; records are never touched")
	c.flags.Bool("json", false, "print findings as JSON Lines")
}

func fsck(ctx context.Context, c *call) error {
	return c.operate(ctx, nil, c.program.Out, "fsck", "repair="+c.value("repair"), "json="+c.value("json"))
}

func version(_ context.Context, c *call) error {
	_, err := fmt.Fprintf(c.program.Out, "guichet %s, commit %s, schema %d, protocol %d\n", c.program.Version, commit(), app.Schema, app.Protocol)
	return err
}

// commit is the revision that the program was built from, where the build knows it.
func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}
