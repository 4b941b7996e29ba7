package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/guichet/guichet/scripts/load/harness"
)

// fault is what goes wrong in a wave.
type fault int

const (
	calm     fault = iota
	killLine       // its plugin
	killChat
	killServer
)

// recoverLimit is how long a killed part may take to come back: a plugin that was killed five times waits 8 s.
const recoverLimit = 30 * time.Second

// schedule spreads the kills: the plugin's over the lives of the server, which forgets at its own start how often a
// plugin has ended. A plugin that ends six times in one life is given up for a quarter of an hour, which is right and
// would make the run long; so there are at most five. LINE's plugin and the web chat's die in turns.
func (s *soak) schedule() []fault {
	lives := s.plan.serverKills + 1
	share := make([]int, lives)
	for i := range s.plan.pluginKills {
		share[i%lives]++
	}
	s.random.Shuffle(lives, func(i, j int) { share[i], share[j] = share[j], share[i] })
	var faults []fault
	kills := 0
	for life, n := range share {
		for range n {
			faults = append(faults, []fault{killLine, killChat}[kills%2])
			kills++
		}
		if life < lives-1 {
			faults = append(faults, killServer)
		}
	}
	return faults
}

// play waits until so many messages of the wave are acknowledged and others are in flight, and kills.
func (s *soak) play(ctx context.Context, f fault, t *traffic, at int64) error {
	if f == calm {
		return nil
	}
	through, plugin := &t.line, "line"
	if f == killChat {
		through, plugin = &t.chat, "webchat"
	}
	for through.done.Load() < at || through.inFlight.Load() == 0 {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if through.done.Load() < at {
			time.Sleep(100 * time.Microsecond)
		} else {
			runtime.Gosched()
		}
	}
	inFlight := through.inFlight.Load()
	if f == killServer {
		return s.killServer(ctx, inFlight+t.chat.inFlight.Load())
	}
	pid, err := s.desk.PluginNamed(plugin)
	if err == nil && pid != 0 {
		err = s.desk.KillPluginNamed(plugin)
	}
	if err != nil || pid == 0 {
		return fmt.Errorf("there was no plugin %s to kill: %w\n%s", plugin, err, s.desk.Log(20))
	}
	killed := time.Now()
	s.ledger.pluginKills++
	s.ledger.inFlight += inFlight
	if err := s.awaitPlugin(ctx, plugin, pid); err != nil {
		return err
	}
	s.log("plugin %s killed with %d messages in flight, back after %s", plugin, inFlight, time.Since(killed).Round(time.Millisecond))
	return nil
}

// awaitPlugin waits until another process of a plugin runs.
func (s *soak) awaitPlugin(ctx context.Context, name string, former int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, recoverLimit, fmt.Errorf("the plugin %s was not back within %s", name, recoverLimit))
	defer cancel()
	for {
		pid, err := s.desk.PluginNamed(name)
		if err != nil {
			return err
		}
		if pid != 0 && pid != former {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w\n%s", context.Cause(ctx), s.desk.Log(20))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// killServer kills the server, checks that its plugins go with it, and starts it again.
func (s *soak) killServer(ctx context.Context, inFlight int64) error {
	plugins, err := s.desk.Plugins()
	if err != nil {
		return err
	}
	killed := time.Now()
	s.desk.Kill()
	s.ledger.serverKills++
	s.ledger.inFlight += inFlight
	if err := s.desk.Start(ctx); err != nil {
		return err
	}
	s.log("server killed with %d requests in flight, ready after %s", inFlight, time.Since(killed).Round(time.Millisecond))
	deadline := time.Now().Add(10 * time.Second)
	for _, pid := range plugins {
		for harness.Alive(pid) {
			if time.Now().After(deadline) {
				return fmt.Errorf("plugin process %d lives 10 s after its host was killed", pid)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	return nil
}
