package api

import (
	"context"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/channel"
)

// offeredPlugins is one bundle, offered until it is approved.
type offeredPlugins struct {
	bundle   Bundle
	approval Approval
	by       auth.Actor
}

func (o *offeredPlugins) Bundles(context.Context) ([]Bundle, error) {
	return []Bundle{o.bundle, {Path: "bad", State: BundleBroken, Problems: []string{"There is no plugin.toml."}}}, nil
}

func (o *offeredPlugins) Approve(_ context.Context, by auth.Actor, a Approval) (Bundle, error) {
	if a.SHA256 != o.bundle.Hash {
		return Bundle{}, core.Errorf(core.Conflict, "the bundle has changed")
	}
	o.approval, o.by = a, by
	o.bundle.State, o.bundle.ApprovedAt, o.bundle.ApprovedBy = BundleInUse, time.Unix(1_700_000_000, 0), by.Agent
	o.bundle.Versions = []BundleVersion{{Hash: a.SHA256, Version: "1.2", At: o.bundle.ApprovedAt, By: by.Agent}}
	return o.bundle, nil
}

func (o *offeredPlugins) RemoveApproval(_ context.Context, _ auth.Actor, plugin string) error {
	if plugin == "used" {
		return core.Errorf(core.Conflict, "the plugin used is used by the accounts shop: remove them first")
	}
	if plugin != o.bundle.ID {
		return core.Errorf(core.NotFound, "no plugin %q has been approved", plugin)
	}
	return nil
}

func TestApprovals(t *testing.T) {
	h := newHouse(t)
	h.call("root", "GET", "/api/v1/plugins/bundles", "").want(t, 503)
	offered := &offeredPlugins{bundle: Bundle{
		ID: "echo", Name: "Echo", Version: "1.2", Hash: "abc", State: BundleOffered, Path: "echo-1", Command: []string{"echo", "--fast"},
		Files:       []BundleFile{{Path: "echo", SHA256: "def", Size: 7, Executable: true}},
		Settings:    []core.SettingField{{Key: "token", Kind: core.SettingSecret, Title: "Token", Required: true}},
		Permissions: []string{"no network"}, Enforced: []string{"Network: none."}, NotEnforced: []string{"Processor time."},
	}}
	h.server.Approvals = offered

	h.call("", "GET", "/api/v1/plugins/bundles", "").want(t, 401)
	h.call("sue", "GET", "/api/v1/plugins/bundles", "").want(t, 403)
	h.call("root", "GET", "/api/v1/plugins/bundles", "").want(t, 200, `"state":"offered"`, `"sha256":"abc"`, `"path":"echo-1"`, `"permissions":["no network"]`,
		`"not_enforced":["Processor time."]`, `"key":"token","kind":"secret"`, `"state":"broken"`, `There is no plugin.toml.`)

	const approvals = "/api/v1/plugins/approvals"
	h.call("sue", "POST", approvals, `{"path":"echo-1","sha256":"abc"}`).want(t, 403)
	h.call("root", "POST", approvals, `{"path":"echo-1","sha256":""}`).want(t, 400, `"field":"sha256"`)
	h.call("root", "POST", approvals, `{"sha256":"abc"}`).want(t, 400, `"field":"path"`)
	h.call("root", "POST", approvals, `{"path":"echo-1","id":"echo","sha256":"abc"}`).want(t, 400, `"field":"path"`)
	h.call("root", "POST", approvals, `{"path":"echo-1","sha256":"other"}`).want(t, 409, "has changed")
	h.call("root", "POST", approvals, `{"path":"echo-1","sha256":"abc","demand_confinement":true}`).want(t, 200, `"state":"in-use"`, `"approved_by":"root"`)
	if !offered.approval.Demand || offered.approval.Path != "echo-1" || offered.by.Agent != "root" || offered.by.Address == "" {
		t.Errorf("approved %+v by %+v", offered.approval, offered.by)
	}
	h.call("sue", "DELETE", approvals+"/echo", "").want(t, 403)
	h.call("root", "DELETE", approvals+"/nobody", "").want(t, 404)
	h.call("root", "DELETE", approvals+"/used", "").want(t, 409, "shop")
	h.call("root", "DELETE", approvals+"/echo", "").want(t, 204)
	// The routes beside them are reached as before.
	h.call("root", "POST", "/api/v1/plugins/line/restart", "").want(t, 204)
	h.call("root", "GET", "/api/v1/plugins", "").want(t, 200, `"kind":"`+channel.KindBuiltIn+`"`, `"enforced":[]`)
}
