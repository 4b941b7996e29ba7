package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/scripts/load/harness"
)

// webhook measures the flow of inbound messages into existing conversations, beside the bare path: 64 connections, one
// connection, memory before and after, and the start on the store that this leaves.
func (b *bench) webhook(ctx context.Context) error {
	const secret = "5ec3e75ec3e75ec3e75ec3e75ec3e750"
	d, err := harness.Open(ctx, harness.Options{
		Binary: b.binary, Config: harness.Config{Agents: 1}, Line: linetest.Options{KeepPerUser: -1, ChannelSecret: secret},
	})
	if err != nil {
		return err
	}
	defer d.Close()
	say("making %d conversations", existing)
	people := customers(d, existing)
	if err := populate(ctx, d, people); err != nil {
		return err
	}
	if b.wants("memory") {
		if err := b.idle(ctx, d); err != nil {
			return err
		}
	}
	if b.wants("webhook") || b.wants("single") || b.wants("memory") {
		if err := b.compare(ctx, d, people, secret); err != nil {
			return err
		}
	}
	if b.wants("start") {
		return b.start(ctx, d)
	}
	return nil
}

// rest is how long a server is left alone before it is seen what it has given back.
const rest = 30 * time.Second

// idle notes the memory of a server that was just started on an existing store and has nothing to do.
func (b *bench) idle(ctx context.Context, d *harness.Desk) error {
	if err := d.Stop(); err != nil {
		return err
	}
	if err := d.Start(ctx); err != nil {
		return err
	}
	time.Sleep(5 * time.Second) // what the start needs is given back by the runtime meanwhile
	return b.memory(ctx, d, "memory (PSS, all processes), idle, one plugin", "idle", 90e6)
}

// memory notes what the server and its plugins take now.
func (b *bench) memory(ctx context.Context, d *harness.Desk, what, name string, budget int64) error {
	server, plugins, err := d.Memory()
	if err != nil {
		return err
	}
	sum := server.Total + plugins.Total
	b.table.add(what, mb(sum), fmt.Sprintf("server %s (%s allocated, %s mapped from files), plugins %s",
		mb(server.Total), mb(server.Anon), mb(server.File), mb(plugins.Total)), "< "+mb(budget), sum < budget)
	if b.profile == "" {
		return nil
	}
	if err := os.MkdirAll(b.profile, 0o755); err != nil {
		return err
	}
	file := filepath.Join(b.profile, name+".heap")
	b.table.note("heap of the server, %s: %s", name, file)
	return fetchProfile(ctx, d.Server, file, "heap")
}

// compare runs the same load through Guichet and through the bare path, in turn.
func (b *bench) compare(ctx context.Context, d *harness.Desk, people []*linetest.Customer, secret string) error {
	raw, err := json.Marshal(people[0].Text(text(1)))
	if err != nil {
		return err
	}
	w, err := written(ctx, raw)
	if err != nil {
		return err
	}
	b.table.note("for a message the desk writes %d keys, %d deletions and %d events, %d bytes; the bare path writes as many bytes in 7 keys",
		w.Keys, w.Deletes, w.Events, w.Bytes)
	dir, err := harness.TempDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // in the system's temporary folder
	floor, err := startBare(dir, secret, w.Bytes)
	if err != nil {
		return err
	}
	defer func() {
		if err := floor.stop(); err != nil {
			say("the bare path: %v", err)
		}
	}()
	if b.wants("webhook") || b.wants("memory") {
		if err := b.many(ctx, d, people, floor); err != nil {
			return err
		}
	}
	if b.wants("single") {
		return b.single(ctx, d, people, floor)
	}
	return nil
}

// pair is a load on Guichet and the same on the bare path.
type pair struct{ ours, bare result }

// both runs a load on each.
func (b *bench) both(ctx context.Context, d *harness.Desk, people []*linetest.Customer, floor *bare, connections, perSecond int) ([]pair, error) {
	seconds := int(b.length / time.Second)
	var list []pair
	for n := range b.runs {
		requests := messages(d.Line, people, d.Address(), perSecond*seconds)
		var p pair
		var err error
		if p.bare, err = send(ctx, floor.address, requests, connections, b.length); err != nil {
			return nil, fmt.Errorf("bare path: %w", err)
		}
		before, err := d.CPU()
		if err != nil {
			return nil, err
		}
		if p.ours, err = send(ctx, d.Address(), requests, connections, b.length); err != nil {
			return nil, err
		}
		after, err := d.CPU()
		if err != nil {
			return nil, err
		}
		if p.ours.failed+p.bare.failed > 0 {
			return nil, fmt.Errorf("%d answers of ours and %d of the bare path were not 200\n%s", p.ours.failed, p.bare.failed, d.Log(10))
		}
		say("%d connections, run %d: %.0f/s (p50 %s, p99 %s, %.2f cores), bare path %.0f/s (p50 %s, p99 %s)", connections, n+1,
			p.ours.perSecond(), ms(quantile(p.ours.sorted, 0.5)), ms(quantile(p.ours.sorted, 0.99)), (after-before).Seconds()/p.ours.length.Seconds(),
			p.bare.perSecond(), ms(quantile(p.bare.sorted, 0.5)), ms(quantile(p.bare.sorted, 0.99)))
		list = append(list, p)
	}
	return list, nil
}

// over is the median of something over all runs.
func over[T float64 | time.Duration](list []pair, of func(pair) T) T {
	var values []T
	for _, p := range list {
		values = append(values, of(p))
	}
	return median(values)
}

func (b *bench) many(ctx context.Context, d *harness.Desk, people []*linetest.Customer, floor *bare) error {
	list, err := b.both(ctx, d, people, floor, connections, perSecond)
	if err != nil {
		return err
	}
	if b.wants("memory") {
		if err := b.memory(ctx, d, "the same after the load", "loaded", 200e6); err != nil {
			return err
		}
		// Badger keeps what it compacts with for a few seconds.
		time.Sleep(rest)
		if err := b.memory(ctx, d, fmt.Sprintf("the same %s later", rest), "rested", 200e6); err != nil {
			return err
		}
	}
	ours := over(list, func(p pair) float64 { return p.ours.perSecond() })
	bare := over(list, func(p pair) float64 { return p.bare.perSecond() })
	ratio := over(list, func(p pair) float64 { return p.ours.perSecond() / p.bare.perSecond() })
	p99 := over(list, func(p pair) time.Duration { return quantile(p.ours.sorted, 0.99) })
	if b.wants("webhook") {
		b.table.add(fmt.Sprintf("LINE webhook → plugin → durable → 200, %d connections", connections),
			fmt.Sprintf("%.0f/s, p99 %s", ours, ms(p99)),
			fmt.Sprintf("bare path %.0f/s, p99 %s; ratio %.2f", bare, ms(over(list, func(p pair) time.Duration { return quantile(p.bare.sorted, 0.99) })), ratio),
			"≥ 5,000/s, ≥ 0.5 × floor, p99 < 25 ms", ours >= 5000 && ratio >= 0.5 && p99 < 25*time.Millisecond)
	}
	if b.profile == "" {
		return nil
	}
	requests := messages(d.Line, people, d.Address(), perSecond*int(b.length/time.Second))
	return b.profiled(ctx, d.Server, "webhook", func() error {
		_, err := send(ctx, d.Address(), requests, connections, b.length)
		return err
	})
}

func (b *bench) single(ctx context.Context, d *harness.Desk, people []*linetest.Customer, floor *bare) error {
	list, err := b.both(ctx, d, people, floor, 1, 3000)
	if err != nil {
		return err
	}
	p50 := over(list, func(p pair) time.Duration { return quantile(p.ours.sorted, 0.5) })
	bare := over(list, func(p pair) time.Duration { return quantile(p.bare.sorted, 0.5) })
	b.table.add("the same, one connection", "p50 "+ms(p50), "bare path p50 "+ms(bare), "p50 < 2 ms", p50 < 2*time.Millisecond)
	return nil
}

// start measures how long it takes from the start of the process until it is ready.
func (b *bench) start(ctx context.Context, d *harness.Desk) error {
	var graceful, killed []time.Duration
	for range b.runs {
		for _, end := range []struct {
			times *[]time.Duration
			by    func() error
		}{
			{&graceful, d.Stop},
			{&killed, func() error { d.Kill(); return nil }},
		} {
			if err := end.by(); err != nil {
				return err
			}
			began := time.Now()
			if err := d.Start(ctx); err != nil {
				return err
			}
			*end.times = append(*end.times, time.Since(began))
		}
	}
	b.table.add("start to ready on an existing store, one plugin", ms(median(graceful)), "–", "< 300 ms", median(graceful) < 300*time.Millisecond)
	b.table.add("the same after SIGKILL", ms(median(killed)), "–", "", true)
	return nil
}

// profiled runs a load while the server's CPU profile is taken, and notes where the time goes.
func (b *bench) profiled(ctx context.Context, s *harness.Server, name string, load func() error) error {
	if err := os.MkdirAll(b.profile, 0o755); err != nil {
		return err
	}
	file := filepath.Join(b.profile, name+".pprof")
	seconds := max(1, int(b.length/time.Second)-1)
	taken := make(chan error, 1)
	go func() { taken <- fetchProfile(ctx, s, file, fmt.Sprintf("profile?seconds=%d", seconds)) }()
	if err := load(); err != nil {
		return err
	}
	if err := <-taken; err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	top, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-cum", "-nodecount=60", b.binary, file).Output()
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	say("profile of the server in %s\n%s", file, top)
	b.table.note("CPU profile of the server under the %s load: %s", name, file)
	return nil
}

// fetchProfile saves a profile that the server serves on its control socket.
func fetchProfile(ctx context.Context, s *harness.Server, file, profile string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://control/debug/pprof/"+profile, nil)
	if err != nil {
		return err
	}
	res, err := s.Control().Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the control socket answered %s", res.Status)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, res.Body); err != nil {
		_ = out.Close() // the copy's error says more
		return err
	}
	return out.Close()
}
