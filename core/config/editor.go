package config

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/guichet/guichet/core"
)

// Secrets keeps the texts behind { stored = "ID" }. The application implements it on the store, sealed.
type Secrets interface {
	// Keep stores a text under a new id. It is durable when Keep returns.
	Keep(ctx context.Context, id, text string) error
}

// EditorOptions is what an Editor needs.
type EditorOptions struct {
	Path        string // of the file, see [Locate]
	Required    bool   // the file was asked for: where it is missing, the defaults do not stand in for it
	Environment Environment
	History     History
	Secrets     Secrets
	// Check says why a configuration could not be put in force now, such as open conversations that need what it has no
	// longer. May be nil.
	Check func(ctx context.Context, c *Config) error
	// Source puts in force what was written; nil where no server runs, which then does it at its start.
	Source *Source
}

// Editor changes the file on people's behalf: checked before anything is written, as a whole or not at all, and never
// over somebody else's change. Safe for concurrent use.
type Editor struct{ options EditorOptions }

// NewEditor returns an Editor.
func NewEditor(o EditorOptions) *Editor {
	process := Environment{}.withProcess(filepath.Dir(o.Path))
	if o.Environment.Env == nil {
		o.Environment.Env = process.Env
	}
	if o.Environment.File == nil {
		o.Environment.File = process.File
	}
	return &Editor{o}
}

// Edit is what somebody wants changed.
type Edit struct {
	// Base names the text that they saw, see [View.Base]; "" means whatever is there.
	Base    string
	Changes []Change
	Who     string // kept with the version
	// Secrets says that they may write secrets, and say where secrets go.
	Secrets bool
	DryRun  bool // say what would happen, and write nothing
}

// Edited is what became of an edit.
type Edited struct {
	Applied  bool   // it is written, and in force where a server runs
	Revision int    // of the version in force; 0 where no server runs
	Base     string // names the file's text as it is now
	// Diff is unified, with fingerprints for secrets; "" when nothing changes. With problems it is what the edit would have
	// changed, where that can be told.
	Diff string
	// Problems keep the edit from being applied. Their lines are those of the text as it would have become.
	Problems Problems
}

// View is the file as an editor shows it.
type View struct {
	OnDisk
	Base     string
	Editable bool
	Reason   string // why it is not editable
	Why      string // the same for machines: gone, file, folder, permission
	Problems Problems
}

// present is the file as it is at one moment.
type present struct {
	path string // with links followed
	info fs.FileInfo
	text []byte
	gone bool // there was one, and it is no longer there
}

func (e *Editor) present(ctx context.Context) (p present, err error) {
	if p.path, err = target(e.options.Path); err != nil {
		return p, err
	}
	if p.info = stat(p.path); p.info != nil {
		if p.text, err = readLimited(p.path, maxFile); err != nil {
			return p, fmt.Errorf("read %s: %w", p.path, err)
		}
		return p, nil
	}
	p.text = defaults(e.options.Environment)
	last, found, err := e.options.History.LastApplied(ctx)
	if err != nil {
		return p, fmt.Errorf("find the last applied configuration: %w", err)
	}
	p.gone = e.options.Required || found && !isFormerDefault(last.Redacted) && !bytes.Equal(last.Redacted, p.text)
	return p, nil
}

// base names a text. It is keyed: a plain hash would let a short secret in it be found by trying.
func (e *Editor) base(p present) string {
	mac := hmac.New(sha256.New, e.options.History.FingerprintKey())
	fmt.Fprintf(mac, "file\x00%t\x00", p.info != nil)
	mac.Write(p.text)
	return hex.EncodeToString(mac.Sum(nil))[:32]
}

// View reads the file.
func (e *Editor) View(ctx context.Context) (View, error) {
	p, err := e.present(ctx)
	if err != nil {
		return View{}, err
	}
	v := View{Base: e.base(p), Editable: true, OnDisk: OnDisk{Path: e.options.Path}}
	v.Text = string(masked(e.options.Path, p.text, e.options.Environment, e.options.History.FingerprintKey()))
	if p.info == nil {
		v.Path = ""
	}
	if _, problems := Decode(e.options.Path, p.text, e.options.Environment); problems != nil {
		v.Problems = problems
	}
	if why, err := e.editable(p); err != nil {
		v.Editable, v.ReadOnly, v.Reason, v.Why = false, true, plain(err), why
	}
	if s := e.options.Source; s != nil {
		current, _ := s.Current()
		v.Differs = current == nil || !bytes.Equal(p.text, current.text)
		if v.Problems == nil {
			v.Problems = s.Problems()
		}
	}
	return v, nil
}

// Redacted returns the file as it is now in the form in which the history keeps versions.
func (e *Editor) Redacted(ctx context.Context) ([]byte, error) {
	p, err := e.present(ctx)
	if err != nil {
		return nil, err
	}
	key := e.options.History.FingerprintKey()
	if c, problems := Decode(e.options.Path, p.text, e.options.Environment); problems == nil {
		return c.Redacted(key), nil
	}
	return masked(e.options.Path, p.text, e.options.Environment, key), nil
}

// editable returns an error that says why the file cannot be edited, and the same in a word.
func (e *Editor) editable(p present) (why string, err error) {
	if p.gone {
		return "gone", core.Errorf(core.Conflict, "%s is gone: put it back, or roll back to a version of it", e.options.Path)
	}
	return locked(p.path)
}

// Save carries an edit out. Problems with its result are in Edited, not in the error. The error is core.Conflict when
// the file is no longer what the editor saw, or an object is there already; core.NotFound when there is no such object;
// core.Forbidden when the file is read-only, or a change needs a permission; core.Invalid for what makes no sense.
func (e *Editor) Save(ctx context.Context, edit Edit) (Edited, error) {
	editing.Lock()
	defer editing.Unlock()
	p, err := e.present(ctx)
	if err != nil {
		return Edited{}, err
	}
	if err := e.current(p, edit.Base); err != nil {
		return Edited{}, err
	}
	if p.gone {
		_, err := e.editable(p)
		return Edited{}, err
	}
	sealed, err := e.seal(p.text, edit)
	if err != nil {
		return Edited{}, err
	}
	text, err := Amend(e.options.Path, p.text, sealed.changes, e.options.Environment)
	var problems Problems
	if errors.As(err, &problems) {
		return e.refused(p, problems), nil
	}
	if err != nil {
		return Edited{}, err
	}
	return e.carry(ctx, p, text, sealed.texts, edit, firstLabel(edit.Changes))
}

// Restore puts a version of the history back as the file, as an edit of its own. It needs the permission for secrets,
// since it brings back those of then.
func (e *Editor) Restore(ctx context.Context, v Version, edit Edit) (Edited, error) {
	editing.Lock()
	defer editing.Unlock()
	if !edit.Secrets {
		return Edited{}, errSecrets("Going back to a version brings back its secrets, which you may not write.")
	}
	p, err := e.present(ctx)
	if err != nil {
		return Edited{}, err
	}
	if err := e.current(p, edit.Base); err != nil {
		return Edited{}, err
	}
	text, err := Original(e.options.History, v)
	if err != nil {
		return Edited{}, err
	}
	return e.carry(ctx, p, text, nil, edit, "")
}

func (e *Editor) current(p present, base string) error {
	if base != "" && base != e.base(p) {
		return core.Errorf(core.Conflict, "%s was changed meanwhile; look at it as it is now, and make your change again", e.options.Path)
	}
	return nil
}

func (e *Editor) refused(p present, problems Problems) Edited {
	r := Edited{Base: e.base(p), Problems: problems}
	if e.options.Source != nil {
		_, r.Revision = e.options.Source.Current()
	}
	return r
}

// carry checks a new text, and makes it the file and the version in force. about is the object that a refusal is about.
func (e *Editor) carry(ctx context.Context, p present, text []byte, secrets map[string]string, edit Edit, about string) (Edited, error) {
	env, key := e.options.Environment.with(secrets), e.options.History.FingerprintKey()
	c, problems := Decode(e.options.Path, text, env)
	if problems != nil {
		// Both texts in the same form, so that only what the edit changes differs.
		refused := e.refused(p, problems)
		refused.Diff = string(diff.Diff("as it is", guessed(p.text), "as it would be", guessed(text)))
		return refused, nil
	}
	change := string(diff.Diff(
		"as it is", masked(e.options.Path, p.text, e.options.Environment, key), "as it will be", c.redacted(key, true)))
	if e.options.Check != nil {
		if err := e.options.Check(ctx, c); err != nil {
			if core.CodeOf(err) != core.Conflict && core.CodeOf(err) != core.Invalid {
				return Edited{}, err
			}
			refused := e.refused(p, Problems{refusedProblem(e.options.Path, about, err)})
			refused.Diff = change
			return refused, nil
		}
	}
	r := e.refused(p, nil)
	r.Diff = change
	if edit.DryRun {
		return r, nil
	}
	if err := writable(p.path); err != nil {
		return Edited{}, err
	}
	for id, secret := range secrets {
		if err := e.options.Secrets.Keep(ctx, id, secret); err != nil {
			return Edited{}, fmt.Errorf("keep a secret: %w", err)
		}
	}
	wrote := false
	put := func() error {
		if !unchanged(p.info, stat(p.path)) {
			return core.Errorf(core.Conflict, "%s was changed by somebody else at the same moment; look at it as it is now, and make your change again", e.options.Path)
		}
		if bytes.Equal(text, p.text) && p.info != nil {
			return nil
		}
		wrote = true
		return replace(p.path, text, p.info)
	}
	if e.options.Source == nil {
		if err := put(); err != nil {
			return Edited{}, err
		}
	} else if err := e.options.Source.put(ctx, edit.Who, put); err != nil {
		if current, _ := e.options.Source.Current(); current == nil || !bytes.Equal(current.text, text) {
			if !wrote {
				return Edited{}, err
			}
			refused, err := e.takeBack(ctx, p, text, edit, about, err)
			refused.Diff = change
			return refused, err
		}
	}
	r.Applied = true
	r.Base = e.base(present{info: stat(p.path), text: text})
	if e.options.Source != nil {
		_, r.Revision = e.options.Source.Current()
	}
	return r, nil
}

// takeBack restores the file after what was written could not be put in force.
func (e *Editor) takeBack(ctx context.Context, p present, text []byte, edit Edit, about string, cause error) (Edited, error) {
	now, err := readLimited(p.path, maxFile)
	if err != nil || !bytes.Equal(now, text) {
		return Edited{}, cause // it was not written, or somebody has written it again
	}
	back := func() error { return replace(p.path, p.text, p.info) }
	if p.info == nil {
		back = func() error { return os.Remove(p.path) }
	}
	var problems Problems
	if err := e.options.Source.put(ctx, edit.Who, back); err != nil && !errors.As(err, &problems) {
		return Edited{}, errors.Join(cause, err)
	}
	if errors.As(cause, &problems) {
		return e.refused(p, problems), nil
	}
	return e.refused(p, Problems{refusedProblem(e.options.Path, about, cause)}), nil
}

// refusedProblem is a refusal by what runs, as a problem of the object that was changed.
func refusedProblem(file, about string, err error) Problem {
	p := Problem{File: file, Path: about, Message: sentence(plain(err))}
	if core.CodeOf(err) == core.Conflict {
		p.Remedy = "Set retired = true on an account or a channel, and take it out when its conversations are closed."
	}
	return p
}

func sentence(s string) string {
	if s == "" || s[len(s)-1] == '.' {
		return s
	}
	return s + "."
}

// firstLabel names the object that an edit changes, as problems name it.
func firstLabel(changes []Change) string {
	for _, c := range changes {
		if c.Op == Remove || c.Field == "enabled" {
			return c.label()
		}
	}
	if len(changes) > 0 {
		return changes[0].label()
	}
	return ""
}

// label names what a change changes, as problems name it: account[shop-line].settings.channel_id.
func (c Change) label() string {
	label := c.Object
	if c.ID != "" {
		label += "[" + c.ID + "]"
	}
	if c.Field != "" {
		label += "." + c.Field
	}
	return label
}

// Fields names what an edit changes, for the audit log: never a value.
func (e Edit) Fields() []string {
	var names []string
	for _, c := range e.Changes {
		names = append(names, string(c.Op)+" "+c.label())
	}
	return names
}

// Original returns the text of a version as it was, with its secrets. It is core.Conflict when that cannot be had any
// more.
func Original(h History, v Version) ([]byte, error) {
	sealed, err := unseal(h, v)
	switch {
	case err == nil:
		return []byte(sealed.Text), nil
	case !fingerprints.Match(v.Redacted):
		return v.Redacted, nil // it has no secrets, so this is the whole of it
	}
	return nil, core.Errorf(core.Conflict, "Version %d holds secrets that were sealed with another key, so it cannot be put back: %w", v.Revision, err)
}

var fingerprints = regexp.MustCompile(fingerprintPrefix + `sha256:[0-9a-f]{24}`)

// WithoutFingerprints hides the fingerprints in a text from those who may not see them.
func WithoutFingerprints(text string) string { return fingerprints.ReplaceAllString(text, "********") }
