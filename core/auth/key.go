package auth

import (
	"context"
	"crypto/rand"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const (
	base62   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	keysEach = 50 // keys in force that one agent may have
	keyName  = 100
)

func newKey() string {
	var b strings.Builder
	b.WriteString(core.APIKeyPrefix)
	n := big.NewInt(int64(len(base62)))
	for range core.APIKeyLetters {
		i, _ := rand.Int(rand.Reader, n) // crypto/rand does not fail
		b.WriteByte(base62[i.Int64()])
	}
	return b.String()
}

// CreateKey makes an API key that acts as an agent, and returns the key itself: it is shown only here. also lists what it
// may beyond what every key may: WriteSecrets, where the agent's role allows it.
func (a *Auth) CreateKey(ctx context.Context, by Actor, agent, name string, also ...Action) (string, *core.APIKey, error) {
	if _, err := a.known(agent); err != nil {
		return "", nil, err
	}
	if name = strings.TrimSpace(name); name == "" || len(name) > keyName {
		return "", nil, core.FieldErrorf("name", "Give the key a name of 1 to %d characters, to recognise it by.", keyName)
	}
	secret, id := newKey(), core.NewID(a.now())
	entry := a.entry(by, "key.created", agent, map[string]string{"key": string(id), "name": name})
	var key *core.APIKey
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		list, err := tx.APIKeysOf(agent)
		if err != nil {
			return err
		}
		inForce := 0
		for _, k := range list {
			if k.RevokedAt.IsZero() {
				inForce++
			}
		}
		if inForce >= keysEach {
			return core.Errorf(core.Conflict, "%d API keys are in force already; revoke one first", keysEach)
		}
		key = &core.APIKey{
			ID: id, KeyHash: digest(secret), Agent: agent, Name: name, Secrets: slices.Contains(also, WriteSecrets), CreatedAt: tx.Now(),
		}
		tx.PutAPIKey(key)
		tx.AddAudit(entry)
		return nil
	})
	return secret, key, err
}

// AuthenticateKey finds as whom an API key acts; Unauthorized when it does not hold.
func (a *Auth) AuthenticateKey(ctx context.Context, secret string) (*Identity, error) {
	bad := &core.Error{Code: core.Unauthorized, Message: "This API key is not valid."}
	if !core.IsAPIKey(secret) {
		return nil, bad
	}
	var key *core.APIKey
	var credential *core.Credential
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		if key, err = tx.APIKeyByHash(digest(secret)); err != nil || key == nil {
			return err
		}
		credential, err = tx.Credential(key.Agent)
		return err
	})
	if err != nil {
		return nil, err
	}
	// An agent without a password may have keys; one that was disabled may not use them.
	if key == nil || !key.RevokedAt.IsZero() || (credential != nil && credential.Disabled) {
		return nil, bad
	}
	agent, ok := a.agent(key.Agent)
	if !ok {
		return nil, bad
	}
	if a.now().Sub(key.SeenAt) >= time.Hour {
		a.touchKey(ctx, key.ID)
	}
	return &Identity{Agent: *agent, Credential: "key:" + string(key.ID), Secrets: key.Secrets}, nil
}

func (a *Auth) touchKey(ctx context.Context, id core.ID) {
	_ = a.store.Update(ctx, func(tx *store.Tx) error {
		k, err := tx.APIKey(id)
		if err != nil {
			return err
		}
		k.SeenAt = tx.Now().Truncate(time.Hour)
		tx.PutAPIKey(k)
		return nil
	})
}

// Keys lists an agent's API keys that are in force, oldest first.
func (a *Auth) Keys(ctx context.Context, agent string) ([]*core.APIKey, error) {
	var keys []*core.APIKey
	err := a.store.View(ctx, func(tx *store.Tx) error {
		list, err := tx.APIKeysOf(agent)
		for _, k := range list {
			if k.RevokedAt.IsZero() {
				keys = append(keys, k)
			}
		}
		return err
	})
	return keys, err
}

// RevokeKey ends an API key of an agent.
func (a *Auth) RevokeKey(ctx context.Context, by Actor, agent string, id core.ID) error {
	entry := a.entry(by, "key.revoked", agent, map[string]string{"key": string(id)})
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		k, err := tx.APIKey(id)
		if err != nil {
			return err
		}
		if k.Agent != agent {
			return core.Errorf(core.NotFound, "there is no API key %s", id)
		}
		if !k.RevokedAt.IsZero() {
			return nil
		}
		k.RevokedAt = tx.Now()
		tx.PutAPIKey(k)
		tx.AddAudit(entry)
		return nil
	})
	if err == nil {
		a.ended(agent, "key:"+string(id))
	}
	return err
}
