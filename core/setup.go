package core

import "time"

// Setup is how the desk is set up: the applied configuration as domain types. It is immutable; applying a
// configuration makes a new one with a higher Revision. Objects that are switched off (enabled = false) are not in it.
type Setup struct {
	Revision     int // number of the applied configuration version
	Organization Organization
	Accounts     map[string]*Account
	Channels     map[string]*Channel
	Workstreams  map[string]*Workstream
	Queues       map[string]*Queue
	Agents       map[string]*Agent
}

// Organization is the business that runs the desk.
type Organization struct {
	ID            string
	Name          string
	Language      string // BCP 47
	TimeZone      string // IANA name
	PrivacyNotice string
}

// Account is a set of credentials at a provider, handled by one plugin.
type Account struct {
	ID       string
	Plugin   string
	Name     string
	Test     bool // may override provider addresses
	Retired  bool // no new conversations; goes when the open ones are closed
	Consent  bool
	Settings map[string]any // as validated against the plugin's settings schema; secrets resolved
}

// Channel is one reachable address under an account, attached to exactly one workstream.
type Channel struct {
	ID           string
	Account      string
	Workstream   string
	Language     string
	Address      map[string]string // what distinguishes it under its account; empty where an account has one address
	FromCustomer bool              // customers may send attachments
	FromAgent    bool              // agents may send attachments
	Retired      bool
	Widget       *Widget // of a live channel; nil for every other
}

// Distribution is how a workstream's conversations reach agents.
type Distribution string

// Push offers conversations to agents; Pick leaves them in the queue to be taken.
const (
	Push Distribution = "push"
	Pick Distribution = "pick"
)

// Workstream says how conversations of its channels are classified, distributed and closed.
type Workstream struct {
	ID               string
	Plugin           string
	Persistent       bool
	Distribution     Distribution
	PickFromPush     bool // agents may also pick from a push workstream
	Capacity         int  // units one conversation takes of an agent's capacity
	FallbackQueue    string
	Affinity         bool          // a waiting conversation returns to its former agent
	AllowedPresences []Presence    // presences in which an agent is offered conversations
	OfferTimeout     time.Duration // how long an offer rings
	DeclinesAllowed  int           // times the same agent may be offered a conversation it declined
	// InactiveAfterMissed says that an agent who misses an offer is offered nothing more until they say that they are there.
	InactiveAfterMissed bool
	AutoClose           AutoClose
	WrapUp              WrapUp
}

// AutoClose is after how much inactivity a conversation closes by itself, per state; 0 means never.
type AutoClose struct {
	Open, Active, Waiting, WrapUp time.Duration
}

// WrapUp says for how long an ended conversation still takes capacity.
type WrapUp struct {
	Block string        // "always", "custom", "none"
	For   time.Duration // with "custom"
}

// Queue is a line of waiting conversations.
type Queue struct {
	ID         string
	Name       string
	Priority   int // smaller wins
	Members    []string
	Assignment string // "highest-capacity"
}

// Role is what a person who signs in may do.
type Role string

// The built-in roles.
const (
	Administrator Role = "administrator"
	Supervisor    Role = "supervisor"
	AgentRole     Role = "agent"
)

// Agent is a person who answers customers, as configured.
type Agent struct {
	ID       string
	Email    string
	Name     string
	Role     Role
	Capacity int      // units
	Presence Presence // the one taken at sign-in
}

// ChannelFor finds the channel of an account to which an event came: the one whose address agrees with every element
// the event names, else the account's only one. The second result is false where there is none.
func (s *Setup) ChannelFor(account string, address map[string]string) (*Channel, bool) {
	var only *Channel
	count := 0
	for _, ch := range s.Channels {
		if ch.Account != account {
			continue
		}
		count++
		only = ch
		if len(ch.Address) > 0 && agrees(ch.Address, address) {
			return ch, true
		}
	}
	if count == 1 && len(only.Address) == 0 {
		return only, true
	}
	return nil, false
}

func agrees(want, got map[string]string) bool {
	for k, v := range want {
		if got[k] != v {
			return false
		}
	}
	return true
}

// QueuesOf returns the ids of the queues that an agent is a member of.
func (s *Setup) QueuesOf(agent string) []string {
	var ids []string
	for id, q := range s.Queues {
		for _, m := range q.Members {
			if m == agent {
				ids = append(ids, id)
				break
			}
		}
	}
	return ids
}

// AgentByEmail finds an agent by e-mail address, compared without case.
func (s *Setup) AgentByEmail(email string) (*Agent, bool) {
	want := NormalizeEmail(email)
	for _, a := range s.Agents {
		if NormalizeEmail(a.Email) == want {
			return a, true
		}
	}
	return nil, false
}
