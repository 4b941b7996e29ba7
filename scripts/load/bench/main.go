// Command bench measures what Guichet's design sets budgets for, each beside the floor that it is compared with in the
// same run, and prints one table: medians of three. It measures; it is no test and never fails because of a figure.
//
// Start reading at run; load.go makes and sends the webhooks, the other files hold one measurement each, table.go the
// print.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"time"

	"github.com/guichet/guichet/scripts/load/barepath"
	"github.com/guichet/guichet/scripts/load/harness"
)

// bench is one run of the command.
type bench struct {
	binary  string
	runs    int
	length  time.Duration // of one run of a load
	profile string        // folder, "" for none
	only    map[string]bool
	table   table
}

func main() {
	debug.SetGCPercent(400) // the generator shares the cores with what it measures
	switch {
	case len(os.Args) == 2 && os.Args[1] == "bare-plugin":
		barepath.ServePlugin()
		return
	case len(os.Args) > 1 && os.Args[1] == "bare-server":
		if err := serveBare(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	b := &bench{only: map[string]bool{}}
	only := flag.String("only", "", "names, separated by commas: "+strings.Join(names(), ", "))
	seconds := flag.Int("seconds", 5, "length of one run of a load")
	flag.IntVar(&b.runs, "runs", 3, "runs of which the median counts")
	flag.StringVar(&b.binary, "binary", "", "the guichet binary; built when not given")
	flag.StringVar(&b.profile, "profile", "", "a folder for CPU profiles of the server under load")
	flag.Parse()
	b.length = time.Duration(*seconds) * time.Second
	for name := range strings.SplitSeq(*only, ",") {
		if name != "" {
			b.only[name] = true
		}
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	err := b.run(ctx)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measurements in the order in which they run. Those of one entry share a desk.
var measurements = []struct {
	names []string
	run   func(*bench, context.Context) error
}{
	{[]string{"webhook", "single", "memory", "start"}, (*bench).webhook},
	{[]string{"new"}, (*bench).newConversations},
	{[]string{"socket"}, (*bench).socket},
	{[]string{"inbox"}, (*bench).inbox},
	{[]string{"visitors"}, (*bench).visitors},
	{[]string{"workspace"}, (*bench).workspace},
}

func names() []string {
	var list []string
	for _, m := range measurements {
		list = append(list, m.names...)
	}
	return list
}

// wants reports whether a measurement was asked for.
func (b *bench) wants(name string) bool { return len(b.only) == 0 || b.only[name] }

func (b *bench) run(ctx context.Context) error {
	for name := range b.only {
		if !strings.Contains(" "+strings.Join(names(), " ")+" ", " "+name+" ") {
			return fmt.Errorf("there is no measurement %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	dir, err := harness.TempDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // in the system's temporary folder
	if b.binary == "" {
		if b.binary, err = harness.Build(ctx, dir); err != nil {
			return err
		}
	}
	b.table.begin()
	for _, m := range measurements {
		for _, name := range m.names {
			if !b.wants(name) {
				continue
			}
			if err := m.run(b, ctx); err != nil {
				b.table.print()
				return fmt.Errorf("%s: %w", strings.Join(m.names, ", "), err)
			}
			break
		}
	}
	b.table.print()
	return nil
}

// say prints what is being done, beside the table.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
