package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv/memkv"
	"github.com/guichet/guichet/core/store"
)

// office is an Auth over memory with a clock that the test moves.
type office struct {
	*Auth
	t     *testing.T
	store *store.Store
	mu    sync.Mutex
	clock time.Time
	setup *core.Setup
	ended []string
	added []core.Agent
}

const good = "a long enough password"

var admin = Actor{Agent: "root", Role: core.Administrator, Address: "192.0.2.1"}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	o.setup = &core.Setup{Agents: map[string]*core.Agent{
		"ada":  {ID: "ada", Email: "Ada@example.com", Name: "Ada Lovelace", Role: core.AgentRole},
		"root": {ID: "root", Email: "root@example.com", Name: "Root", Role: core.Administrator},
	}}
	db := memkv.NewWithClock(o.now)
	t.Cleanup(func() { check(t, db.Close()) })
	var err error
	o.store, err = store.Open(t.Context(), db, store.Options{})
	check(t, err)
	o.Auth = New(Options{
		Store: o.store, Setup: o.current, People: o, Now: o.now,
		Ended: func(agent, credential string) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.ended = append(o.ended, agent+" "+strings.SplitN(credential, ":", 2)[0])
		},
	})
	return o
}

func (o *office) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.clock
}

func (o *office) current() *core.Setup {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.setup
}

func (o *office) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock = o.clock.Add(d)
}

// Add is the configuration: it takes the person in under the local part of the address.
func (o *office) Add(_ context.Context, a core.Agent) (*core.Agent, error) {
	if strings.HasPrefix(a.Email, "readonly") {
		return nil, core.Errorf(core.Unavailable, "the file is read-only")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	a.ID, _, _ = strings.Cut(a.Email, "@")
	o.added = append(o.added, a)
	next := &core.Setup{Agents: map[string]*core.Agent{a.ID: &a}}
	for id, agent := range o.setup.Agents {
		next.Agents[id] = agent
	}
	o.setup = next
	return &a, nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code core.Code) {
	t.Helper()
	if core.CodeOf(err) != code {
		t.Fatalf("code %q (%v), want %q", core.CodeOf(err), err, code)
	}
}

func (o *office) signIn(email, password, address string) (string, *Identity, error) {
	return o.SignIn(o.t.Context(), email, password, address, "Firefox")
}

func (o *office) acts() []string {
	o.t.Helper()
	var acts []string
	check(o.t, o.store.View(o.t.Context(), func(tx *store.Tx) error {
		list, err := tx.Audit("", 100)
		for _, e := range list {
			for _, v := range e.Details {
				if strings.Contains(v, good) || strings.Contains(v, core.APIKeyPrefix) {
					o.t.Errorf("the audit log holds a secret: %v", e)
				}
			}
			acts = append(acts, e.Actor+" "+e.Act+" "+e.Subject)
		}
		return err
	}))
	return acts
}

func TestSignInSlidesAndExpires(t *testing.T) {
	o := newOffice(t)
	check(t, o.SetPassword(t.Context(), admin, "ada", good))
	token, who, err := o.signIn(" ada@EXAMPLE.com", good, "192.0.2.7")
	check(t, err)
	if who.Agent.ID != "ada" || !who.Browser {
		t.Errorf("signed in as %+v", who)
	}
	for range 3 { // used once in a while it never ends
		o.pass(29 * 24 * time.Hour)
		_, err = o.Authenticate(t.Context(), token)
		check(t, err)
	}
	o.pass(SignInFor + time.Second)
	_, err = o.Authenticate(t.Context(), token)
	wantCode(t, err, core.Unauthorized)
	for _, bad := range []string{"", "x", token[1:]} {
		_, err = o.Authenticate(t.Context(), bad)
		wantCode(t, err, core.Unauthorized)
	}
}

func TestLastUseIsKeptToTheMinute(t *testing.T) {
	o := newOffice(t)
	check(t, o.SetPassword(t.Context(), admin, "ada", good))
	token, who, err := o.signIn("ada@example.com", good, "192.0.2.7")
	check(t, err)
	writes := func() uint64 { return o.store.DB().Status().Commits }
	before := writes()
	for range 10 {
		_, err = o.Authenticate(t.Context(), token)
		check(t, err)
	}
	if writes() != before {
		t.Error("every call writes")
	}
	o.pass(90 * time.Second)
	_, err = o.Authenticate(t.Context(), token)
	check(t, err)
	list, err := o.SignIns(t.Context(), who)
	check(t, err)
	if want := time.Date(2026, 3, 1, 12, 1, 0, 0, time.UTC); len(list) != 1 || !list[0].SeenAt.Equal(want) || !list[0].Current || list[0].Address != "192.0.2.7" {
		t.Errorf("sign-ins %+v, want seen at %s", list, want)
	}
}

func TestWhoMayNotSignInGetsOneAnswer(t *testing.T) {
	o := newOffice(t)
	check(t, o.SetPassword(t.Context(), admin, "ada", good))
	check(t, o.Disable(t.Context(), admin, "ada"))
	messages := map[string]bool{}
	for _, try := range []struct{ email, password string }{
		{"ada@example.com", good}, {"root@example.com", good}, {"nobody@example.com", good}, {"", ""}, {"ada@example.com", "wrong password"},
	} {
		_, _, err := o.signIn(try.email, try.password, "192.0.2.7")
		wantCode(t, err, core.Unauthorized)
		messages[err.Error()] = true
	}
	if len(messages) != 1 {
		t.Errorf("the answers differ: %v", messages)
	}
	check(t, o.Enable(t.Context(), admin, "ada"))
	_, _, err := o.signIn("ada@example.com", good, "192.0.2.7")
	check(t, err)
}

func TestChangingThePasswordEndsOtherSignIns(t *testing.T) {
	o := newOffice(t)
	check(t, o.SetPassword(t.Context(), admin, "ada", good))
	mine, who, err := o.signIn("ada@example.com", good, "192.0.2.7")
	check(t, err)
	other, _, err := o.signIn("ada@example.com", good, "192.0.2.8")
	check(t, err)
	o.ended = nil
	wantCode(t, o.ChangePassword(t.Context(), who, "192.0.2.7", "wrong", "another good password"), core.Forbidden)
	wantCode(t, o.ChangePassword(t.Context(), who, "192.0.2.7", good, "Ada@Example.com"), core.Invalid)
	check(t, o.ChangePassword(t.Context(), who, "192.0.2.7", good, "another good password"))
	_, err = o.Authenticate(t.Context(), mine)
	check(t, err)
	_, err = o.Authenticate(t.Context(), other)
	wantCode(t, err, core.Unauthorized)
	_, _, err = o.signIn("ada@example.com", good, "192.0.2.7")
	wantCode(t, err, core.Unauthorized)
	if diff := cmp.Diff([]string{"ada sign-in"}, o.ended); diff != "" {
		t.Error(diff)
	}
}

func TestKeysActUntilTheyAreRevoked(t *testing.T) {
	o := newOffice(t)
	secret, key, err := o.CreateKey(t.Context(), admin, "ada", "script")
	check(t, err)
	if !strings.HasPrefix(secret, core.APIKeyPrefix) || strings.Contains(key.KeyHash, secret) {
		t.Errorf("key %q, stored as %q", secret, key.KeyHash)
	}
	who, err := o.AuthenticateKey(t.Context(), secret)
	check(t, err)
	if who.Agent.ID != "ada" || who.Browser {
		t.Errorf("acts as %+v", who)
	}
	for _, bad := range []string{"", core.APIKeyPrefix, secret + "x", "gck_" + strings.Repeat("0", core.APIKeyLetters)} {
		_, err = o.AuthenticateKey(t.Context(), bad)
		wantCode(t, err, core.Unauthorized)
	}
	_, _, err = o.CreateKey(t.Context(), admin, "nobody", "script")
	wantCode(t, err, core.NotFound)
	_, _, err = o.CreateKey(t.Context(), admin, "ada", " ")
	wantCode(t, err, core.Invalid)
	wantCode(t, o.RevokeKey(t.Context(), admin, "root", key.ID), core.NotFound)
	check(t, o.Disable(t.Context(), admin, "ada"))
	_, err = o.AuthenticateKey(t.Context(), secret)
	wantCode(t, err, core.Unauthorized)
	check(t, o.Enable(t.Context(), admin, "ada"))
	check(t, o.RevokeKey(t.Context(), admin, "ada", key.ID))
	check(t, o.RevokeKey(t.Context(), admin, "ada", key.ID))
	_, err = o.AuthenticateKey(t.Context(), secret)
	wantCode(t, err, core.Unauthorized)
	if list, err := o.Keys(t.Context(), "ada"); err != nil || len(list) != 0 {
		t.Errorf("keys in force: %v (%v)", list, err)
	}
	for range keysEach {
		_, _, err = o.CreateKey(t.Context(), admin, "ada", "many")
		check(t, err)
	}
	_, _, err = o.CreateKey(t.Context(), admin, "ada", "one more")
	wantCode(t, err, core.Conflict)
}

func TestSetupWorksOnce(t *testing.T) {
	o := newOffice(t)
	first, err := o.SetupToken(t.Context())
	check(t, err)
	token, err := o.SetupToken(t.Context())
	check(t, err)
	set := func(token, email, password string) error {
		_, err := o.Setup(t.Context(), token, email, "Boss", password, "192.0.2.1")
		return err
	}
	wantCode(t, set(first, "boss@example.com", good), core.Forbidden) // a newer one was made
	wantCode(t, set("", "boss@example.com", good), core.Forbidden)
	wantCode(t, set(token, "boss@example.com", "short"), core.Invalid)
	wantCode(t, set(token, "readonly@example.com", good), core.Unavailable)
	wantCode(t, set(token, "ada@example.com", good), core.Conflict)
	errs := make(chan error, 2) // two who use it at once
	for range 2 {
		go func() { errs <- set(token, "boss@example.com", good) }()
	}
	one, two := <-errs, <-errs
	if (one == nil) == (two == nil) {
		t.Fatalf("of two who used the link at once: %v and %v", one, two)
	}
	wantCode(t, set(token, "other@example.com", good), core.Gone)
	if needs, err := o.NeedsSetup(t.Context()); err != nil || needs {
		t.Errorf("setup is still needed (%v)", err)
	}
	if token, err := o.SetupToken(t.Context()); err != nil || token != "" {
		t.Errorf("another token was made (%v)", err)
	}
	o.setup = &core.Setup{} // the administrator is removed from the file: the door does not open again
	if needs, err := o.NeedsSetup(t.Context()); err != nil || needs {
		t.Errorf("setup is needed again (%v)", err)
	}
}

func TestPasswordRules(t *testing.T) {
	for password, ok := range map[string]bool{
		good: true, "ünï-çödé 😀": true, "ninechars": false, "aaaaaaaaaaaa": false, "password123": false, "PASSWORD123": false,
		"ada@example.com": false, "Ada Lovelace": false, "adalovelace": false, strings.Repeat("ab", 600): false, "bad\xffutf8 text": false, "": false,
	} {
		if err := CheckPassword(password, "ada@example.com", "Ada Lovelace"); (err == nil) != ok {
			t.Errorf("%q: %v", password, err)
		}
	}
}

func TestHashes(t *testing.T) {
	h := newHasher()
	stored, err := h.hash(t.Context(), good)
	check(t, err)
	again, err := h.hash(t.Context(), good)
	check(t, err)
	if stored == again || !strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hashes %q and %q", stored, again)
	}
	for password, want := range map[string]bool{good: true, good + " ": false, "": false} {
		if ok, err := h.verify(t.Context(), stored, password); err != nil || ok != want {
			t.Errorf("%q: %v %v", password, ok, err)
		}
	}
	if ok, err := h.verify(t.Context(), "", good); ok || err != nil {
		t.Errorf("nobody's password: %v %v", ok, err)
	}
	for _, bad := range []string{
		"x", "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5", "$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5",
		"$argon2id$v=19$m=19456,t=0,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5", "$argon2id$v=1$m=19456,t=2,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5",
		"$argon2id$v=19$m=19456,t=2,p=1$!$a2V5a2V5a2V5a2V5a2V5", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$",
	} {
		if _, err := h.verify(t.Context(), bad, good); core.CodeOf(err) != core.Internal {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestHashingIsBounded(t *testing.T) {
	h := newHasher()
	var leave []func()
	for range hashesAtOnce {
		release, err := h.enter(t.Context())
		check(t, err)
		leave = append(leave, release)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, hashesWaiting)
	for range hashesWaiting {
		go func() {
			_, err := h.enter(ctx)
			waiting <- err
		}()
	}
	for len(h.line) < cap(h.line) {
		time.Sleep(time.Millisecond)
	}
	_, err := h.enter(t.Context())
	wantCode(t, err, core.Unavailable)
	cancel()
	for range hashesWaiting {
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Errorf("one who gave up got %v", err)
		}
	}
	for _, release := range leave {
		release()
	}
	release, err := h.enter(t.Context())
	check(t, err)
	release()
}

func TestRoles(t *testing.T) {
	table := map[core.Role][]Action{
		core.AgentRole:     {Answer},
		core.Supervisor:    {Answer, Oversee},
		core.Administrator: {Answer, Oversee, ValidateSetup, Configure, ManagePeople, ReadAudit},
		"":                 nil, "king": nil,
	}
	for role, allowed := range table {
		var got []Action
		for _, action := range []Action{Answer, Oversee, ValidateSetup, Configure, ManagePeople, ReadAudit} {
			if May(role, action) {
				got = append(got, action)
			}
		}
		if diff := cmp.Diff(allowed, got); diff != "" {
			t.Errorf("role %q: %s", role, diff)
		}
	}
	wantCode(t, Require("king", Answer), core.Forbidden)
}
