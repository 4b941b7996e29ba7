package live

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hashicorp/go-hclog"
)

// frontDoor is a desk that is told who is connected, and cannot store it for some time.
type frontDoor struct {
	start    time.Time
	fullFor  time.Duration
	attempts []time.Duration
	stored   []string
}

func (d *frontDoor) record(what string) func(context.Context, string) error {
	return func(_ context.Context, agent string) error {
		now := time.Since(d.start)
		d.attempts = append(d.attempts, now)
		if now < d.fullFor {
			return errors.New("the disk is full")
		}
		d.stored = append(d.stored, agent+" "+what)
		return nil
	}
}

func (d *frontDoor) presence() *presence {
	d.start = time.Now()
	return newPresence(d.record("came"), d.record("went"), hclog.NewNullLogger())
}

func TestAnAgentWhoLeftIsReportedOnceThereIsSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &frontDoor{}
		p := d.presence()
		defer p.close()
		p.change(t.Context(), "ada", 1)
		d.start, d.fullFor, d.attempts = time.Now(), 20*time.Second, nil
		p.change(t.Context(), "ada", -1)
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"ada came", "ada went"}, d.stored); diff != "" {
			t.Error(diff)
		}
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 31 * time.Second}
		if diff := cmp.Diff(want, d.attempts); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOnlyTheTruthIsReportedInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &frontDoor{fullFor: 2 * time.Second}
		p := d.presence()
		defer p.close()
		p.change(t.Context(), "ada", 1)
		p.change(t.Context(), "ada", -1) // gone again before anything could be stored
		p.change(t.Context(), "ben", 1)
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"ben came"}, d.stored); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPausesBetweenReportsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &frontDoor{fullFor: time.Hour}
		p := d.presence()
		p.change(t.Context(), "ada", 1)
		time.Sleep(10 * time.Minute)
		p.close() // and a stop does not wait for space
		last := d.attempts[len(d.attempts)-1] - d.attempts[len(d.attempts)-2]
		if last != presenceLongestPause || len(d.stored) != 0 {
			t.Errorf("the last pause was %s; stored %v", last, d.stored)
		}
		attempts := len(d.attempts)
		time.Sleep(10 * time.Minute)
		if len(d.attempts) != attempts {
			t.Error("it is reported after the stop")
		}
	})
}
