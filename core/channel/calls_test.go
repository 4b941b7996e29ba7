package channel

import (
	"bytes"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
)

func outgoing(text string) core.Outgoing {
	return core.Outgoing{
		Entry: core.OutboxEntry{ID: "id-" + text, Account: "shop"}, Channel: "shop-channel", AuthorName: "Ana",
		Message:   core.Message{Text: text, From: core.Author{Kind: core.FromAgent}},
		Recipient: core.IdentityKey{Scope: "shop", Kind: "fake-user", Value: "u1"},
	}
}

func TestSendOutcomes(t *testing.T) {
	b := newBench(t)
	b.run(t)
	for _, c := range []struct {
		text string
		want core.Outcome
	}{
		{"hello", core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x-id-hello"}, RequestID: "Ana"}},
		{"rejected", core.Outcome{Kind: core.OutcomeRejected, Cause: "opted-out", Reason: "no", Code: "400"}},
		{"limited", core.Outcome{Kind: core.OutcomeRateLimited, After: 3 * time.Second, Scope: "account"}},
		{"strange", core.Outcome{Kind: core.OutcomeUnknown, MayDuplicate: true, Reason: "get https://example.com/bot•••: reset"}},
		{"partly", core.Outcome{Kind: core.OutcomeRetryable, Reason: "later", Resume: "second", ExternalIDs: []string{"1"}}},
		{"panic", core.Outcome{Kind: core.OutcomeUnknown, MayDuplicate: true, Reason: "panic in Send: in Send"}},
		{string(make([]byte, 17<<20)), core.Outcome{Kind: core.OutcomeRejected, Cause: "too-large", Reason: "The message is larger than a plugin can be given."}},
	} {
		if diff := cmp.Diff(c.want, b.Send(t.Context(), outgoing(c.text))); diff != "" {
			t.Errorf("%.20s: %s", c.text, diff)
		}
	}
	// Nobody knows what became of these.
	l := b.live(t, 0)
	if got := b.Send(t.Context(), outgoing("die")); got.Kind != core.OutcomeLost {
		t.Errorf("die: %+v", got)
	}
	b.live(t, l.generation)
	ctx, cancel := contextOf(t, 100*time.Millisecond)
	defer cancel()
	if got := b.Send(ctx, outgoing("hang")); got.Kind != core.OutcomeLost {
		t.Errorf("hang: %+v", got)
	}
	unknown := outgoing("x")
	unknown.Entry.Account = "other"
	if got := b.Send(t.Context(), unknown); got.Kind != core.OutcomeNotStarted {
		t.Errorf("an unknown account: %+v", got)
	}
}

func TestReconcileOutcomes(t *testing.T) {
	b := newBench(t)
	if b.Reconciles("shop") {
		t.Error("an account that is not there can be asked")
	}
	b.run(t)
	if !b.Reconciles("shop") || b.Reconciles("other") {
		t.Errorf("the plugin can be asked: %v; about an unknown account: %v", b.Reconciles("shop"), b.Reconciles("other"))
	}
	asked := func(text string) core.Outgoing {
		out := outgoing(text)
		out.Previous = []core.Attempt{{StartedAt: time.Unix(1_700_000_000, 0).UTC(), Outcome: string(core.OutcomeUnknown)}}
		return out
	}
	for _, c := range []struct {
		text string
		want core.Outcome
	}{
		{"hello", core.Outcome{Kind: core.OutcomeAccepted, Already: true, ExternalIDs: []string{"x-id-hello"}, RequestID: "2023-11-14T22:13:20Z"}},
		{"never sent", core.Outcome{Kind: core.OutcomeRetryable, Reason: "it has never come"}},
		{"cannot tell", core.Outcome{Kind: core.OutcomeUnknown, Code: "404", Reason: "no list at https://example.com/•••"}},
		{"broken", core.Outcome{Kind: core.OutcomeUnknown, MayDuplicate: true, Reason: "get https://example.com/bot•••: reset"}},
		{"panic", core.Outcome{Kind: core.OutcomeUnknown, MayDuplicate: true, Reason: "panic in Reconcile: in Reconcile"}},
	} {
		if diff := cmp.Diff(c.want, b.Reconcile(t.Context(), asked(c.text))); diff != "" {
			t.Errorf("%s: %s", c.text, diff)
		}
	}
	l := b.live(t, 0)
	if got := b.Reconcile(t.Context(), asked("die")); got.Kind != core.OutcomeLost {
		t.Errorf("die: %+v", got)
	}
	b.live(t, l.generation)
	ctx, cancel := contextOf(t, 100*time.Millisecond)
	defer cancel()
	if got := b.Reconcile(ctx, asked("hang")); got.Kind != core.OutcomeLost {
		t.Errorf("hang: %+v", got)
	}
	unknown := asked("x")
	unknown.Entry.Account = "other"
	if got := b.Reconcile(t.Context(), unknown); got.Kind != core.OutcomeNotStarted {
		t.Errorf("an unknown account: %+v", got)
	}
	var calls uint64
	for _, m := range b.Status()[0].Calls {
		if m.Method == "Reconcile" {
			calls = uint64(m.Calls)
		}
	}
	if calls != 7 {
		t.Errorf("%d askings are counted", calls)
	}
	shut := asked("x")
	b.Stop()
	if got := b.Reconcile(t.Context(), shut); got.Kind != core.OutcomeNotStarted {
		t.Errorf("a plugin that is not running: %+v", got)
	}
}

func TestFetchMedia(t *testing.T) {
	b := newBench(t)
	b.run(t)
	var sink bytes.Buffer
	head, err := b.FetchMedia(t.Context(), "shop", "name", 1<<20, &sink)
	if err != nil || head != (MediaHead{Type: "text/plain", Name: "name", Size: 600 << 10}) || sink.Len() != 600<<10 {
		t.Errorf("fetched %+v, %d bytes, %v", head, sink.Len(), err)
	}
	for _, c := range []struct {
		handle string
		max    int64
		want   MediaError
	}{
		{"not-ready", 0, MediaError{State: core.Fetching, After: 2 * time.Second, Reason: "not ready yet"}},
		{"gone", 0, MediaError{State: core.GoneAtProvider, Reason: "expired"}},
		{"name", 100, MediaError{State: core.Refused, Reason: "larger than 100 bytes"}},
	} {
		_, err := b.FetchMedia(t.Context(), "shop", c.handle, c.max, &bytes.Buffer{})
		var got *MediaError
		if !errors.As(err, &got) || *got != c.want {
			t.Errorf("%s: %v", c.handle, err)
		}
	}
	if _, err := b.FetchMedia(t.Context(), "shop", "broken", 0, &bytes.Buffer{}); core.CodeOf(err) != core.Unavailable {
		t.Errorf("a broken connection: %v", err)
	}
}

func TestProfilesSignalsChecks(t *testing.T) {
	b := newBench(t)
	b.run(t)
	key := core.IdentityKey{Scope: "shop", Kind: "fake-user", Value: "u1"}
	if p, found, err := b.FetchProfile(t.Context(), "shop", key, core.Thread{}); err != nil || !found || p.Name != "Name of u1" {
		t.Errorf("profile %+v %v %v", p, found, err)
	}
	key.Value = "nobody"
	if _, found, err := b.FetchProfile(t.Context(), "shop", key, core.Thread{}); err != nil || found {
		t.Errorf("profile of nobody: %v %v", found, err)
	}
	if err := b.Signal(t.Context(), "shop", core.Thread{}, key, Signal{Typing: true}); err != nil {
		t.Errorf("typing: %v", err)
	}
	if got := b.received.ids(); len(got) != 1 || got[0] != "signalled" {
		t.Errorf("the plugin received %v", got)
	}
	if err := b.Signal(t.Context(), "shop", core.Thread{}, key, Signal{AgentJoined: "Ana"}); core.CodeOf(err) != core.Unavailable {
		t.Errorf("agent joined: %v", err)
	}
	checks := b.Validate(t.Context(), "shop")
	if len(checks) != 1 || checks[0].State != core.CheckPassed || checks[0].Detail != "It takes 1m30s." || checks[0].Field != "patience" {
		t.Errorf("checks %+v", checks)
	}
	if checks := b.Validate(t.Context(), "other"); len(checks) != 1 || checks[0].State != core.CheckFailed {
		t.Errorf("checks of an unknown account %+v", checks)
	}
}

func TestHostServices(t *testing.T) {
	b := newBench(t)
	b.run(t)
	if r, err := b.post(t, "shop", "host", nil); err != nil || r.Status != 200 {
		t.Errorf("the host's services: %d %s %v", r.Status, r.Body, err)
	}
	if r, err := b.post(t, "shop", "receive", nil); err != nil || r.Status != 200 {
		t.Errorf("receive: %d %s %v", r.Status, r.Body, err)
	}
	if c := b.received.cursor; c == nil || c.Name != "c" || string(c.Value) != "7" {
		t.Errorf("cursor %+v", c)
	}
	b.received.setFail(errors.New("inner detail"))
	if r, err := b.post(t, "shop", "receive", nil); err != nil || r.Status != 500 || bytes.Contains(r.Body, []byte("inner detail")) {
		t.Errorf("a failing receive: %d %s %v", r.Status, r.Body, err)
	}
	// The plugin of one name does not reach another's accounts.
	service := newHostService(b.Host, "another")
	if _, err := service.own("shop"); err == nil {
		t.Error("another plugin reached the account")
	}
}

func TestApply(t *testing.T) {
	b := newBench(t)
	b.run(t)
	shop := fakeAccount("shop")
	shop.Settings["patience"] = 7 * time.Second
	broken := fakeAccount("broken")
	broken.Settings["mode"] = "refuse"
	panicky := fakeAccount("panicky")
	panicky.Settings["mode"] = "panic"
	pid := b.live(t, 0).pid()
	if err := b.Apply(setupOf(shop, broken, panicky, fakeAccount("second"))); err != nil {
		t.Fatal(err)
	}
	if r, err := b.post(t, "shop", "patience", nil); err != nil || string(r.Body) != "7s" {
		t.Errorf("the new settings: %s %v", r.Body, err)
	}
	if r, err := b.post(t, "second", "callback", ids("a")); err != nil || r.Status != 200 {
		t.Errorf("the new account: %+v %v", r, err)
	}
	problems := map[string]string{}
	for _, a := range b.Status()[0].Accounts {
		problems[a.ID] = a.Problem
	}
	want := map[string]string{"shop": "", "second": "", "broken": "the secret ••• is not the right one", "panicky": "panic in Open: in Open"}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Error(diff)
	}
	if r, err := b.post(t, "broken", "status", ids("b")); err == nil || r.Status != 503 {
		t.Errorf("a request for an account that is not open: %+v %v", r, err)
	}
	if r, err := b.post(t, "broken", "callback", ids("b")); err != nil || r.Status != 200 {
		t.Errorf("a verified request for an account that is not open: %+v %v", r, err)
	}
	if got := b.Send(t.Context(), core.Outgoing{Entry: core.OutboxEntry{Account: "broken"}}); got.Kind != core.OutcomeNotStarted || got.Reason != want["broken"] {
		t.Errorf("a send by an account that is not open: %+v", got)
	}
	for range 2 {
		if a := <-b.alerts; a.Code != "account-not-open" {
			t.Errorf("alert %+v", a)
		}
	}
	if got := b.received.ids(); len(got) != 1 {
		t.Errorf("received %v", got)
	}
	// The mended account gets what came meanwhile.
	if err := b.Apply(setupOf(shop, fakeAccount("broken"), panicky, fakeAccount("second"))); err != nil {
		t.Fatal(err)
	}
	until(t, "what came for the account before it was mended is stored", func() bool { return len(b.received.ids()) == 2 })
	if now := b.live(t, 0).pid(); now != pid {
		t.Error("settings restarted the process")
	}

	// A new process opens what is configured now.
	l := b.live(t, 0)
	if err := syscall.Kill(l.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.live(t, l.generation)
	if r, err := b.post(t, "shop", "patience", nil); err != nil || string(r.Body) != "7s" {
		t.Errorf("the settings after a restart: %s %v", r.Body, err)
	}

	// No account, no process; and again.
	if err := b.Apply(setupOf()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.post(t, "shop", "callback", ids("c")); core.CodeOf(err) != core.NotFound {
		t.Errorf("a removed account: %v", err)
	}
	if got := b.Status(); len(got) != 0 {
		t.Errorf("status %+v", got)
	}
	b.run(t)
	if r, err := b.post(t, "shop", "patience", nil); err != nil || string(r.Body) != "1m30s" {
		t.Errorf("the settings after a return: %s %v", r.Body, err)
	}
}

func TestSchema(t *testing.T) {
	remembered := map[string][]byte{}
	b := newBench(t, func(o *Options) { o.Manifests = manifests(remembered) })
	if _, ok := b.Manifest("fake"); ok {
		t.Error("there is a manifest before the plugin was ever seen")
	}
	b.run(t)
	manifest, ok := b.Manifest("fake")
	schema := schemaOf(manifest)
	if !ok || len(schema.Settings) != 5 || schema.Settings[0].Kind != core.SettingSecret || !schema.Settings[0].Required || schema.Settings[3].Options[1] != "refuse" {
		t.Errorf("schema %+v", schema)
	}
	later := newBench(t, func(o *Options) { o.Manifests = manifests(remembered) })
	if again, ok := later.Manifest("fake"); !ok || cmp.Diff(schema, schemaOf(again)) != "" {
		t.Errorf("remembered %+v", again)
	}
}

type manifests map[string][]byte

func (m manifests) LoadManifest(plugin string) ([]byte, bool, error) {
	raw, ok := m[plugin]
	return raw, ok, nil
}

func (m manifests) SaveManifest(plugin string, raw []byte) error {
	m[plugin] = raw
	return nil
}
