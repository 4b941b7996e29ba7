package core

// Topics of the durable event log. Values are JSON of the types below: ids, versions and audiences, never texts.
const (
	TopicConversation = "conversation" // ConversationEvent
	TopicMessage      = "message"      // MessageEvent
	TopicAgent        = "agent"        // AgentEvent
	TopicOutbox       = "outbox"       // OutboxEvent
	TopicTimer        = "timer"        // TimerEvent
	TopicMedia        = "media"        // MediaEvent
	TopicContact      = "contact"      // ContactEvent
	TopicSignal       = "signal"       // SignalEvent
)

// ConversationEvent says that a conversation changed. Before is nil when it is new.
type ConversationEvent struct {
	Conversation ID        `json:"c"`
	Version      uint64    `json:"v"`
	State        State     `json:"s"`
	Before       *Audience `json:"b,omitempty"`
	After        Audience  `json:"a"`
	Route        bool      `json:"r,omitempty"` // a route mark was left
	Place        *Place    `json:"p,omitempty"` // where it is listed now, when that has changed
}

// MessageEvent says that a message is new or changed. Its audience is the conversation's.
type MessageEvent struct {
	Conversation ID       `json:"c"`
	Seq          uint64   `json:"q"`
	New          bool     `json:"n,omitempty"`
	Internal     bool     `json:"i,omitempty"`
	After        Audience `json:"a"`
}

// AgentEvent says that an agent's presence or load changed.
type AgentEvent struct {
	Agent   string `json:"g"`
	Version uint64 `json:"v"`
}

// OutboxEvent says that an entry became due or changed.
type OutboxEvent struct {
	Conversation ID          `json:"c"`
	Seq          uint64      `json:"q"`
	State        OutboxState `json:"s"`
}

// TimerEvent says that the set of timers changed and that one is due at the given Unix time in milliseconds.
type TimerEvent struct {
	Due int64 `json:"d"`
}

// MediaEvent says that an attachment waits to be fetched.
type MediaEvent struct {
	Conversation ID     `json:"c"`
	Seq          uint64 `json:"q"`
}

// ContactEvent says that a contact changed.
type ContactEvent struct {
	Contact ID     `json:"c"`
	Version uint64 `json:"v"`
}

// SignalEvent says that something happened which the customer's channel may pass on: who answers has changed, or the
// conversation is over. Agents are named by their ids.
type SignalEvent struct {
	Conversation ID            `json:"c"`
	Left         string        `json:"l,omitempty"`
	Joined       string        `json:"j,omitempty"`
	Ended        ClosureReason `json:"e,omitempty"`
}
