package auth

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
)

func TestAnInvitationIsAcceptedOnce(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	token, expires, err := o.Invite(ctx, admin, "ada")
	check(t, err)
	if got := expires.Sub(o.now()); got > InvitationFor || got < InvitationFor-time.Minute {
		t.Errorf("it holds for %v", got)
	}
	who, err := o.Invited(ctx, token, "192.0.2.7")
	check(t, err)
	if who.ID != "ada" {
		t.Errorf("it is for %s", who.ID)
	}
	_, err = o.AcceptInvitation(ctx, token, "short", "192.0.2.7")
	wantCode(t, err, core.Invalid)
	o.pass(time.Second)
	var accepted atomic.Int32
	var at sync.WaitGroup
	for range 4 { // several tabs
		at.Go(func() {
			if _, err := o.AcceptInvitation(ctx, token, good, "192.0.2.7"); err == nil {
				accepted.Add(1)
			}
		})
	}
	at.Wait()
	if accepted.Load() != 1 {
		t.Errorf("it was accepted %d times", accepted.Load())
	}
	_, _, err = o.signIn("ada@example.com", good, "192.0.2.7")
	check(t, err)
	_, err = o.Invited(ctx, token, "192.0.2.7")
	wantCode(t, err, core.Gone)
	if diff := cmp.Diff([]string{"ada agent.invitation-accepted ada", "root agent.invited ada"}, o.acts()); diff != "" {
		t.Error(diff)
	}
}

func TestInvitationsThatOpenNothing(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	gone := func(why, token string) {
		t.Helper()
		if _, err := o.Invited(ctx, token, "192.0.2.8"); core.CodeOf(err) != core.Gone {
			t.Errorf("%s: %v", why, err)
		}
		if _, err := o.AcceptInvitation(ctx, token, good, "192.0.2.8"); core.CodeOf(err) != core.Gone {
			t.Errorf("%s, accepted: %v", why, err)
		}
	}
	invite := func() string {
		t.Helper()
		token, _, err := o.Invite(ctx, admin, "ada")
		check(t, err)
		return token
	}
	gone("a guess", "guess.ada")
	gone("no agent", "guess.nobody")
	gone("nothing", "")
	first := invite()
	second := invite()
	gone("replaced", first)
	if _, err := o.Invited(ctx, second, "192.0.2.8"); err != nil {
		t.Errorf("the newer one: %v", err)
	}
	gone("another's name on it", strings.TrimSuffix(second, "ada")+"root")
	o.pass(InvitationFor)
	gone("expired", second)
	third := invite()
	check(t, o.SetPassword(ctx, admin, "ada", good))
	gone("after a password was set", third)
	fourth := invite()
	check(t, o.Disable(ctx, admin, "ada"))
	gone("disabled", fourth)
	_, _, err := o.Invite(ctx, admin, "ada")
	wantCode(t, err, core.Conflict)
	check(t, o.Enable(ctx, admin, "ada"))
	gone("let in again", fourth)
	_, _, err = o.Invite(ctx, admin, "nobody")
	wantCode(t, err, core.NotFound)
}

func TestGuessingInvitationsIsLimited(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	token, _, err := o.Invite(ctx, admin, "ada")
	check(t, err)
	for range knocksPerAddress {
		_, err = o.Invited(ctx, "guess.ada", "192.0.2.9")
		wantCode(t, err, core.Gone)
		_, err = o.Invited(ctx, token, "192.0.2.10") // the right link does not count
		check(t, err)
	}
	_, err = o.Invited(ctx, "guess.ada", "192.0.2.9")
	wantCode(t, err, core.RateLimited)
	_, err = o.AcceptInvitation(ctx, token, good, "192.0.2.9")
	wantCode(t, err, core.RateLimited)
	_, err = o.Invited(ctx, token, "192.0.2.10")
	check(t, err)
	o.pass(failureWindow)
	_, err = o.Invited(ctx, token, "192.0.2.9")
	check(t, err)
}

func TestSomebodyIsAddedToBeInvited(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	added, err := o.AddPerson(ctx, admin, core.Agent{Email: "new@example.com", Name: "New"}, "")
	check(t, err)
	token, _, err := o.Invite(ctx, admin, added.ID)
	check(t, err)
	_, _, err = o.signIn("new@example.com", "", "192.0.2.7")
	wantCode(t, err, core.Unauthorized)
	_, err = o.AddPerson(ctx, admin, core.Agent{Email: "new@example.com"}, "")
	wantCode(t, err, core.Conflict)
	o.pass(time.Second)
	_, err = o.AcceptInvitation(ctx, token, good, "192.0.2.7")
	check(t, err)
	_, _, err = o.signIn("new@example.com", good, "192.0.2.7")
	check(t, err)
}
