package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/config"
	"github.com/guichet/guichet/core/store"
)

// Operations are the commands that work on a data directory: inside the running server, or on a directory that this
// process has opened. They read words and standard input and write standard output, nothing else.
type Operations struct {
	data   *Data
	auth   *auth.Auth
	editor *Editor
	// reload reads the configuration again; nil when no server is running.
	reload func(context.Context) error
	setup  func() *core.Setup
}

// Operations returns the commands of the running server.
func (a *App) Operations() *Operations {
	return &Operations{
		data: a.data, auth: a.auth, editor: a.editor(), setup: a.desk.Setup,
		reload: func(ctx context.Context) error { return a.source.Reload(ctx, "cli") },
	}
}

// Operations returns the commands of an open data directory without a server.
func (d *Data) Operations() *Operations {
	setup := func() *core.Setup { return d.config.Setup(0) }
	return &Operations{data: d, setup: setup, editor: d.editor(), auth: auth.New(auth.Options{Store: d.store, Setup: setup, People: offlinePeople{d}})}
}

// offlinePeople adds agents to the file; the server applies it when it starts.
type offlinePeople struct{ data *Data }

func (p offlinePeople) Add(ctx context.Context, agent core.Agent) (*core.Agent, error) {
	if _, err := p.data.editor().addAgent(ctx, agent); err != nil {
		return nil, err
	}
	c, problems := config.Load(p.data.configPath, p.data.environment)
	if problems != nil {
		return nil, problems
	}
	p.data.config = c
	added, ok := c.Setup(0).AgentByEmail(agent.Email)
	if !ok {
		return nil, core.Errorf(core.Internal, "%s was added to the configuration but is not in it", agent.Email)
	}
	return added, nil
}

var cliActor = auth.Actor{Agent: "cli", Role: core.Administrator}

// Run carries out one command. The words come parsed: a name and its settings as key=value.
func (o *Operations) Run(ctx context.Context, words []string, in io.Reader, out io.Writer) error {
	if len(words) == 0 {
		return core.Errorf(core.Invalid, "no command")
	}
	args := map[string]string{}
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		args[k] = v
	}
	commands := map[string]func(context.Context, map[string]string, io.Reader, io.Writer) error{
		"user add": o.userAdd, "user passwd": o.userPasswd, "user token": o.userToken, "user list": o.userList,
		"user disable": o.userDisable, "user enable": o.userEnable,
		"config history": o.configHistory, "config diff": o.configDiff, "config reload": o.configReload, "config rollback": o.configRollback, "route explain": o.routeExplain,
		"backup": o.backup, "export": o.export, "import": o.importRecords, "fsck": o.fsck, "plugin approve": o.pluginApprove, "plugin remove": o.pluginRemove, "setup": o.firstAdministrator,
	}
	run, ok := commands[words[0]]
	if !ok {
		return core.Errorf(core.Invalid, "unknown command %q: the running server may be of another version", words[0])
	}
	return run(ctx, args, in, out)
}

func readPassword(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", err
	}
	password := strings.TrimRight(line, "\r\n")
	if password == "" {
		return "", core.Errorf(core.Invalid, "no password came on standard input")
	}
	return password, nil
}

func (o *Operations) userAdd(ctx context.Context, args map[string]string, in io.Reader, out io.Writer) error {
	password, err := readPassword(in)
	if err != nil {
		return err
	}
	agent, err := o.auth.AddPerson(ctx, cliActor, core.Agent{Email: args["email"], Name: args["name"], Role: core.Role(args["role"])}, password)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s can sign in as %s (%s)\n", agent.Email, agent.ID, agent.Role)
	return nil
}

func (o *Operations) agent(email string) (*core.Agent, error) {
	agent, ok := o.setup().AgentByEmail(email)
	if !ok {
		return nil, core.Errorf(core.NotFound, "nobody in the configuration has the e-mail address %q; guichet user list shows who there is", email)
	}
	return agent, nil
}

func (o *Operations) userPasswd(ctx context.Context, args map[string]string, in io.Reader, out io.Writer) error {
	agent, err := o.agent(args["email"])
	if err != nil {
		return err
	}
	password, err := readPassword(in)
	if err != nil {
		return err
	}
	if err := o.auth.SetPassword(ctx, cliActor, agent.ID, password); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s has a new password and is signed out everywhere\n", agent.Email)
	return nil
}

func (o *Operations) userToken(ctx context.Context, args map[string]string, _ io.Reader, out io.Writer) error {
	agent, err := o.agent(args["email"])
	if err != nil {
		return err
	}
	name := args["name"]
	if name == "" {
		name = "command line, " + time.Now().UTC().Format(time.DateOnly)
	}
	var also []auth.Action
	if args["secrets"] == "true" {
		also = append(also, auth.WriteSecrets)
	}
	key, _, err := o.auth.CreateKey(ctx, cliActor, agent.ID, name, also...)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, key)
	return nil
}

func (o *Operations) userList(ctx context.Context, _ map[string]string, _ io.Reader, out io.Writer) error {
	people, err := o.auth.People(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "E-MAIL\tID\tROLE\tNAME\tSIGN-IN")
	for _, p := range people {
		state := "no password yet"
		switch {
		case p.Disabled:
			state = "disabled"
		case p.HasPassword:
			state = "yes"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", p.Agent.Email, p.Agent.ID, p.Agent.Role, p.Agent.Name, state)
	}
	return table.Flush()
}

func (o *Operations) userDisable(ctx context.Context, args map[string]string, _ io.Reader, out io.Writer) error {
	agent, err := o.agent(args["email"])
	if err != nil {
		return err
	}
	if err := o.auth.Disable(ctx, cliActor, agent.ID); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s can no longer sign in, and is signed out everywhere\n", agent.Email)
	return nil
}

func (o *Operations) userEnable(ctx context.Context, args map[string]string, _ io.Reader, out io.Writer) error {
	agent, err := o.agent(args["email"])
	if err != nil {
		return err
	}
	if err := o.auth.Enable(ctx, cliActor, agent.ID); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s can sign in again\n", agent.Email)
	return nil
}

// firstAdministrator prints the one-time token that creates the first administrator.
func (o *Operations) firstAdministrator(ctx context.Context, _ map[string]string, _ io.Reader, out io.Writer) error {
	token, err := o.auth.SetupToken(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, token)
	return nil
}

func (o *Operations) configReload(ctx context.Context, _ map[string]string, _ io.Reader, out io.Writer) error {
	if o.reload == nil {
		return core.Errorf(core.Unavailable, "no server is running: the file is read when it starts")
	}
	if err := o.reload(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "the configuration is in force")
	return nil
}

func (o *Operations) backup(ctx context.Context, args map[string]string, _ io.Reader, out io.Writer) error {
	return o.data.store.WriteBackup(ctx, out, o.data.backupOptions(args["keys"] == "true"))
}

func (o *Operations) export(ctx context.Context, args map[string]string, _ io.Reader, out io.Writer) error {
	return o.data.store.Export(ctx, out, store.ExportOptions{
		Secrets: args["secrets"] == "true", Contents: o.data.blobs, WithContents: args["blobs"] == "true",
	})
}

func (o *Operations) importRecords(ctx context.Context, args map[string]string, in io.Reader, out io.Writer) error {
	if o.reload != nil {
		return core.Errorf(core.Conflict, "a server is running on this data: stop it, import, and start it again")
	}
	n, err := o.data.store.Import(ctx, in, store.ImportOptions{Merge: args["merge"] == "true", Contents: o.data.blobs})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d records were imported\n", n)
	return nil
}

func (o *Operations) fsck(ctx context.Context, args map[string]string, _ io.Reader, out io.Writer) error {
	options := []store.FsckOption{store.WithBlobs(o.data.blobs.Has)}
	if args["repair"] == "true" {
		options = append(options, store.WithRepair())
	}
	found, repaired := 0, 0
	err := o.data.store.Fsck(ctx, func(f store.Finding) {
		found++
		mark := ""
		if f.Repaired {
			repaired++
			mark = " (repaired)"
		}
		if args["json"] == "true" {
			line, _ := json.Marshal(map[string]any{"problem": f.Problem, "text": f.Text, "repaired": f.Repaired}) // strings always marshal
			fmt.Fprintf(out, "%s\n", line)
			return
		}
		fmt.Fprintf(out, "%s: %s%s\n", f.Problem, f.Text, mark)
	}, options...)
	if err != nil {
		return err
	}
	if found > repaired {
		return core.Errorf(core.Conflict, "fsck found %d problem(s), %d of them not repaired", found, found-repaired)
	}
	if args["json"] != "true" {
		fmt.Fprintf(out, "clean: everything agrees (%d repaired)\n", repaired)
	}
	return nil
}
