package core

import "time"

// State is where a conversation stands.
type State string

// The states of a conversation. Open: queued, with nobody. Active: with an agent. Waiting: an agent has left it until
// the customer writes again. WrapUp: ended, after-work. Closed is final.
const (
	Open       State = "open"
	Active     State = "active"
	Waiting    State = "waiting"
	WrappingUp State = "wrap-up"
	Closed     State = "closed"
)

// Conversation is one end-to-end interaction with a customer.
type Conversation struct {
	ID         ID     `json:"id"`
	Version    uint64 `json:"version"` // grows by one with every change; timers and offers name the one they belong to
	State      State  `json:"state"`
	Account    string `json:"account"`
	Channel    string `json:"channel"`
	Workstream string `json:"workstream"`
	// Queue is "" only until the router has first looked at the conversation.
	Queue string `json:"queue,omitempty"`
	// Assignee is the agent who has it; "" while open. It stays after waiting, for affinity, in Former.
	Assignee string `json:"assignee,omitempty"`
	Former   string `json:"former,omitempty"`
	Offer    *Offer `json:"offer,omitempty"` // ringing; the state is open meanwhile
	// Units is the capacity that Assignee (or the offered agent) gives to this conversation right now; 0 when none.
	Units int `json:"units,omitempty"`

	Contact  ID          `json:"contact"`
	Identity IdentityKey `json:"identity"` // who to answer to
	Thread   Thread      `json:"thread"`   // which conversation at the provider
	Language string      `json:"language,omitempty"`

	LastSeq     uint64   `json:"last_seq"` // seq of the newest message; also the guard of the message log
	LastMessage *Preview `json:"last_message,omitempty"`
	// LastCustomerMessage is what the customer said last: an activity never replaces it on a list.
	LastCustomerMessage *Preview `json:"last_customer_message,omitempty"`
	// FirstWords is what the customer said first: what a list of former conversations shows.
	FirstWords *FirstWords `json:"first_words,omitempty"`
	Unread     int         `json:"unread,omitempty"` // customer messages that no agent has read
	// ReadUpTo is the seq of the newest message there was when an agent last read or answered.
	ReadUpTo uint64 `json:"read_up_to,omitempty"`
	// WaitingSince is since when the customer waits for a first or next answer; zero when it is our turn no longer.
	WaitingSince time.Time `json:"waiting_since,omitzero"`
	// QueuedSince is since when it waits in its queue: what "oldest first" compares.
	QueuedSince time.Time `json:"queued_since,omitzero"`
	// Window is until when free text may be sent; zero where the channel has no such limit.
	Window time.Time `json:"window,omitzero"`

	Reply         *ReplyToken `json:"reply,omitempty"` // the newest unused one
	LastInboundID string      `json:"last_inbound_id,omitempty"`
	LastInboundAt time.Time   `json:"last_inbound_at,omitzero"`
	ReadToken     string      `json:"read_token,omitempty"`
	NoReply       bool        `json:"no_reply,omitempty"`

	Sessions int            `json:"sessions"`           // number of the newest session
	Declines map[string]int `json:"declines,omitempty"` // by agent, since it was last queued

	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
	LastActivity time.Time `json:"last_activity"` // what auto-close counts from
	ClosedAt     time.Time `json:"closed_at,omitzero"`
	// CloseDue is when its auto-close timer looks at it next; zero while none is set.
	CloseDue time.Time `json:"close_due,omitzero"`
}

// Offer is a conversation proposed to an agent; capacity is reserved while it rings.
type Offer struct {
	ID       ID        `json:"id"`
	Agent    string    `json:"agent"`
	Queue    string    `json:"queue"`
	At       time.Time `json:"at"`
	Deadline time.Time `json:"deadline"`
}

// Thread is the conversation at the provider: a user, a group, a room.
type Thread struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
}

// ReplyToken answers once, for a short time.
type ReplyToken struct {
	Token      string    `json:"token"`
	ReceivedAt time.Time `json:"received_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// Preview is a message as lists show it.
type Preview struct {
	Seq  uint64     `json:"seq"`
	From AuthorKind `json:"from"`
	Kind string     `json:"kind,omitempty"` // as Message.Kind, when not "text"
	Text string     `json:"text"`           // at most 200 characters
	At   time.Time  `json:"at"`
	// Internal is set when it is a note that the customer does not see.
	Internal bool `json:"internal,omitempty"`
}

// FirstWords is the beginning of a customer's first text in a conversation.
type FirstWords struct {
	Seq  uint64 `json:"seq"`
	Text string `json:"text"` // at most 120 characters
}

// Draft is what an agent has begun to write in a conversation and not yet sent. It is theirs alone.
type Draft struct {
	Conversation ID         `json:"conversation"`
	Agent        string     `json:"agent"`
	Text         string     `json:"text"`
	Visibility   Visibility `json:"visibility"`
	UpdatedAt    time.Time  `json:"updated_at"`
}

// Place is in which lists a conversation that is not closed stands. The zero Place is that of a closed one.
type Place struct {
	Open  bool   `json:"o,omitempty"` // it is not closed
	Agent string `json:"g,omitempty"` // on whose own list it is; "" on nobody's
	Queue string `json:"q,omitempty"` // in which queue it waits; "" in none
}

// Place returns where c is listed.
func (c *Conversation) Place() Place {
	p := Place{Open: c.State != Closed}
	if !p.Open {
		return p
	}
	p.Agent = c.Assignee
	if p.Agent == "" && c.State == Waiting {
		p.Agent = c.Former
	}
	if c.State == Open {
		p.Queue = c.Queue
	}
	return p
}

// Variable is a context variable: a named text or number. Variables are stored beside their conversation, not in it:
// a hundred long ones would make every write of the conversation slow.
type Variable struct {
	Type  string `json:"type"` // "text" or "number"
	Value string `json:"value"`
}

// Ended reports whether nothing more will happen by itself.
func (c *Conversation) Ended() bool { return c.State == Closed || c.State == WrappingUp }

// Audience is who may see a conversation, beyond supervisors and administrators, who see all.
type Audience struct {
	Queue  string   `json:"queue,omitempty"`
	Agents []string `json:"agents,omitempty"` // assignee, offered agent, participants; sorted, no duplicates
}

// Audience returns who may see c: members of its queue while it waits there, and whoever has it or is offered it.
func (c *Conversation) Audience() Audience {
	var a Audience
	if c.State == Open {
		a.Queue = c.Queue
	}
	add := func(agent string) {
		if agent == "" {
			return
		}
		for _, have := range a.Agents {
			if have == agent {
				return
			}
		}
		a.Agents = append(a.Agents, agent)
	}
	add(c.Assignee)
	if c.State == Waiting || c.Ended() {
		add(c.Former)
	}
	if c.Offer != nil {
		add(c.Offer.Agent)
	}
	if len(a.Agents) == 2 && a.Agents[0] > a.Agents[1] {
		a.Agents[0], a.Agents[1] = a.Agents[1], a.Agents[0]
	}
	return a
}

// ClosureReason says why a session ended.
type ClosureReason string

// The closure reasons that exist so far; the set grows, names stay.
const (
	AgentReject          ClosureReason = "agent-reject"
	AgentTimeout         ClosureReason = "agent-timeout"
	AgentClosed          ClosureReason = "agent-closed" // left without ending
	AgentDisconnected    ClosureReason = "agent-disconnected"
	AgentTransferred     ClosureReason = "agent-transferred"
	AgentTransferToQueue ClosureReason = "agent-transfer-to-queue"
	AgentEndConversation ClosureReason = "agent-end-conversation"
	ConversationClosed   ClosureReason = "conversation-closed"
	CustomerEnded        ClosureReason = "customer-end-conversation"
	AutoClosed           ClosureReason = "auto-close"
	ForceClosed          ClosureReason = "force-close"
	SystemReject         ClosureReason = "system-reject" // the offer was withdrawn
	AgentPicked          ClosureReason = "agent-picked"  // another agent took it while the offer rang
)

// Session is one leg of a conversation with one assignee.
type Session struct {
	Conversation ID            `json:"conversation"`
	Number       int           `json:"number"` // from 1
	Agent        string        `json:"agent"`
	Queue        string        `json:"queue,omitempty"`
	Participants []Participant `json:"participants,omitempty"`
	OfferedAt    time.Time     `json:"offered_at,omitzero"`
	AcceptedAt   time.Time     `json:"accepted_at,omitzero"`
	ClosedAt     time.Time     `json:"closed_at,omitzero"`
	Reason       ClosureReason `json:"reason,omitempty"`
}

// Participant is someone attached to a session.
type Participant struct {
	Agent string    `json:"agent"`
	Mode  string    `json:"mode"` // "primary", "consult", "monitor"
	Since time.Time `json:"since"`
}
