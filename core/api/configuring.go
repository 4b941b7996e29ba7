package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/config"
)

// Editor edits the configuration file, as the application does with [config.Editor].
type Editor interface {
	View(ctx context.Context) (config.View, error)
	Objects(ctx context.Context, kind, plugin string) (list []config.Object, blank config.Object, err error)
	Edit(ctx context.Context, by auth.Actor, edit config.Edit) (config.Edited, error)
	Rollback(ctx context.Context, by auth.Actor, revision int, edit config.Edit) (config.Edited, error)
	Versions(ctx context.Context, limit int) ([]config.Version, error)
	Version(ctx context.Context, revision int) (config.Version, error)
	VersionDiffs(ctx context.Context, v config.Version) (changed, since string, err error)
}

// versionsListed is how many versions a list holds at most; no more are kept.
const versionsListed = 200

// maySecrets reports whether who asks may write secrets and see their fingerprints.
func maySecrets(r *http.Request) bool { return request.Who(r).MayWriteSecrets() }

func (s *Server) editor() (Editor, error) {
	if s.Editor == nil {
		return nil, core.Errorf(core.Unavailable, "the configuration cannot be edited here")
	}
	return s.Editor, nil
}

// shown hides the fingerprints in a text from those who may not see them.
func shown(r *http.Request, text string) string {
	if maySecrets(r) {
		return text
	}
	return config.WithoutFingerprints(text)
}

func showProblems(problems config.Problems) []ConfigurationProblem {
	list := make([]ConfigurationProblem, len(problems))
	for i, p := range problems {
		list[i] = ShowProblem(p)
	}
	return list
}

// ShowProblem is a problem of the file as the API shows it.
func ShowProblem(p config.Problem) ConfigurationProblem {
	params := map[string]string{}
	maps.Copy(params, p.Params)
	return ConfigurationProblem{
		Path: p.Path, Line: p.Line, Column: p.Column, Problem: p.Message, Remedy: p.Remedy, Severity: SeverityError, Code: p.Code, Params: params,
	}
}

type configurationFileView struct {
	Path     string                 `json:"path"` // "" while the built-in defaults stand in for a file
	Text     string                 `json:"text"` // without secrets
	Base     string                 `json:"base"` // to give with an edit of this text
	Editable bool                   `json:"editable"`
	Reason   string                 `json:"reason"`      // why it is not editable
	Why      string                 `json:"reason_code"` // the same for machines
	Differs  bool                   `json:"on_disk_differs"`
	Problems []ConfigurationProblem `json:"problems"`
	Secrets  bool                   `json:"secrets"` // who asks may write secrets
}

func (s *Server) configurationFile(w http.ResponseWriter, r *http.Request) error {
	e, err := s.editor()
	if err != nil {
		return err
	}
	v, err := e.View(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return response.JSON(w, http.StatusOK, configurationFileView{
		Path: v.Path, Text: shown(r, v.Text), Base: v.Base, Editable: v.Editable, Reason: v.Reason, Why: v.Why, Differs: v.Differs,
		Problems: s.wordProblems(w, r, showProblems(v.Problems)), Secrets: maySecrets(r),
	})
}

type referenceView struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

type configurationItemView struct {
	Value       any            `json:"value"`
	Reference   *referenceView `json:"reference"`
	Fingerprint string         `json:"mark"` // the same for the same secret; "" for those who may not see it
}

type configurationFieldView struct {
	Path        string                  `json:"path"`
	Kind        core.SettingKind        `json:"kind"`
	Title       string                  `json:"title"`
	Help        string                  `json:"help"`
	Required    bool                    `json:"required"`
	Secret      bool                    `json:"secret"`
	TestOnly    bool                    `json:"test_only"`
	Options     []string                `json:"options"`
	Labels      map[string]string       `json:"labels,omitempty"` // what options are called, of those that are called otherwise
	Pattern     string                  `json:"pattern"`
	Group       string                  `json:"group"`
	ShowIf      string                  `json:"show_if"`
	Min         string                  `json:"min"`
	Max         string                  `json:"max"`
	Default     any                     `json:"default"`
	Written     bool                    `json:"written"`
	Line        int                     `json:"line"`
	Value       any                     `json:"value"`
	Reference   *referenceView          `json:"reference"`
	Items       []configurationItemView `json:"items"`
	Fingerprint string                  `json:"mark"` // the same for the same secret; "" for those who may not see it
}

type configurationObjectView struct {
	Kind   string                   `json:"kind"`
	ID     string                   `json:"id"`
	Line   int                      `json:"line"`
	Fields []configurationFieldView `json:"fields"`
}

func showReference(r *config.Reference) *referenceView {
	if r == nil {
		return nil
	}
	return &referenceView{Kind: r.Kind, Name: r.Name}
}

func showObject(o config.Object, secrets bool, in core.Wording) configurationObjectView {
	v := configurationObjectView{Kind: o.Kind, ID: o.ID, Line: o.Line, Fields: []configurationFieldView{}}
	for _, f := range o.Fields {
		field := configurationFieldView{
			Path: f.Key, Kind: f.Kind, Title: f.Title, Help: f.Help, Required: f.Required, Secret: f.Secret, TestOnly: f.TestOnly,
			Options: append([]string{}, f.Options...), Pattern: f.Pattern, Group: f.Group, ShowIf: f.ShowIf, Min: f.Min, Max: f.Max,
			Default: f.Unset, Written: f.Written, Line: f.Line, Value: f.Value, Reference: showReference(f.Reference),
			Items: []configurationItemView{},
		}
		if pluginField(f.Key) {
			field.Title, field.Help, field.Group, field.Labels = in.Of(f.Title), in.Of(f.Help), in.Of(f.Group), labels(f.Options, in)
		}
		if secrets {
			field.Fingerprint = f.Fingerprint
		}
		for _, item := range f.Items {
			one := configurationItemView{Value: item.Value, Reference: showReference(item.Reference)}
			if secrets {
				one.Fingerprint = item.Fingerprint
			}
			field.Items = append(field.Items, one)
		}
		v.Fields = append(v.Fields, field)
	}
	return v
}

// objects reads the objects of the kind in the path, and the base of the text that they were read from.
func (s *Server) objects(w http.ResponseWriter, r *http.Request) (list []configurationObjectView, blank configurationObjectView, base string, err error) {
	e, err := s.editor()
	if err != nil {
		return nil, blank, "", err
	}
	v, err := e.View(r.Context())
	if err != nil {
		return nil, blank, "", err
	}
	found, empty, err := e.Objects(r.Context(), request.Param(r, "kind"), r.URL.Query().Get("plugin"))
	var problems config.Problems
	if errors.As(err, &problems) {
		return nil, blank, "", core.Errorf(core.Conflict, "the file cannot be read: %s", problems[0].String())
	}
	if err != nil {
		return nil, blank, "", err
	}
	list = []configurationObjectView{}
	for _, o := range found {
		list = append(list, showObject(o, maySecrets(r), s.wording(w, r, o.Plugin)))
	}
	return list, showObject(empty, maySecrets(r), s.wording(w, r, empty.Plugin)), v.Base, nil
}

func (s *Server) configurationObjects(w http.ResponseWriter, r *http.Request) error {
	list, blank, base, err := s.objects(w, r)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return response.JSON(w, http.StatusOK, struct {
		Items []configurationObjectView `json:"items"`
		Blank configurationObjectView   `json:"blank"` // a new one: nothing is written yet
		Base  string                    `json:"base"`
	}{list, blank, base})
}

func (s *Server) configurationObject(w http.ResponseWriter, r *http.Request) error {
	list, _, base, err := s.objects(w, r)
	if err != nil {
		return err
	}
	id := request.Param(r, "object")
	for _, o := range list {
		if o.ID == id && id != "" {
			w.Header().Set("Cache-Control", "no-store")
			return response.JSON(w, http.StatusOK, struct {
				configurationObjectView
				Base string `json:"base"`
			}{o, base})
		}
	}
	return core.Errorf(core.NotFound, "there is no %s %q in the file", request.Param(r, "kind"), id)
}

type editedView struct {
	Applied  bool                   `json:"applied"`
	Revision int                    `json:"revision"` // of the version in force
	Base     string                 `json:"base"`     // names the text as it is now
	Diff     string                 `json:"diff"`
	Problems []ConfigurationProblem `json:"problems"`
}

func (s *Server) showEdited(w http.ResponseWriter, r *http.Request, e config.Edited) error {
	w.Header().Set("Cache-Control", "no-store")
	return response.JSON(w, http.StatusOK, editedView{
		Applied: e.Applied, Revision: e.Revision, Base: e.Base, Diff: shown(r, e.Diff), Problems: s.wordProblems(w, r, showProblems(e.Problems)),
	})
}

func (s *Server) editConfiguration(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Base    string          `json:"base"`
		Changes []config.Change `json:"changes"`
		DryRun  bool            `json:"dry_run"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	if len(in.Changes) == 0 {
		return core.FieldErrorf("changes", "There is nothing to change.")
	}
	if in.Base == "" {
		return core.FieldErrorf("base", "Say which text you saw: the base that came with it.")
	}
	e, err := s.editor()
	if err != nil {
		return err
	}
	edited, err := e.Edit(r.Context(), by(r), config.Edit{Base: in.Base, Changes: in.Changes, DryRun: in.DryRun, Secrets: maySecrets(r)})
	if err != nil {
		return err
	}
	return s.showEdited(w, r, edited)
}

type versionView struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	InForce bool      `json:"in_force"`
}

func (s *Server) showVersion(v config.Version) versionView {
	return versionView{Version: v.Revision, At: v.When, By: v.Who, InForce: v.Revision == s.Desk.Setup().Revision}
}

func (s *Server) configurationVersions(w http.ResponseWriter, r *http.Request) error {
	e, err := s.editor()
	if err != nil {
		return err
	}
	versions, err := e.Versions(r.Context(), versionsListed)
	if err != nil {
		return err
	}
	list := make([]versionView, len(versions))
	for i, v := range versions {
		list[i] = s.showVersion(v)
	}
	return response.List(w, list)
}

func version(r *http.Request) (int, error) {
	n, err := request.Number(r, "version")
	if err != nil || n > 1<<31 {
		return 0, core.Errorf(core.NotFound, "there is no version %q", request.Param(r, "version"))
	}
	return int(n), nil
}

func (s *Server) configurationVersion(w http.ResponseWriter, r *http.Request) error {
	e, err := s.editor()
	if err != nil {
		return err
	}
	n, err := version(r)
	if err != nil {
		return err
	}
	v, err := e.Version(r.Context(), n)
	if err != nil {
		return err
	}
	changed, since, err := e.VersionDiffs(r.Context(), v)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return response.JSON(w, http.StatusOK, struct {
		versionView
		Text  string `json:"text"`       // without secrets
		Diff  string `json:"diff"`       // from the version before
		Since string `json:"diff_since"` // to the file as it is now
	}{s.showVersion(v), shown(r, string(v.Redacted)), shown(r, changed), shown(r, since)})
}

func (s *Server) rollBack(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Base   string `json:"base"`
		DryRun bool   `json:"dry_run"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	if in.Base == "" {
		return core.FieldErrorf("base", "Say which text you saw: the base that came with it.")
	}
	n, err := version(r)
	if err != nil {
		return err
	}
	e, err := s.editor()
	if err != nil {
		return err
	}
	edited, err := e.Rollback(r.Context(), by(r), n, config.Edit{Base: in.Base, DryRun: in.DryRun, Secrets: maySecrets(r)})
	if err != nil {
		return err
	}
	return s.showEdited(w, r, edited)
}
