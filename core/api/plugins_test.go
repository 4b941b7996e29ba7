package api

import (
	"slices"
	"testing"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

func TestRestartPlugin(t *testing.T) {
	h := newHouse(t)
	h.call("sue", "POST", "/api/v1/plugins/line/restart", "").want(t, 403)
	h.call("root", "POST", "/api/v1/plugins/none/restart", "").want(t, 404)
	h.call("root", "POST", "/api/v1/plugins/line/restart", "").want(t, 204)
	if n := h.channels.restarted.Load(); n != 1 {
		t.Errorf("restarted %d times", n)
	}
	check(t, h.store.View(t.Context(), func(tx *store.Tx) error {
		list, err := tx.Audit("", 100)
		if !slices.ContainsFunc(list, func(e *core.AuditEntry) bool {
			return e.Act == "plugin.restarted" && e.Subject == "line" && e.Actor == "root"
		}) {
			t.Error("the audit log does not tell")
		}
		return err
	}))
}

func TestPluginLog(t *testing.T) {
	h := newHouse(t)
	h.call("sue", "GET", "/api/v1/plugins/line/log", "").want(t, 403)
	h.call("root", "GET", "/api/v1/plugins/none/log", "").want(t, 404)
	h.call("root", "GET", "/api/v1/plugins/line/log?after=x", "").want(t, 400)
	h.call("root", "GET", "/api/v1/plugins/line/log", "").want(t, 200, `"text":"out of ink"`, `"next":2`)
	h.call("root", "GET", "/api/v1/plugins/line/log?after=2", "").want(t, 200, `"items":[]`, `"next":2`)
}
