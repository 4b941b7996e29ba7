package auth

import (
	"context"
	"crypto/subtle"
	"fmt"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// The settings of the store that belong to this package.
const (
	settingSetupToken = "setup-token" // SHA-256 of the one-time token, hex
	settingSetupDone  = "setup-done"  // present once anybody has had a password
)

var errSetupOver = &core.Error{
	Code: core.Gone, Message: "This link is no longer valid: an administrator exists. Sign in instead.",
}

// NeedsSetup reports whether nobody has ever had a password.
func (a *Auth) NeedsSetup(ctx context.Context) (bool, error) {
	needs := false
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		needs, err = a.untouched(tx)
		return err
	})
	return needs, err
}

func (a *Auth) untouched(tx *store.Tx) (bool, error) {
	done, err := tx.Setting(settingSetupDone)
	if err != nil || done != nil {
		return false, err
	}
	for id := range a.setup().Agents {
		c, err := tx.Credential(id)
		if err != nil || (c != nil && c.PasswordHash != "") {
			return false, err
		}
	}
	return true, nil
}

// SetupToken makes the one-time token with which the first administrator is created; a former token stops working. It
// returns "" when there is nothing to set up.
func (a *Auth) SetupToken(ctx context.Context) (string, error) {
	token, valid := secret(), false
	err := a.store.Update(ctx, func(tx *store.Tx) (err error) {
		if valid, err = a.untouched(tx); err != nil || !valid {
			return err
		}
		tx.SetSetting(settingSetupToken, []byte(digest(token)))
		return nil
	})
	if err != nil || !valid {
		return "", err
	}
	return token, nil
}

// Setup creates the first administrator with the one-time token. The e-mail address may be that of an agent the
// configuration already knows, who must then be an administrator.
func (a *Auth) Setup(ctx context.Context, token, email, name, password, address string) (*core.Agent, error) {
	if err := a.checkSetupToken(ctx, token); err != nil {
		return nil, err
	}
	by := Actor{Agent: "system", Role: core.Administrator, Address: address}
	if agent, ok := a.setup().AgentByEmail(email); ok && agent.Role != core.Administrator {
		return nil, &core.Error{Code: core.Conflict, Field: "email", Message: fmt.Sprintf(
			"the first person to sign in must be an administrator, and in the configuration %s has the role %q", email, agent.Role)}
	}
	if err := CheckPassword(password, email, name); err != nil {
		return nil, err
	}
	// The token is spent before the person is written: of two who use it at once, one fails.
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		if err := a.setupTokenIn(tx, token); err != nil {
			return err
		}
		tx.SetSetting(settingSetupToken, nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	agent, err := a.AddPerson(ctx, by, core.Agent{Email: email, Name: name, Role: core.Administrator}, password)
	if err != nil {
		_ = a.store.Update(ctx, func(tx *store.Tx) error { // nothing came of it: the link works again
			ok, err := a.untouched(tx)
			if err == nil && ok {
				tx.SetSetting(settingSetupToken, []byte(digest(token)))
			}
			return err
		})
		return nil, err
	}
	return agent, nil
}

func (a *Auth) checkSetupToken(ctx context.Context, token string) error {
	return a.store.View(ctx, func(tx *store.Tx) error { return a.setupTokenIn(tx, token) })
}

func (a *Auth) setupTokenIn(tx *store.Tx, token string) error {
	untouched, err := a.untouched(tx)
	if err != nil {
		return err
	}
	if !untouched {
		return errSetupOver
	}
	want, err := tx.Setting(settingSetupToken)
	if err != nil {
		return err
	}
	if want == nil || subtle.ConstantTimeCompare(want, []byte(digest(token))) != 1 {
		return &core.Error{Code: core.Forbidden, Message: "This link is not valid. Use the newest one that the server printed."}
	}
	return nil
}
