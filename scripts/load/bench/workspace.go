package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/scripts/load/harness"
)

const (
	workspaceOpen  = 50000 // conversations
	workspaceMine  = 500   // of them, one agent's
	changesASecond = 20
	longTask       = 50 * time.Millisecond
	stayEvery      = 20 * time.Second
)

// traced is what ui/browser/trace writes about one person.
type traced struct {
	Who       string         `json:"who"`
	Shown     float64        `json:"shown"` // ms
	Loading   []tracedTask   `json:"loading"`
	LongTasks []tracedTask   `json:"longTasks"`
	Observed  int            `json:"observed"`
	Tasks     int            `json:"tasks"`
	Frames    []float64      `json:"frames"` // ms
	Heap      int64          `json:"heap"`
	Rows      int            `json:"rows"`
	Done      map[string]int `json:"done"`
}

type tracedTask struct {
	At       float64  `json:"at"`
	Wall     float64  `json:"wall"`
	CPU      float64  `json:"cpu"`
	During   string   `json:"during"`
	BusyWith []string `json:"busyWith"`
}

// workspace measures the workspace in Chromium, at the hands of an agent with many conversations and of somebody who
// sees all, while customers write. The faces are those that are built into the binary.
func (b *bench) workspace(ctx context.Context) error {
	d, err := harness.Open(ctx, harness.Options{
		Binary: b.binary, Line: linetest.Options{KeepPerUser: -1},
		Config: harness.Config{Agents: 1, AgentCapacity: workspaceMine, People: []harness.Person{harness.Supervisor}},
	})
	if err != nil {
		return err
	}
	defer d.Close()
	agent, err := d.Join(ctx, harness.AgentID(1))
	if err != nil {
		return err
	}
	if _, err := d.Join(ctx, harness.Supervisor.ID); err != nil {
		return err
	}
	people := customers(d, workspaceOpen)
	if err := agent.SetPresence(ctx, "available"); err != nil {
		return err
	}
	say("making %d conversations, %d of them the agent's", workspaceOpen, workspaceMine)
	if err := populate(ctx, d, people[:workspaceMine]); err != nil {
		return err
	}
	if err := acceptAll(ctx, agent, workspaceMine); err != nil {
		return err
	}
	writing, stop := context.WithCancel(ctx)
	defer stop()
	stayed := make(chan error, 1)
	go func() { stayed <- stay(writing, agent) }()
	if err := populate(ctx, d, people[workspaceMine:]); err != nil {
		return err
	}
	written := make(chan error, 1)
	go func() { written <- keepWriting(writing, d, people) }()
	figures, err := b.trace(ctx, d)
	stop()
	if err := errors.Join(err, <-written, <-stayed); err != nil {
		return err
	}
	for i := range figures {
		b.showTraced(&figures[i])
	}
	return nil
}

// acceptAll takes whatever rings until the agent has so many conversations.
func acceptAll(ctx context.Context, agent *harness.Client, n int) error {
	ctx, cancel := context.WithTimeout(ctx, offerLimit)
	defer cancel()
	for n > 0 {
		offers, err := agent.Offers(ctx)
		if err != nil {
			return err
		}
		for _, o := range offers {
			if err := agent.Accept(ctx, o.ID); err != nil {
				return err
			}
			n--
		}
		if len(offers) == 0 {
			select {
			case <-ctx.Done():
				return fmt.Errorf("%d conversations do not ring: %w", n, ctx.Err())
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	return nil
}

// stay calls from time to time: an agent whose page is not open, and who says nothing, loses the conversations to others.
func stay(ctx context.Context, agent *harness.Client) error {
	tick := time.NewTicker(stayEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if _, err := agent.Presence(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// keepWriting has customers write: every second message is to the agent, the others go anywhere.
func keepWriting(ctx context.Context, d *harness.Desk, people []*linetest.Customer) error {
	tick := time.NewTicker(time.Second / changesASecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		c := people[rand.IntN(len(people))]
		if n%2 == 0 {
			c = people[rand.IntN(workspaceMine)]
		}
		if _, err := d.Line.Deliver(ctx, d.CallbackURL(), c.Text(text(n))); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// trace runs the browser.
func (b *bench) trace(ctx context.Context, d *harness.Desk) ([]traced, error) {
	dir, err := harness.TempDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // in the system's temporary folder
	out := filepath.Join(dir, "figures.json")
	type person struct {
		ID    string   `json:"id"`
		Email string   `json:"email"`
		Views []string `json:"views"`
	}
	given, err := json.Marshal(map[string]any{
		"url": d.URL(), "out": out, "seconds": int(chatLasts * b.length / time.Second),
		"people": []person{
			{harness.Supervisor.ID, harness.Email(harness.Supervisor.ID), []string{"all", "waiting"}},
			{harness.AgentID(1), harness.Email(harness.AgentID(1)), []string{"mine", "waiting"}},
		},
	})
	if err != nil {
		return nil, err
	}
	ui := filepath.Join(harness.Root(), "ui")
	vitest := filepath.Join(ui, "node_modules", ".bin", "vitest")
	if _, err := os.Stat(vitest); err != nil {
		return nil, fmt.Errorf("the packages of the faces are missing; run scripts/build-ui --packages: %w", err)
	}
	cmd := exec.CommandContext(ctx, vitest, "run", "--config", filepath.Join("browser", "trace", "vitest.config.ts"))
	cmd.Dir = ui
	cmd.Env = append(os.Environ(), "GUICHET_TRACE="+string(given))
	if printed, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the browser's trace: %w\n%s", err, printed)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	var figures []traced
	if err := json.Unmarshal(raw, &figures); err != nil {
		return nil, fmt.Errorf("the browser's figures: %w", err)
	}
	return figures, nil
}

// showTraced adds what was seen at one person to the table, and says what each long task was.
func (b *bench) showTraced(t *traced) {
	at := fmt.Sprintf("workspace of %s at %d open conversations, %d changes/s", t.Who, workspaceOpen, changesASecond)
	longest := func(tasks []tracedTask) (wall, cpu float64) {
		for _, task := range tasks {
			wall, cpu = max(wall, task.Wall), max(cpu, task.CPU)
		}
		return wall, cpu
	}
	wall, cpu := longest(t.Loading)
	b.table.add(at+": first rows on the screen", fmt.Sprintf("%.0f ms", t.Shown),
		fmt.Sprintf("%d long tasks until then, the longest %.0f ms (%.0f ms of processor)", len(t.Loading), wall, cpu), "", true)
	own := 0 // those that are long by their own work, not because others had the core
	for _, task := range t.LongTasks {
		if task.CPU >= float64(longTask/time.Millisecond) {
			own++
		}
	}
	wall, cpu = longest(t.LongTasks)
	b.table.add(at+": tasks above 50 ms", strconv.Itoa(len(t.LongTasks)),
		fmt.Sprintf("of %d tasks; the longest %.0f ms, by processor time %.0f ms; %d are above 50 ms by processor time alone", t.Tasks, wall, cpu, own),
		"none", len(t.LongTasks) == 0)
	slices.Sort(t.Frames)
	frame := func(q float64) float64 {
		if len(t.Frames) == 0 {
			return 0
		}
		return t.Frames[min(len(t.Frames)-1, int(q*float64(len(t.Frames))))]
	}
	b.table.add(at+": frames while scrolling", fmt.Sprintf("p50 %.0f ms, p99 %.0f ms", frame(0.5), frame(0.99)),
		fmt.Sprintf("%d frames, up to %d rows in the list", len(t.Frames), t.Rows), "", true)
	b.table.add(at+": heap of the page", mb(t.Heap), "–", "", true)
	for _, task := range append(slices.Clone(t.Loading), t.LongTasks...) {
		say("  %s at %.1f s: %.0f ms (%.0f ms of processor): %s", task.During, task.At/1000, task.Wall, task.CPU, strings.Join(task.BusyWith, "; "))
	}
}
