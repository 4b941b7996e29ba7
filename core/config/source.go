package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
)

// pollEvery is how often the file is looked at. A change is read when two looks agree, so that a file that is still
// being written is left alone.
const pollEvery = time.Second

// Options is what a Source needs.
type Options struct {
	Path     string // of the file, see [Locate]
	Required bool   // the file must exist; otherwise built-in defaults stand in for it
	// Environment needs Stored, Plugin and Plugins; variables and files default to this process's.
	Environment Environment
	History     History
	// Apply puts a version in force. It returns Problems, or another error, to refuse it, and then has changed nothing.
	Apply func(ctx context.Context, c *Config, revision int) error
	// Report is told, after each attempt, what is wrong with the file now; nothing when it is in force. May be nil.
	Report func(Problems)
}

// Source holds the configuration in force and follows the file. A file that is wrong leaves the last good version in
// force, also after a restart.
type Source struct {
	options Options

	applying   sync.Mutex // one attempt at a time; guards the next two
	unkept     []unkept   // applied, oldest first, and not in the history yet
	complained bool       // all that is wrong is that something is not in the history

	mu       sync.Mutex
	current  *Config
	revision int
	hash     string
	problems Problems
	seen     fs.FileInfo // the file when it was last read
}

// NewSource returns a Source that has read nothing yet; call Start.
func NewSource(o Options) *Source {
	process := Environment{}.withProcess(filepath.Dir(o.Path))
	if o.Environment.Env == nil {
		o.Environment.Env = process.Env
	}
	if o.Environment.File == nil {
		o.Environment.File = process.File
	}
	return &Source{options: o}
}

// Path returns the path of the file.
func (s *Source) Path() string { return s.options.Path }

// Current returns the version in force and its revision; nil before Start.
func (s *Source) Current() (*Config, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current, s.revision
}

// Problems returns what is wrong with the file as it is now; nothing when it is in force.
func (s *Source) Problems() Problems {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problems
}

// Start puts a version in force: the file's, or, when that is wrong, the last one applied. It fails, with the file's
// problems, when neither will do.
func (s *Source) Start(ctx context.Context) error {
	err := s.Reload(ctx, "start")
	if current, _ := s.Current(); err == nil || current != nil {
		return nil
	}
	last, found, historyErr := s.options.History.LastApplied(ctx)
	if historyErr != nil {
		return errors.Join(err, fmt.Errorf("find the last applied configuration: %w", historyErr))
	}
	if !found {
		return err
	}
	c, reopenErr := reopen(s.options.History, last, s.options.Environment)
	if reopenErr == nil {
		reopenErr = s.options.Apply(ctx, c, last.Revision)
	}
	if reopenErr != nil {
		return errors.Join(err, fmt.Errorf("start with the last applied configuration, version %d: %w", last.Revision, reopenErr))
	}
	s.hold(c, last.Revision, last.Hash)
	return nil
}

// Reload reads the file now and puts it in force. who is kept with the version. The error is what is wrong with the
// file, mostly Problems; the version in force then stays. That a version is in force and could not be kept in the
// history is an error too: saving it is tried again at the next Reload, and by Run.
func (s *Source) Reload(ctx context.Context, who string) error {
	return s.put(ctx, who, func() error { return nil })
}

// put writes the file and puts it in force, as one step: nobody else reads the file in between. An error of write is
// returned as it is.
func (s *Source) put(ctx context.Context, who string, write func() error) error {
	s.applying.Lock()
	defer s.applying.Unlock()
	if err := write(); err != nil {
		return err
	}
	err := s.attempt(ctx, who)
	var notKept *notKeptError
	s.complained = errors.As(err, &notKept)
	problems := s.asProblems(err)
	s.report(problems)
	return problems.Err()
}

func (s *Source) report(problems Problems) {
	s.mu.Lock()
	s.problems = problems
	s.mu.Unlock()
	if s.options.Report != nil {
		s.options.Report(problems)
	}
}

func (s *Source) attempt(ctx context.Context, who string) error {
	info := stat(s.options.Path)
	s.mu.Lock()
	s.seen = info
	s.mu.Unlock()
	notKept := s.keep(ctx)
	last, found, err := s.newest(ctx)
	if err != nil {
		return err
	}
	key := s.options.History.FingerprintKey()
	text, err := readLimited(s.options.Path, maxFile)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case missing && !s.options.Required:
		text = defaults(s.options.Environment)
	case err != nil:
		return Problems{readProblem(s.options.Path, err)}
	}
	c, problems := Decode(s.options.Path, text, s.options.Environment)
	if problems != nil {
		return problems
	}
	hash := c.hash(key)
	if missing && found && last.Hash != hash && !isFormerDefault(last.Redacted) {
		// Falling back to the defaults would silently take the whole desk apart.
		return Problems{{File: s.options.Path, Message: fmt.Sprintf("The file is gone; version %d of it stays in force.", last.Revision),
			Remedy: "Put it back. To begin again with the built-in defaults, write an empty file."}}
	}
	s.mu.Lock()
	same := s.current != nil && s.hash == hash
	s.mu.Unlock()
	if same {
		return notKept
	}
	revision := 1
	if found {
		revision = last.Revision
		if last.Hash != hash {
			revision++
		}
	}
	if err := s.options.Apply(ctx, c, revision); err != nil {
		return err
	}
	s.hold(c, revision, hash)
	if found && last.Hash == hash {
		return notKept
	}
	s.unkept = append(s.unkept, unkept{c, revision, who, time.Now()})
	return s.keep(ctx)
}

func (s *Source) hold(c *Config, revision int, hash string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.revision, s.hash = c, revision, hash
}

func (s *Source) asProblems(err error) Problems {
	if err == nil {
		return nil
	}
	var problems Problems
	if errors.As(err, &problems) {
		return problems
	}
	var notKept *notKeptError
	if errors.As(err, &notKept) {
		return Problems{{File: s.options.Path, Message: notKept.Error(), Remedy: "Saving it is tried again by itself."}}
	}
	return Problems{{File: s.options.Path, Message: fmt.Sprintf("The configuration could not be applied: %s", plain(err))}}
}

// plain is the sentence that is meant for people, where there is one.
func plain(err error) string {
	var e *core.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

// Run follows the file until ctx is done: it reads it again when it has changed and at every signal, and saves what
// could not be kept in the history before. It returns ctx's error.
func (s *Source) Run(ctx context.Context, signals <-chan os.Signal) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	s.mu.Lock()
	before := s.seen
	s.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case _, open := <-signals:
			if !open {
				signals = nil
				continue
			}
			// What is wrong is reported by Reload itself.
			_ = s.Reload(ctx, "signal")
		case <-ticker.C:
			now := stat(s.options.Path)
			s.mu.Lock()
			read := unchanged(now, s.seen)
			s.mu.Unlock()
			settled := unchanged(now, before)
			before = now
			if !read && settled {
				_ = s.Reload(ctx, "file")
			}
			s.keepLate(ctx)
		}
	}
}
