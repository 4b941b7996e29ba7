package core

import (
	"strings"
	"time"
)

// Presence is whether an agent can be offered work.
type Presence string

// The base presences. Inactive is set by the system only (a missed offer) and never by a person.
const (
	Available    Presence = "available"
	Busy         Presence = "busy"
	DoNotDisturb Presence = "do-not-disturb"
	Away         Presence = "away"
	Offline      Presence = "offline"
	Inactive     Presence = "inactive"
)

// Settable reports whether a person may choose p.
func (p Presence) Settable() bool {
	switch p {
	case Available, Busy, DoNotDisturb, Away, Offline:
		return true
	}
	return false
}

// AgentStatus is what changes about an agent while the desk runs: presence and load. It is the guard record of every
// transaction that gives the agent work or takes it away.
type AgentStatus struct {
	Agent         string    `json:"agent"`
	Version       uint64    `json:"version"`
	Presence      Presence  `json:"presence"`
	PresenceSince time.Time `json:"presence_since"`
	// LeaseUntil is until when the presence holds without a live connection or another call; zero while a connection
	// holds it.
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	// Former is the presence to restore when the agent comes back within the grace time.
	Former Presence `json:"former,omitempty"`
	// Load is the units of capacity in use: accepted conversations and ringing offers. It may exceed the capacity
	// after a manual pick.
	Load int `json:"load"`
	// IdleSince is when the agent last received or finished work; ties go to the longest idle.
	IdleSince time.Time `json:"idle_since"`
}

// NormalizeEmail brings an e-mail address to the form in which it is compared.
func NormalizeEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
