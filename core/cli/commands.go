package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
)

// command is one row of the command table.
type command struct {
	name        string
	words       string // its arguments, for people
	help        string
	least, most int // arguments
	flags       func(*call)
	run         func(context.Context, *call) error
}

// commands is every command. Two-word names come before the one-word names they begin with.
var commands []command

func init() {
	commands = []command{
		{name: "serve", help: "Runs Guichet. This is what guichet does without a command.", flags: serveFlags, run: serve},
		{name: "config check", words: "[FILE]", most: 1, help: "Checks a configuration and prints every problem with its place and remedy.", run: configCheck},
		{name: "config example", help: "Prints a configuration with every setting explained.", run: configExample},
		{name: "config history", help: "Lists the versions of the configuration that were in force.", run: simple("config history")},
		{name: "config diff", words: "[VERSION]", most: 1, help: "Shows what has changed since a version (the last one in force), up to the file as it is now.", run: configDiff},
		{name: "config rollback", words: "VERSION", least: 1, most: 1, help: "Puts a version of the configuration back, as an edit of the file that is checked like any other.", run: configRollback},
		{name: "config reload", help: "Makes the running server read its configuration again, as SIGHUP does.", run: simple("config reload")},
		{name: "user add", words: "EMAIL", least: 1, most: 1, help: "Lets a person sign in. Somebody new is added to the configuration; for somebody known only the password is set.", flags: userAddFlags, run: userAdd},
		{name: "user token", words: "EMAIL", least: 1, most: 1, help: "Makes an API key for a person and prints it, once.", flags: userTokenFlags, run: userToken},
		{name: "user list", help: "Lists the people.", run: simple("user list")},
		{name: "user passwd", words: "EMAIL", least: 1, most: 1, help: "Sets a person's password and signs them out everywhere.", flags: passwordFlags, run: userPasswd},
		{name: "user disable", words: "EMAIL", least: 1, most: 1, help: "Keeps a person from signing in.", run: withEmail("user disable")},
		{name: "user enable", words: "EMAIL", least: 1, most: 1, help: "Lets a disabled person sign in again.", run: withEmail("user enable")},
		{name: "plugin list", help: "Lists the channels that can be run: this program's own, and those of third parties that are approved.", run: pluginList},
		{name: "plugin approve", words: "DIR", least: 1, most: 1, help: "Shows a third party's channel without running it, and approves what was shown. A running server uses it at once.", flags: pluginApproveFlags, run: pluginApprove},
		{name: "plugin remove", words: "NAME", least: 1, most: 1, help: "Takes the approval of a channel back. Refused while accounts use it.", run: pluginRemove},
		{name: "plugin pack", words: "DIR", least: 1, most: 1, help: "Writes the list of a bundle's files, with their hashes, into its plugin.toml.", run: pluginPack},
		{name: "plugin new", words: "NAME", least: 1, most: 1, help: "Writes a channel plugin to begin with, which builds and passes its own test.", flags: pluginNewFlags, run: pluginNew},
		{name: "plugin run", words: "BIN [ARGUMENT …]", least: 1, most: 100, help: "Plays customer, agent and provider with a plugin, without a server.", flags: pluginRunFlags, run: pluginRun},
		{name: "plugin test", words: "BIN [ARGUMENT …]", least: 1, most: 100, help: "Puts a plugin, in any language, through the conformance suite and reports each requirement.", flags: pluginTestFlags, run: pluginTest},
		{name: "route explain", words: "CONVERSATION", least: 1, most: 1, help: "Tells why a conversation went where it went.", run: routeExplain},
		{name: "backup", words: "FILE", least: 1, most: 1, help: "Writes a backup while the server runs, and reads it back to check it.", flags: backupFlags, run: backup},
		{name: "restore", words: "FILE", least: 1, most: 1, help: "Unpacks a backup into an empty data directory.", run: restore},
		{name: "export", help: "Prints every record as JSON Lines.", flags: exportFlags, run: export},
		{name: "import", help: "Reads what export printed, from standard input, into an empty data directory.", flags: importFlags, run: importRecords},
		{name: "fsck", help: "Compares every index with its records and checks that nothing is missing.", flags: fsckFlags, run: fsck},
		{name: "version", help: "Prints the version.", run: version},
	}
}

// split takes the command's name off the words. No name, or a flag first, means serve.
func split(args []string) (name, rest []string) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		if len(args) > 0 && (args[0] == "-h" || args[0] == "-help" || args[0] == "--help") {
			return []string{"help"}, nil
		}
		return []string{"serve"}, args
	}
	if len(args) > 1 {
		if _, ok := find(args[:2]); ok {
			return args[:2], args[2:]
		}
	}
	return args[:1], args[1:]
}

func find(name []string) (command, bool) {
	joined := strings.Join(name, " ")
	if joined == "help" {
		return command{name: "help", run: func(_ context.Context, c *call) error {
			fmt.Fprint(c.program.Out, usage())
			return nil
		}}, true
	}
	for _, c := range commands {
		if c.name == joined {
			return c, true
		}
	}
	return command{}, false
}

func usage() string {
	var b strings.Builder
	b.WriteString("Guichet answers your customers on every channel from one place.\n\nCommands:\n")
	table := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, c := range commands {
		fmt.Fprintf(table, "  guichet %s %s\t%s\n", c.name, c.words, c.help)
	}
	_ = table.Flush() // writing to memory does not fail
	b.WriteString("\nEvery command takes --config FILE and --data DIR; guichet COMMAND --help lists its flags.\n")
	return b.String()
}

// simple runs a command that has neither arguments nor flags of its own.
func simple(name string) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error { return c.operate(ctx, nil, c.program.Out, name) }
}

func withEmail(name string) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		return c.operate(ctx, nil, c.program.Out, name, "email="+c.args[0])
	}
}
