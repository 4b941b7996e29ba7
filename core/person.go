package core

import (
	"strings"
	"time"
)

// Credential is how a person proves who they are. The agent's name, e-mail and role are configuration; this is not.
type Credential struct {
	Agent        string    `json:"agent"`
	PasswordHash string    `json:"password_hash"` // argon2id, in PHC form
	Disabled     bool      `json:"disabled,omitempty"`
	ChangedAt    time.Time `json:"changed_at"`
}

// SignIn is one browser where a person is signed in. Its token is known to the browser only; TokenHash is SHA-256, hex.
type SignIn struct {
	TokenHash string    `json:"token_hash"`
	Agent     string    `json:"agent"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"` // to the minute
	ExpiresAt time.Time `json:"expires_at"`
	Address   string    `json:"address"`
	UserAgent string    `json:"user_agent"`
}

// Every API key begins with APIKeyPrefix, so that scanners for leaked secrets can find one, and goes on with so many
// letters and digits.
const (
	APIKeyPrefix  = "gck_"
	APIKeyLetters = 32 // 190 bits
)

// IsAPIKey reports whether a text has the form of an API key.
func IsAPIKey(text string) bool {
	return strings.HasPrefix(text, APIKeyPrefix) && len(text) == len(APIKeyPrefix)+APIKeyLetters
}

// APIKey lets a program act as an agent.
type APIKey struct {
	ID        ID        `json:"id"`
	KeyHash   string    `json:"key_hash"` // SHA-256, hex
	Agent     string    `json:"agent"`
	Name      string    `json:"name"`
	Secrets   bool      `json:"secrets,omitempty"` // it may write secrets of the configuration, where its agent may
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at,omitzero"` // to the hour
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

// AuditEntry is one administrative act. It never holds a secret.
type AuditEntry struct {
	ID      ID                `json:"id"`    // its time is the act's
	Actor   string            `json:"actor"` // an agent's id, "cli" or "system"
	Act     string            `json:"act"`   // "agent.added", "configuration.applied" …
	Subject string            `json:"subject,omitempty"`
	Details map[string]string `json:"details,omitempty"`
	Address string            `json:"address,omitempty"`
}

// Upload is content that an agent has uploaded and not yet sent.
type Upload struct {
	ID        ID        `json:"id"`
	Agent     string    `json:"agent"`
	Hash      string    `json:"hash"` // SHA-256, hex
	Name      string    `json:"name"`
	Type      string    `json:"type"` // as sniffed
	Size      int64     `json:"size"`
	CreatedAt time.Time `json:"created_at"`
}

// AppliedConfiguration is one version of the configuration that was in force.
type AppliedConfiguration struct {
	Revision int       `json:"revision"`
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Text     string    `json:"text"`   // secrets replaced by fingerprints
	Sealed   []byte    `json:"sealed"` // the text as it was, sealed with the key in DATA/keys
	Hash     string    `json:"hash"`   // SHA-256 of the text as it was, hex
}
