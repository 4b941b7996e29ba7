package config

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// unkept is a version that is, or was, in force and is not in the history yet.
type unkept struct {
	config   *Config
	revision int
	who      string
	when     time.Time
}

// notKeptError says that a version is in force all the same.
type notKeptError struct {
	revision int
	err      error
}

func (e *notKeptError) Error() string {
	return fmt.Sprintf("Version %d of the configuration is in force, but it could not be kept in the history: %s.", e.revision, strings.TrimSuffix(plain(e.err), "."))
}

func (e *notKeptError) Unwrap() error { return e.err }

// newest returns the newest version that was applied, kept or not. Of one that is not, only revision and hash are set.
func (s *Source) newest(ctx context.Context) (v Version, found bool, err error) {
	if n := len(s.unkept); n > 0 {
		u := s.unkept[n-1]
		return Version{Revision: u.revision, Hash: u.config.hash(s.options.History.FingerprintKey())}, true, nil
	}
	v, found, err = s.options.History.LastApplied(ctx)
	if err != nil {
		return v, found, fmt.Errorf("find the last applied configuration: %w", err)
	}
	return v, found, nil
}

// keep saves what is not in the history yet, in order. Its error is a *notKeptError about the version in force.
func (s *Source) keep(ctx context.Context) error {
	for len(s.unkept) > 0 {
		u := s.unkept[0]
		v, err := u.config.version(s.options.History, u.revision, u.who, u.when)
		if err == nil {
			err = s.options.History.SaveApplied(ctx, v)
		}
		if err != nil {
			return &notKeptError{s.unkept[len(s.unkept)-1].revision, err}
		}
		s.unkept = s.unkept[1:]
	}
	return nil
}

// keepLate saves what could not be saved before, and takes back what was reported about it. It does not repeat the
// report each time that it fails.
func (s *Source) keepLate(ctx context.Context) {
	s.applying.Lock()
	defer s.applying.Unlock()
	if len(s.unkept) == 0 {
		return
	}
	if s.keep(ctx) == nil && s.complained {
		s.complained = false
		s.report(nil)
	}
}
