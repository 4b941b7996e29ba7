package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/guichet/guichet/core"
)

func TestAFullHistoryIsSaidAndMadeUpFor(t *testing.T) {
	full := core.Errorf(core.StorageFull, "The disk is full.")
	said := func(s *Source, revision string) {
		t.Helper()
		p := s.Problems()
		if len(p) != 1 || p[0].Message != "Version "+revision+" of the configuration is in force, but it could not be kept in the history: The disk is full." {
			t.Errorf("banner %v", p)
		}
	}
	kept := func(d *desk, want ...string) {
		t.Helper()
		var got []string
		for _, v := range d.history.versions {
			got = append(got, fmt.Sprintf("%d %s", v.Revision, v.Who))
		}
		if !slices.Equal(got, want) {
			t.Errorf("kept %q, want %q", got, want)
		}
	}
	d := newDesk(t)
	d.write(queueText("a"))
	s := d.source(false)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.history.fail(full)
	d.write(queueText("a", "b"))
	if err := s.Reload(t.Context(), "ada"); err == nil {
		t.Error("nothing was said")
	}
	d.inForce("a b", 1, 2)
	said(s, "2")
	// Again, and the same text: it is still not kept, and says so.
	if err := s.Reload(t.Context(), "ben"); err == nil {
		t.Error("nothing was said the second time")
	}
	said(s, "2")
	kept(d, "1 start")
	// The former text is a version of its own: number 1 is no longer what holds.
	d.write(queueText("a"))
	if err := s.Reload(t.Context(), "cem"); err == nil {
		t.Error("nothing was said the third time")
	}
	d.inForce("a", 1, 2, 3)
	said(s, "3")

	d.history.fail(nil)
	if err := s.Reload(t.Context(), "dan"); err != nil || s.Problems() != nil {
		t.Errorf("with room: %v", err)
	}
	kept(d, "1 start", "2 ada", "3 cem")
	d.inForce("a", 1, 2, 3)
	if last := d.history.versions[2]; last.Hash != d.history.versions[0].Hash || last.Hash == d.history.versions[1].Hash {
		t.Errorf("kept %+v", d.history.versions)
	}
}

// TestHistoryIsMadeUpForWhileTheFileIsFollowed: nobody needs to ask.
func TestHistoryIsMadeUpForWhileTheFileIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.history.fail(errors.New("disk full"))
		s := d.source(false)
		if err := s.Start(t.Context()); err != nil {
			t.Fatalf("the desk can run without its history: %v", err)
		}
		d.inForce("general", 1)
		if p := s.Problems(); len(p) != 1 || !strings.Contains(p[0].Message, "history: disk full.") {
			t.Errorf("banner %v", p)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx, nil) }()
		time.Sleep(5*pollEvery + pollEvery/2)
		synctest.Wait()
		if len(d.reported) != 1 || len(s.Problems()) != 1 {
			t.Errorf("reported %v", d.reported)
		}
		d.history.fail(nil)
		time.Sleep(pollEvery)
		synctest.Wait()
		if len(d.history.versions) != 1 || s.Problems() != nil || len(d.reported) != 2 {
			t.Errorf("kept %d versions, banner %v", len(d.history.versions), s.Problems())
		}
		d.inForce("general", 1)

		// A file that is bad by then stays the problem.
		d.history.fail(errors.New("disk full"))
		d.write(queueText("a"))
		time.Sleep(3 * pollEvery)
		synctest.Wait()
		d.write("[[queue]]\nid = 5\n")
		time.Sleep(3 * pollEvery)
		synctest.Wait()
		d.history.fail(nil)
		time.Sleep(2 * pollEvery)
		synctest.Wait()
		if p := s.Problems(); len(d.history.versions) != 2 || len(p) != 1 || p[0].Line != 2 {
			t.Errorf("kept %d versions, banner %v", len(d.history.versions), p)
		}
		cancel()
		<-done
	})
}
