package store

import (
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// People who sign in, and the rest of the system's own records:
//
//	s c agent 0               credential
//	s n hash16                sign-in, by the hash of its token
//	s m agent 0 hash16        an agent's sign-ins
//	s o time8 hash16          sign-ins by when they end
//	s k id16                  API key
//	s h hash16                hash of an API key → id16
//	s j agent 0 id16          an agent's API keys
//	s l id16                  audit entry: audit.go
//	s u id16                  upload: upload.go
//	s r revision4             applied configuration: configuration.go
//	s v name                  setting: configuration.go
//	s p account 0 key         a plugin's state: state.go
//	s w account 0 id16        webhook request kept for later: state.go
//	s x id16                  conversations that follow an identity: moves.go
//	s .                       schema: schema.go
const (
	systemCredential    = 'c'
	systemSignIn        = 'n'
	systemSignInOf      = 'm'
	systemSignInEnd     = 'o'
	systemAPIKey        = 'k'
	systemAPIKeyHash    = 'h'
	systemAPIKeyOf      = 'j'
	systemAudit         = 'l'
	systemUpload        = 'u'
	systemConfiguration = 'r'
	systemSetting       = 'v'
	systemPluginState   = 'p'
	systemSpool         = 'w'
	systemContactMove   = 'x'
	systemSchema        = '.'
)

func credentialKey(agent string) key { return newKey(familySystem, systemCredential).name(agent) }

func signInKey(tokenHash string) key {
	return newKey(familySystem, systemSignIn).hash(hash16(tokenHash))
}

func apiKeyKey(id core.ID) key { return newKey(familySystem, systemAPIKey).id(id) }

// Credential returns how an agent proves who they are; nil when the agent has no password yet.
func (tx *Tx) Credential(agent string) (*core.Credential, error) {
	return get[core.Credential](tx, credentialKey(agent))
}

// PutCredential writes an agent's credential.
func (tx *Tx) PutCredential(c *core.Credential) { put(tx, credentialKey(c.Agent), c) }

// SignIn finds a sign-in by the hash of its token, also one that has expired; nil when there is none.
func (tx *Tx) SignIn(tokenHash string) (*core.SignIn, error) {
	return get[core.SignIn](tx, signInKey(tokenHash))
}

// PutSignIn writes a sign-in that is new or changed.
func (tx *Tx) PutSignIn(s *core.SignIn) {
	s.ExpiresAt = Time(s.ExpiresAt)
	rewrite(tx, signInKey(s.TokenHash), s, signInIndex)
}

// DeleteSignIn signs a browser out. Deleting an absent one does nothing.
func (tx *Tx) DeleteSignIn(tokenHash string) { remove(tx, signInKey(tokenHash), signInIndex) }

// SignInsOf returns where an agent is signed in, in no particular order, expired ones included.
func (tx *Tx) SignInsOf(agent string) ([]*core.SignIn, error) {
	return listed[core.SignIn](tx, newKey(familySystem, systemSignInOf).name(agent), func(rest []byte) key {
		return append(newKey(familySystem, systemSignIn), rest...)
	})
}

// ForgetSignIns removes sign-ins that expired before now, at most limit, and returns how many it removed.
func (tx *Tx) ForgetSignIns(now time.Time, limit int) (int, error) {
	prefix := newKey(familySystem, systemSignInEnd)
	r := kv.Range{Start: prefix, End: newKey(familySystem, systemSignInEnd).time(now), Limit: limit, KeysOnly: true}
	removed := 0
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return removed, err
		}
		remove(tx, append(newKey(familySystem, systemSignIn), p.Key[len(prefix)+8:]...), signInIndex)
		removed++
	}
	return removed, nil
}

func signInIndex(s *core.SignIn) map[string]string {
	h := hash16(s.TokenHash)
	return entries(
		newKey(familySystem, systemSignInOf).name(s.Agent).hash(h),
		newKey(familySystem, systemSignInEnd).time(s.ExpiresAt).hash(h),
	)
}

// APIKeyByHash finds an API key by its hash, also a revoked one; nil when there is none.
func (tx *Tx) APIKeyByHash(hash string) (*core.APIKey, error) {
	raw, err := tx.kv.Get(newKey(familySystem, systemAPIKeyHash).hash(hash16(hash)))
	if err == kv.ErrNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return get[core.APIKey](tx, apiKeyKey(idAt(raw, 0)))
}

// APIKey reads an API key; a NotFound error when there is none.
func (tx *Tx) APIKey(id core.ID) (*core.APIKey, error) {
	k, err := get[core.APIKey](tx, apiKeyKey(id))
	if err == nil && k == nil {
		err = missing("API key", id)
	}
	return k, err
}

// PutAPIKey writes an API key that is new or changed.
func (tx *Tx) PutAPIKey(k *core.APIKey) { rewrite(tx, apiKeyKey(k.ID), k, apiKeyIndex) }

// APIKeysOf returns an agent's API keys, oldest first, revoked ones included.
func (tx *Tx) APIKeysOf(agent string) ([]*core.APIKey, error) {
	return listed[core.APIKey](tx, newKey(familySystem, systemAPIKeyOf).name(agent), func(rest []byte) key {
		return append(newKey(familySystem, systemAPIKey), rest...)
	})
}

func apiKeyIndex(k *core.APIKey) map[string]string {
	id := k.ID.Bytes()
	m := entries(newKey(familySystem, systemAPIKeyOf).name(k.Agent).id(k.ID))
	m[string(newKey(familySystem, systemAPIKeyHash).hash(hash16(k.KeyHash)))] = string(id[:])
	return m
}
