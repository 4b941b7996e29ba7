package auth

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// Person is an agent with how they stand with signing in.
type Person struct {
	Agent       core.Agent
	HasPassword bool
	Disabled    bool
}

// People lists every configured agent, by e-mail address.
func (a *Auth) People(ctx context.Context) ([]Person, error) {
	var list []Person
	err := a.store.View(ctx, func(tx *store.Tx) error {
		for _, agent := range a.setup().Agents {
			c, err := tx.Credential(agent.ID)
			if err != nil {
				return err
			}
			list = append(list, Person{
				Agent: *agent, HasPassword: c != nil && c.PasswordHash != "", Disabled: c != nil && c.Disabled,
			})
		}
		return nil
	})
	slices.SortFunc(list, func(x, y Person) int { return strings.Compare(x.Agent.Email, y.Agent.Email) })
	return list, err
}

// AddPerson makes sure that a person can sign in. Someone the configuration does not know is added to it; of someone it
// knows only the password is set, and another role or name than the configured one is refused ("" is not another).
// Someone who is disabled stays so: that is a Conflict. Without a password only somebody new is added, to be invited.
func (a *Auth) AddPerson(ctx context.Context, by Actor, person core.Agent, password string) (*core.Agent, error) {
	email := core.NormalizeEmail(person.Email)
	if local, domain, ok := strings.Cut(email, "@"); !ok || local == "" || domain == "" || strings.ContainsAny(email, " <>,;") {
		return nil, core.FieldErrorf("email", "%q is not an e-mail address.", person.Email)
	}
	person.Name = strings.TrimSpace(person.Name)
	agent, known := a.setup().AgentByEmail(email)
	if known {
		if err := agrees(agent, person); err != nil {
			return nil, err
		}
	} else if person.Role == "" {
		person.Role = core.AgentRole
	}
	if password == "" {
		if known {
			return nil, &core.Error{Code: core.Conflict, Field: "email", Message: agent.Email + " is known already: invite them, or set a password."}
		}
		return a.addToConfiguration(ctx, by, person, email)
	}
	if err := CheckPassword(password, email, person.Name); err != nil {
		return nil, err
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return nil, err
	}
	if !known {
		if agent, err = a.addPerson(ctx, person, email); err != nil {
			return nil, err
		}
	}
	if err := a.putPassword(ctx, by, agent, hash, !known); err != nil {
		return nil, err
	}
	return agent, nil
}

func (a *Auth) addPerson(ctx context.Context, person core.Agent, email string) (*core.Agent, error) {
	if a.people == nil {
		return nil, core.Errorf(core.Unavailable, "the configuration cannot be changed here: add the person to the file")
	}
	person.Email = email
	return a.people.Add(ctx, person)
}

// addToConfiguration adds somebody who has no password yet.
func (a *Auth) addToConfiguration(ctx context.Context, by Actor, person core.Agent, email string) (*core.Agent, error) {
	agent, err := a.addPerson(ctx, person, email)
	if err != nil {
		return nil, err
	}
	entry := a.entry(by, "agent.added", agent.ID, map[string]string{"email": agent.Email, "role": string(agent.Role)})
	return agent, a.store.Update(ctx, func(tx *store.Tx) error {
		tx.AddAudit(entry)
		return nil
	})
}

// agrees refuses what the configuration says otherwise.
func agrees(configured *core.Agent, person core.Agent) error {
	refuse := func(field, sentence, value string) error {
		return &core.Error{Code: core.Conflict, Field: field, Message: fmt.Sprintf(sentence, configured.Email, value)}
	}
	switch {
	case person.Role != "" && person.Role != configured.Role:
		return refuse("role", "in the configuration %s has the role %q: change it there, or leave the role out", string(configured.Role))
	case person.Name != "" && person.Name != strings.TrimSpace(configured.Name):
		return refuse("name", "in the configuration %s has the name %q: change it there, or leave the name out", configured.Name)
	}
	return nil
}

func (a *Auth) putPassword(ctx context.Context, by Actor, agent *core.Agent, hash string, added bool) error {
	act := "agent.password-set"
	if added {
		act = "agent.added"
	}
	entry := a.entry(by, act, agent.ID, map[string]string{"email": agent.Email, "role": string(agent.Role)})
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		if err := putPassword(tx, agent, hash); err != nil {
			return err
		}
		tx.AddAudit(entry)
		return endSignIns(tx, agent.ID, "")
	})
	if err == nil {
		a.ended(agent.ID, "")
	}
	return err
}

// putPassword writes a credential. The first one of all ends the time of the setup token. To somebody who is disabled a
// password would be of no use, and whoever sets it should know.
func putPassword(tx *store.Tx, agent *core.Agent, hash string) error {
	c, err := tx.Credential(agent.ID)
	switch {
	case err != nil:
		return err
	case c == nil:
		c = &core.Credential{Agent: agent.ID}
	case c.Disabled:
		return core.Errorf(core.Conflict,
			"%s is disabled and could not sign in with it: first let them in again (guichet user enable %s)", agent.Email, agent.Email)
	}
	c.PasswordHash, c.ChangedAt = hash, tx.Now()
	tx.PutCredential(c)
	withdraw(tx, agent.ID)
	done, err := tx.Setting(settingSetupDone)
	if err == nil && done == nil {
		tx.SetSetting(settingSetupDone, []byte("1"))
		tx.SetSetting(settingSetupToken, nil)
	}
	return err
}

// SetPassword sets another person's password and ends their sign-ins. Of someone who is disabled that is a Conflict.
func (a *Auth) SetPassword(ctx context.Context, by Actor, agentID, password string) error {
	agent, err := a.known(agentID)
	if err != nil {
		return err
	}
	if err := CheckPassword(password, agent.Email, agent.Name); err != nil {
		return err
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return a.putPassword(ctx, by, agent, hash, false)
}

// ChangePassword sets one's own password, which ends all one's other sign-ins. API keys stay.
func (a *Auth) ChangePassword(ctx context.Context, who *Identity, address, old, password string) error {
	if err := CheckPassword(password, who.Agent.Email, who.Agent.Name); err != nil {
		return err
	}
	email := core.NormalizeEmail(who.Agent.Email)
	if err := a.attempts.reserve(a.now(), email, address); err != nil {
		return err
	}
	var credential *core.Credential
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		credential, err = tx.Credential(who.Agent.ID)
		return err
	})
	if err != nil {
		a.attempts.released(email, address)
		return err
	}
	checked := ""
	if credential != nil {
		checked = credential.PasswordHash
	}
	right, err := a.hasher.verify(ctx, checked, old)
	if err != nil {
		a.attempts.released(email, address)
		return err
	}
	if !right {
		return &core.Error{Code: core.Forbidden, Field: "old", Message: "The present password is wrong."}
	}
	a.attempts.succeeded(a.now(), email, address)
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	var others []string
	entry := a.entry(Actor{Agent: who.Agent.ID, Address: address}, "agent.password-changed", who.Agent.ID, nil)
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		c, err := tx.Credential(who.Agent.ID)
		if err != nil {
			return err
		}
		if c == nil || c.Disabled || c.PasswordHash != checked {
			return core.Errorf(core.Conflict, "the password was changed meanwhile; sign in again")
		}
		c.PasswordHash, c.ChangedAt = hash, tx.Now()
		tx.PutCredential(c)
		withdraw(tx, who.Agent.ID)
		tx.AddAudit(entry)
		list, err := tx.SignInsOf(who.Agent.ID)
		if err != nil {
			return err
		}
		others = nil
		for _, s := range list {
			if s.TokenHash != who.SignIn {
				others = append(others, signInID(s))
				tx.DeleteSignIn(s.TokenHash)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range others {
		a.ended(who.Agent.ID, "sign-in:"+id)
	}
	return nil
}

// Disable shuts a person out at once: sign-ins end, API keys stop working, until Enable.
func (a *Auth) Disable(ctx context.Context, by Actor, agentID string) error {
	return a.setDisabled(ctx, by, agentID, true)
}

// Enable lets a disabled person in again, with the former password.
func (a *Auth) Enable(ctx context.Context, by Actor, agentID string) error {
	return a.setDisabled(ctx, by, agentID, false)
}

func (a *Auth) setDisabled(ctx context.Context, by Actor, agentID string, disabled bool) error {
	if _, err := a.known(agentID); err != nil {
		return err
	}
	if disabled && by.Agent == agentID {
		return core.Errorf(core.Conflict, "you cannot disable yourself; ask another administrator")
	}
	act := "agent.enabled"
	if disabled {
		act = "agent.disabled"
	}
	entry := a.entry(by, act, agentID, nil)
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		c, err := tx.Credential(agentID)
		if err != nil {
			return err
		}
		if c == nil {
			c = &core.Credential{Agent: agentID}
		}
		if c.Disabled == disabled {
			return nil
		}
		c.Disabled, c.ChangedAt = disabled, tx.Now()
		tx.PutCredential(c)
		tx.AddAudit(entry)
		if disabled {
			withdraw(tx, agentID)
			return endSignIns(tx, agentID, "")
		}
		return nil
	})
	if err == nil && disabled {
		a.ended(agentID, "")
	}
	return err
}
