package auth

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
)

func TestPeople(t *testing.T) {
	o := newOffice(t)
	added, err := o.AddPerson(t.Context(), admin, core.Agent{Email: "New@Example.com", Name: "New"}, good)
	check(t, err)
	if added.ID != "new" || o.added[0].Role != core.AgentRole || o.added[0].Email != "new@example.com" {
		t.Errorf("added %+v", o.added)
	}
	_, err = o.AddPerson(t.Context(), admin, core.Agent{Email: "ada@example.com", Role: core.Supervisor}, good)
	wantCode(t, err, core.Conflict)
	o.pass(time.Second) // acts within one millisecond have no order
	_, err = o.AddPerson(t.Context(), admin, core.Agent{Email: "ada@example.com", Role: core.AgentRole}, good)
	check(t, err)
	if len(o.added) != 1 {
		t.Error("a person the configuration knows was added again")
	}
	for _, bad := range []string{"", "ada", "@example.com", "ada@", "a b@example.com"} {
		_, err = o.AddPerson(t.Context(), admin, core.Agent{Email: bad}, good)
		wantCode(t, err, core.Invalid)
	}
	_, err = o.AddPerson(t.Context(), admin, core.Agent{Email: "readonly@example.com"}, good)
	wantCode(t, err, core.Unavailable)
	people, err := o.People(t.Context())
	check(t, err)
	var got []string
	for _, p := range people {
		if p.HasPassword {
			got = append(got, p.Agent.ID)
		}
	}
	if diff := cmp.Diff([]string{"ada", "new"}, got); diff != "" {
		t.Error(diff)
	}
	wantCode(t, o.Disable(t.Context(), admin, "root"), core.Conflict)
	wantCode(t, o.SetPassword(t.Context(), admin, "nobody", good), core.NotFound)
	want := []string{"root agent.password-set ada", "root agent.added new"}
	if diff := cmp.Diff(want, o.acts()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatTheConfigurationSaysIsNotOverruled(t *testing.T) {
	o := newOffice(t)
	for field, person := range map[string]core.Agent{
		"role": {Email: "ada@example.com", Role: core.Supervisor, Name: "Ada Lovelace"},
		"name": {Email: "ada@example.com", Name: "Ada King"},
	} {
		_, err := o.AddPerson(t.Context(), admin, person, good)
		wantCode(t, err, core.Conflict)
		var coded *core.Error
		if !errors.As(err, &coded) || coded.Field != field || !strings.Contains(coded.Message, "change it there") {
			t.Errorf("it does not say what to change where: %v", err)
		}
	}
	_, _, err := o.signIn("ada@example.com", good, "192.0.2.7")
	wantCode(t, err, core.Unauthorized) // the password was not set either
	_, err = o.AddPerson(t.Context(), admin, core.Agent{Email: "ada@example.com", Name: " Ada Lovelace "}, good)
	check(t, err)
	_, _, err = o.signIn("ada@example.com", good, "192.0.2.7")
	check(t, err)
}

func TestADisabledPersonGetsNoPassword(t *testing.T) {
	o := newOffice(t)
	check(t, o.Disable(t.Context(), admin, "ada"))
	_, err := o.AddPerson(t.Context(), admin, core.Agent{Email: "ada@example.com"}, good)
	wantCode(t, err, core.Conflict)
	if err = o.SetPassword(t.Context(), admin, "ada", good); !strings.Contains(err.Error(), "guichet user enable ") {
		t.Errorf("there is no remedy in %v", err)
	}
	wantCode(t, err, core.Conflict)
	check(t, o.Enable(t.Context(), admin, "ada"))
	check(t, o.SetPassword(t.Context(), admin, "ada", good))
	_, _, err = o.signIn("ada@example.com", good, "192.0.2.7")
	check(t, err)
}
