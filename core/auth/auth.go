// Package auth knows who people are: passwords, sign-ins, API keys, roles, and the first administrator. It must not know
// HTTP (cookies and headers are core/api's) nor decide what a conversation's audience is (that is core/desk's).
//
// Who exists, with which name and role, is configuration ([core.Setup]); how they prove it lies in the store. Start
// reading at [Auth.SignIn] and [Auth.Authenticate]; role.go is the table of what each role may do.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// People adds a person to the configuration, where agents live.
type People interface {
	// Add appends an agent to the configuration file and applies it. It fills the ID where a is without one, and
	// returns the agent as it is then configured.
	Add(ctx context.Context, a core.Agent) (*core.Agent, error)
}

// Options is what Auth needs.
type Options struct {
	Store *store.Store
	Setup func() *core.Setup
	// People may be nil where the configuration cannot be edited: adding a person is then Unavailable.
	People People
	// Ended is told, after the fact, that a credential no longer holds, so that live sockets close: the credential's
	// name as in Identity.Credential, or "" for every credential of the agent. May be nil.
	Ended func(agent, credential string)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Auth checks who people are. Safe for concurrent use.
type Auth struct {
	store    *store.Store
	setup    func() *core.Setup
	people   People
	ended    func(agent, credential string)
	now      func() time.Time
	hasher   *hasher
	attempts *attempts
}

// New returns an Auth.
func New(o Options) *Auth {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Ended == nil {
		o.Ended = func(string, string) {}
	}
	return &Auth{
		store: o.Store, setup: o.Setup, people: o.People, ended: o.Ended, now: o.Now,
		hasher: newHasher(), attempts: newAttempts(),
	}
}

// Identity is who makes a request.
type Identity struct {
	Agent core.Agent
	// Credential names what proved it, stably and without revealing it: "sign-in:…" or "key:…".
	Credential string
	// Browser is true for a cookie, false for an API key.
	Browser bool
	// Secrets is true for an API key that was made to write secrets too.
	Secrets bool
	// SignIn is the hash of the sign-in's token; "" for an API key.
	SignIn string
}

// Actor says who does an administrative act, and from where, for the audit log.
type Actor struct {
	Agent   string // an agent's id, "cli" or "system"
	Role    core.Role
	Address string // client's network address; "" when local
}

// secret returns 256 random bits for a URL or a cookie.
func secret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// digest is the form in which secrets of high entropy are stored.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

var errSignedOut = &core.Error{Code: core.Unauthorized, Message: "You are not signed in."}

// agent returns a configured agent.
func (a *Auth) agent(id string) (*core.Agent, bool) {
	agent, ok := a.setup().Agents[id]
	return agent, ok
}

func (a *Auth) known(id string) (*core.Agent, error) {
	agent, ok := a.agent(id)
	if !ok {
		return nil, core.Errorf(core.NotFound, "there is no agent %q", id)
	}
	return agent, nil
}

func (a *Auth) entry(by Actor, act, subject string, details map[string]string) *core.AuditEntry {
	return &core.AuditEntry{
		ID: core.NewID(a.now()), Actor: by.Agent, Act: act, Subject: subject, Details: details, Address: by.Address,
	}
}
