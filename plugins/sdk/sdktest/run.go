package sdktest

import (
	"context"
	"errors"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk"
)

var errNoHost = errors.New("sdktest: the connection for the host's services could not be offered")

// Option adapts the suite to a plugin.
type Option func(*suite)

// Settings are those of the accounts that the suite opens; keys that are not given get a sample that fits their kind.
func Settings(settings map[string]any) Option {
	return func(s *suite) { maps.Copy(s.settings, settings) }
}

// Genuine names a request as the provider sends it, with at least one event in it, to be given to an account that was
// opened with the suite's settings. A signature that the manifest's Verification describes is added.
func Genuine(name string, r *channelv1.HTTPRequest) Option {
	return func(s *suite) { s.genuine[name] = r }
}

// Forged names a request that must be refused, where neither the manifest's Verification nor a secret in a genuine request
// lets the suite forge one.
func Forged(name string, r *channelv1.HTTPRequest) Option {
	return func(s *suite) { s.forged[name] = r }
}

// Unknown names a request like those of Genuine with an event of a type that the plugin does not know.
func Unknown(name string, r *channelv1.HTTPRequest) Option {
	return func(s *suite) { s.unknown[name] = r }
}

// servedVariable names the test in which a test program is to serve its plugin instead of proving it.
const servedVariable = "GUICHET_SDKTEST_SERVES"

// Run puts a plugin through the conformance suite, the same that `guichet plugin test` runs. What can be proved in this
// process is; for the rest the test program is started again, as a plugin: it runs this test up to here and then serves.
//
// It makes no network call of its own. It calls Send and FetchMedia only where Sends and Holds say with what.
func Run[S any](t *testing.T, p sdk.Plugin[S], options ...Option) {
	if os.Getenv(servedVariable) == t.Name() {
		sdk.Serve(p)
		os.Exit(0) // not as a test, which would say so on standard output
	}
	s := newSuite(options)
	s.subject.here = func(t T, host *Host) *Plugin { return start(t.(testing.TB), p, host) }
	s.subject.program = again(t)
	for _, r := range requirements {
		t.Run(r.name, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("the contract: %s\nwhat to do: %s", r.sentence, r.remedy)
				}
			}()
			s.prove(r, t)
		})
	}
}

// again is this test program, to be started as the plugin that the test t proves.
func again(t *testing.T) Program {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd() // the test reads its files before it serves
	if err != nil {
		t.Fatal(err)
	}
	var pattern []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(part)+"$")
	}
	return Program{
		Path: self, Args: []string{"-test.run=" + strings.Join(pattern, "/")}, Dir: here, Env: []string{servedVariable + "=" + t.Name()},
	}
}

// Prove puts an executable through the suite and calls each with the result of each requirement as it is known. It reports
// whether none failed.
func Prove(ctx context.Context, program Program, each func(Result), options ...Option) bool {
	s := newSuite(options)
	s.subject.program = program
	good, started := true, true
	for i, r := range requirements {
		if !started {
			each(Result{Requirement: r.name, Sentence: r.sentence, State: NotTested, Notes: []string{"it could not be started"}})
			continue
		}
		result := record(ctx, func(t T) { s.prove(r, t) }).result(r)
		if result.State == Failed {
			good = false
			// Without a handshake each of the others would fail alike.
			started = i > 0 || s.startable(ctx)
		}
		each(result)
	}
	return good
}

func (s *suite) startable(ctx context.Context) bool {
	l, err := Launch(ctx, s.subject.program)
	if err != nil {
		return false
	}
	l.End()
	return true
}
