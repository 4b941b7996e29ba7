package sdktest

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
)

// T is what a requirement reports to while it is proved: a *testing.T inside go test, the command's report outside.
type T interface {
	Helper()
	Cleanup(func())
	Context() context.Context
	Error(...any)
	Errorf(string, ...any)
	Fatal(...any)
	Fatalf(string, ...any)
	// Skip ends the requirement: it could not be proved.
	Skip(...any)
	// Logf notes what of the requirement could not be proved, and what is worth knowing though it breaks nothing.
	Logf(string, ...any)
}

// State is what came of a requirement.
type State string

// The states. What could not be looked at has not passed.
const (
	Passed    State = "passed"
	Failed    State = "failed"
	NotTested State = "not-tested"
)

// Result is what came of one requirement.
type Result struct {
	Requirement string `json:"requirement"` // stable, kebab-case
	Sentence    string `json:"sentence"`    // what the contract says
	State       State  `json:"state"`
	// Failures tell what was done and what came back; Remedy, what to do about it. Notes tell what was not tested.
	Failures []string `json:"failures,omitempty"`
	Remedy   string   `json:"remedy,omitempty"`
	Notes    []string `json:"notes,omitempty"`
}

// recorder is a T outside of go test.
type recorder struct {
	mu       sync.Mutex
	ctx      context.Context
	failures []string
	notes    []string
	skipped  bool
	cleanups []func()
}

// record runs f, which reports to the recorder, with a deadline of its own, and then what it has to clean up.
func record(ctx context.Context, f func(T)) *recorder {
	ctx, cancel := context.WithCancel(ctx)
	r := &recorder{ctx: ctx}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.add(fmt.Sprintf("the suite itself failed: %v\n%s", p, debug.Stack()))
			}
		}()
		f(r)
	}()
	<-done
	cancel()
	for len(r.cleanups) > 0 {
		last := r.cleanups[len(r.cleanups)-1]
		r.cleanups = r.cleanups[:len(r.cleanups)-1]
		last()
	}
	return r
}

func (r *recorder) add(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, strings.TrimSpace(text))
}

func (r *recorder) Helper()                    {}
func (r *recorder) Context() context.Context   { return r.ctx }
func (r *recorder) Cleanup(f func())           { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Error(args ...any)          { r.add(fmt.Sprintln(args...)) }
func (r *recorder) Errorf(f string, a ...any)  { r.add(fmt.Sprintf(f, a...)) }
func (r *recorder) Fatal(args ...any)          { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(f string, a ...any)  { r.Errorf(f, a...); runtime.Goexit() }
func (r *recorder) Logf(f string, args ...any) { r.note(fmt.Sprintf(f, args...)) }

func (r *recorder) Skip(args ...any) {
	r.note(fmt.Sprint(args...))
	r.skipped = true
	runtime.Goexit()
}

func (r *recorder) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, strings.TrimSpace(text))
}

// result is what came of a requirement.
func (r *recorder) result(of requirement) Result {
	out := Result{Requirement: of.name, Sentence: of.sentence, State: Passed, Failures: r.failures, Notes: r.notes}
	switch {
	case len(r.failures) > 0:
		out.State, out.Remedy = Failed, of.remedy
	case r.skipped:
		out.State = NotTested
	}
	return out
}
