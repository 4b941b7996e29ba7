package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/guichet/guichet/plugins/sdk/console"
)

func pluginRunFlags(c *call) {
	noTLSFlag(c)
	c.flags.String("settings", "", "a JSON `FILE` with the account's settings (default: what is required is asked for)")
	c.flags.String("public-url", "", "the `URL` at which the provider reaches this machine, through a tunnel perhaps")
	c.flags.StringVar(&c.listen, "listen", "", "the `ADDRESS` to take the provider's requests on (default: a free port of this machine)")
}

// pluginRun plays with a plugin.
func pluginRun(ctx context.Context, c *call) error {
	program, err := c.executable()
	if err != nil {
		return err
	}
	o := console.Options{Program: program, Listen: c.listen, PublicURL: c.value("public-url"), In: c.program.In, Out: c.program.Out}
	if file := c.value("settings"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &o.Settings); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return console.Run(ctx, o)
}
