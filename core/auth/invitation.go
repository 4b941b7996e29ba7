package auth

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// InvitationFor is for how long an invitation can be accepted.
const InvitationFor = 7 * 24 * time.Hour

// invitation is the one open invitation of a person: a link with which they choose their own password, once.
type invitation struct {
	TokenHash string    `json:"token_hash"` // SHA-256, hex
	ExpiresAt time.Time `json:"expires_at"`
}

// errInvitationOver is one answer for every link that opens nothing, so that none of them tells who is expected here.
var errInvitationOver = &core.Error{
	Code: core.Gone, Message: "This invitation is no longer valid: it was used, replaced by a newer one, or has expired. Ask for another.",
}

func settingInvitation(agent string) string { return "invitation:" + agent }

// Invite makes a link's token with which an agent chooses a password and is let in. A newer one replaces it, and it is
// void once the agent gets a password in another way. Somebody who is disabled cannot be invited: that is a Conflict.
func (a *Auth) Invite(ctx context.Context, by Actor, agentID string) (token string, expires time.Time, err error) {
	agent, err := a.known(agentID)
	if err != nil {
		return "", time.Time{}, err
	}
	token = secret() + "." + agent.ID
	entry := a.entry(by, "agent.invited", agent.ID, map[string]string{"email": agent.Email})
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		c, err := tx.Credential(agent.ID)
		if err != nil {
			return err
		}
		if c != nil && c.Disabled {
			return core.Errorf(core.Conflict, "%s is disabled: first let them in again", agent.Email)
		}
		expires = tx.Now().Add(InvitationFor).UTC().Truncate(time.Second)
		raw, err := json.Marshal(invitation{TokenHash: digest(token), ExpiresAt: expires})
		if err != nil {
			return fmt.Errorf("encode an invitation: %w", err)
		}
		tx.SetSetting(settingInvitation(agent.ID), raw)
		tx.AddAudit(entry)
		return nil
	})
	return token, expires, err
}

// Invited returns who an invitation is for; Gone when it opens nothing (any longer).
func (a *Auth) Invited(ctx context.Context, token, address string) (*core.Agent, error) {
	var agent *core.Agent
	err := a.knock(address, func() error {
		return a.store.View(ctx, func(tx *store.Tx) (err error) {
			agent, err = a.invited(tx, token)
			return err
		})
	})
	return agent, err
}

// AcceptInvitation sets the password that the invited person has chosen. The invitation is used up by it.
func (a *Auth) AcceptInvitation(ctx context.Context, token, password, address string) (*core.Agent, error) {
	agent, err := a.Invited(ctx, token, address)
	if err != nil {
		return nil, err
	}
	if err := CheckPassword(password, agent.Email, agent.Name); err != nil {
		return nil, err
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return nil, err
	}
	entry := a.entry(Actor{Agent: agent.ID, Address: address}, "agent.invitation-accepted", agent.ID, nil)
	err = a.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := a.invited(tx, token); err != nil { // of two who use it at once, one fails
			return err
		}
		if err := putPassword(tx, agent, hash); err != nil {
			return err
		}
		tx.AddAudit(entry)
		return endSignIns(tx, agent.ID, "")
	})
	if err != nil {
		return nil, err
	}
	a.ended(agent.ID, "")
	return agent, nil
}

// invited finds the person whose open invitation has this token.
func (a *Auth) invited(tx *store.Tx, token string) (*core.Agent, error) {
	_, id, _ := strings.Cut(token, ".")
	agent, ok := a.agent(id)
	if !ok {
		return nil, errInvitationOver
	}
	raw, err := tx.Setting(settingInvitation(agent.ID))
	if err != nil {
		return nil, err
	}
	var open invitation
	if raw == nil {
		return nil, errInvitationOver
	}
	if err := json.Unmarshal(raw, &open); err != nil {
		return nil, fmt.Errorf("read the invitation of %s: %w", agent.ID, err)
	}
	if subtle.ConstantTimeCompare([]byte(open.TokenHash), []byte(digest(token))) != 1 || !tx.Now().Before(open.ExpiresAt) {
		return nil, errInvitationOver
	}
	return agent, nil
}

// withdraw voids an agent's invitation.
func withdraw(tx *store.Tx, agent string) { tx.SetSetting(settingInvitation(agent), nil) }

// knock runs what a stranger with a link asks for, unless too many wrong links came from that address lately.
func (a *Auth) knock(address string, try func() error) error {
	if err := a.attempts.knock(a.now(), address); err != nil {
		return err
	}
	err := try()
	if core.CodeOf(err) != core.Gone {
		a.attempts.unknock(address)
	}
	return err
}

// knocksPerAddress is how many wrong links an address may try within the window.
const knocksPerAddress = 30

// knock counts a link as wrong before its outcome is known.
func (a *attempts) knock(now time.Time, address string) error {
	key := "k:" + placeOf(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bound()
	if wait := a.wait(now, key, knocksPerAddress); wait > 0 {
		return &core.Error{
			Code: core.RateLimited, Message: "Too many links that were not valid. Wait a few minutes and try again.", Cause: &LimitError{After: wait},
		}
	}
	a.failures[key] = append(a.failures[key], now)
	return nil
}

// unknock takes back what knock counted: the link was right, or was never judged.
func (a *attempts) unknock(address string) {
	key := "k:" + placeOf(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	if list := a.failures[key]; len(list) > 0 {
		a.failures[key] = list[:len(list)-1]
	}
}
