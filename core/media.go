package core

import "time"

// MediaHead is what is known of an attachment before its content.
type MediaHead struct {
	Type string
	Name string
	Size int64 // 0 when not known
}

// FetchOutcome is what came of an attempt to fetch an attachment. Exactly one of the cases holds.
type FetchOutcome struct {
	Done     bool
	NotReady bool // the provider is still preparing it
	Gone     bool
	Refused  bool
	After    time.Duration // with NotReady
	Reason   string
	Err      error // anything else: try again later
}

// Profile is what a provider tells about a customer.
type Profile struct {
	Name     string
	Language string
	Picture  string
}

// Signal is something to pass on to a channel that is not a message; exactly one field is set.
type Signal struct {
	Typing            bool
	TypingStopped     bool
	ReadID            string // the provider's id of the message read
	ReadToken         string
	AgentJoined       string
	AgentLeft         string
	ConversationEnded string
}
