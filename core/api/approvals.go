package api

import (
	"context"
	"net/http"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/auth"
)

// Approvals is what is seen and done about third-party plugins.
type Approvals interface {
	// Bundles lists what is approved and what is offered for it. Nothing of it is run for that.
	Bundles(ctx context.Context) ([]Bundle, error)
	// Approve lets a bundle be run, with the hash that was shown.
	Approve(ctx context.Context, by auth.Actor, a Approval) (Bundle, error)
	// RemoveApproval takes an approval back. It is refused while accounts use the plugin.
	RemoveApproval(ctx context.Context, by auth.Actor, plugin string) error
}

// Approval names what is approved: a folder of the offered bundles, or an earlier version of a plugin.
type Approval struct {
	Path   string // of an offered bundle
	ID     string // of a plugin whose version with the hash is taken up again
	SHA256 string // that was shown
	Demand bool   // do not run it where it cannot be confined
}

// How a bundle stands.
const (
	BundleInUse    = "in-use"   // approved, and the version that is run
	BundleApproved = "approved" // lies among the offered ones, and is approved
	BundleOffered  = "offered"
	BundleBroken   = "broken" // see its problems
)

// Bundle is a third-party plugin as its plugin.toml describes it.
type Bundle struct {
	ID, Name, Version, Hash string
	State                   string
	Problems                []string
	Path                    string // of the folder it is offered in
	Replaces                string // hash of the version in use
	Documentation           string
	Command                 []string
	Files                   []BundleFile
	Settings, Address       []core.SettingField
	Services                []string
	Consent                 bool
	Permissions             []string // what it asks for, in words
	Enforced, NotEnforced   []string // on this machine, in sentences
	Demand                  bool
	ApprovedAt              time.Time
	ApprovedBy              string
	Versions                []BundleVersion // that were approved, the latest first
	Accounts                []string        // that use it
	Translations            core.Translations
}

// BundleFile is a file of a bundle.
type BundleFile struct {
	Path       string `json:"path"`
	SHA256     string `json:"sha256"`
	Size       int64  `json:"size"`
	Executable bool   `json:"executable"`
}

// BundleVersion is a version that was approved.
type BundleVersion struct {
	Hash    string    `json:"sha256"`
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Problem string    `json:"problem"` // why it did not take over
}

type bundleView struct {
	ID            string          `json:"id"`
	Name          string          `json:"name"`
	Version       string          `json:"version"`
	Hash          string          `json:"sha256"`
	State         string          `json:"state"`
	Problems      []string        `json:"problems"`
	Path          string          `json:"path"`
	Replaces      string          `json:"replaces"`
	Documentation string          `json:"documentation_url"`
	Command       []string        `json:"command"`
	Files         []BundleFile    `json:"files"`
	Settings      []settingView   `json:"settings"`
	Address       []settingView   `json:"address"`
	Services      []string        `json:"services"`
	Consent       bool            `json:"consent"`
	Permissions   []string        `json:"permissions"`
	Enforced      []string        `json:"enforced"`
	NotEnforced   []string        `json:"not_enforced"`
	Demand        bool            `json:"confinement_demanded"`
	ApprovedAt    *time.Time      `json:"approved_at"`
	ApprovedBy    string          `json:"approved_by"`
	Versions      []BundleVersion `json:"versions"`
	Accounts      []string        `json:"accounts"`
}

// some is a list that is never null.
func some[T any](list []T) []T { return append([]T{}, list...) }

func showBundle(b *Bundle, in core.Wording) bundleView {
	return bundleView{
		ID: b.ID, Name: in.Of(b.Name), Version: b.Version, Hash: b.Hash, State: b.State, Problems: some(b.Problems), Path: b.Path, Replaces: b.Replaces,
		Documentation: b.Documentation, Command: some(b.Command), Files: some(b.Files), Settings: showSettings(b.Settings, in),
		Address: showSettings(b.Address, in), Services: some(b.Services), Consent: b.Consent, Permissions: some(b.Permissions), Enforced: some(b.Enforced),
		NotEnforced: some(b.NotEnforced), Demand: b.Demand, ApprovedAt: moment(b.ApprovedAt), ApprovedBy: b.ApprovedBy,
		Versions: some(b.Versions), Accounts: some(b.Accounts),
	}
}

func (s *Server) approvals() (Approvals, error) {
	if s.Approvals == nil {
		return nil, core.Errorf(core.Unavailable, "plugins cannot be approved here")
	}
	return s.Approvals, nil
}

func (s *Server) bundles(w http.ResponseWriter, r *http.Request) error {
	a, err := s.approvals()
	if err != nil {
		return err
	}
	bundles, err := a.Bundles(r.Context())
	if err != nil {
		return err
	}
	list := make([]bundleView, len(bundles))
	for i := range bundles {
		list[i] = showBundle(&bundles[i], chosen(w, r, bundles[i].Translations))
	}
	return response.List(w, list)
}

func (s *Server) approvePlugin(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Path   string `json:"path"`
		ID     string `json:"id"`
		SHA256 string `json:"sha256"`
		Demand bool   `json:"demand_confinement"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	if in.SHA256 == "" {
		return core.FieldErrorf("sha256", "say which hash you approve: the one that you were shown")
	}
	if (in.Path == "") == (in.ID == "") {
		return core.FieldErrorf("path", "name either the folder of an offered bundle, or the id of a plugin")
	}
	a, err := s.approvals()
	if err != nil {
		return err
	}
	b, err := a.Approve(r.Context(), by(r), Approval{Path: in.Path, ID: in.ID, SHA256: in.SHA256, Demand: in.Demand})
	if err != nil {
		return err
	}
	return response.JSON(w, http.StatusOK, showBundle(&b, chosen(w, r, b.Translations)))
}

func (s *Server) removeApproval(w http.ResponseWriter, r *http.Request) error {
	a, err := s.approvals()
	if err != nil {
		return err
	}
	if err := a.RemoveApproval(r.Context(), by(r), request.Param(r, "plugin")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// approvalsTable lists the routes of third-party plugins.
func (s *Server) approvalsTable() []route {
	v1 := func(method, path string, handle func(http.ResponseWriter, *http.Request) error, doc operation) route {
		return route{method: method, path: "/api/v1" + path, action: auth.Configure, apart: true, handle: handle, doc: &doc}
	}
	return []route{
		v1(http.MethodGet, "/plugins/bundles", s.bundles, operation{
			summary: "Third-party plugins: those that are approved, and those that lie in the data directory's plugins/incoming to be approved. " +
				"Nothing of a bundle is run for that.",
			answers: answers{200: "Bundles"},
		}),
		v1(http.MethodPost, "/plugins/approvals", s.approvePlugin, operation{
			summary: "Approve an offered bundle with the hash that was shown, or take up an earlier version of a plugin. It is in use at once; where a " +
				"new version does not come up, the former stays in use (409).",
			body: "ApprovePlugin", answers: answers{200: "Bundle"}, problems: []int{404, 409},
		}),
		v1(http.MethodDelete, "/plugins/approvals/:plugin", s.removeApproval, operation{
			summary: "Take the approval of a plugin back, with all its versions. Refused while accounts use it.", answers: answers{204: ""},
			problems: []int{404, 409},
		}),
	}
}

func approvalsSchemas() object {
	files := object{"type": "array", "items": record(object{"path": text, "sha256": text, "size": whole, "executable": yes})}
	settings := object{"type": "array", "items": ref("Setting")}
	return object{
		"Bundle": record(object{
			"id": text, "name": text, "version": text, "sha256": text, "state": oneOf(BundleInUse, BundleApproved, BundleOffered, BundleBroken),
			"problems": texts, "path": text, "replaces": text, "documentation_url": text, "command": texts, "files": files, "settings": settings,
			"address": settings, "services": texts, "consent": yes, "permissions": texts, "enforced": texts, "not_enforced": texts,
			"confinement_demanded": yes, "approved_at": maybe, "approved_by": text, "accounts": texts,
			"versions": object{"type": "array", "items": record(object{"sha256": text, "version": text, "at": time_, "by": text, "problem": text})},
		}),
		"Bundles": listOf("Bundle"),
		"ApprovePlugin": record(object{
			"path": text, "id": text, "sha256": text, "demand_confinement": yes,
		}, "path", "id", "demand_confinement"),
	}
}
