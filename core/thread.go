package core

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ThreadMessage is a public message as the customer may see it.
type ThreadMessage struct {
	Position     Position
	Conversation ID
	ID           string
	ExternalID   string // of a customer's message: the channel's id; of ours: the outbox id
	From         AuthorKind
	Author       string // as customers are to see it; "" where they see no name
	Text         string
	Attachments  []Attachment
	CreatedAt    time.Time
	Deleted      bool // its text and attachments are gone
	Edited       bool
}

// ThreadStatus is where the newest conversation of a thread stands.
type ThreadStatus struct {
	Conversation ID    // "" when there is none
	State        State // "" when there is none
	Agent        string
	Place        int           // in line, from 1; 0 when it is not in line or not known
	ExpectedWait time.Duration // 0 when not known
	ReadUpTo     Position      // of the customer's last message that an agent has read
}

// ThreadChange is what those who watch a thread are told; one field is set.
type ThreadChange struct {
	Message *ThreadMessage // new, or changed
	Status  *ThreadStatus
	Lost    string // why the watch has ended without being stopped
}

// Availability is whether somebody could answer a new conversation now.
type Availability struct {
	Open           bool // within the hours of the queue that would take it
	AgentAvailable bool
	OpensAt        time.Time     // zero when not known, or open
	ExpectedWait   time.Duration // 0 when not known
	InLine         int           // who waits there already
}

// Position orders the messages of a thread bytewise, over all its conversations: the conversation's id, a colon, and
// the seq with as many zeros as make it 20 digits. "" stands for no position; any other text that sorts before all
// conversations' ids stands before the first message.
type Position string

// PositionOf is the position of a message.
func PositionOf(conversation ID, seq uint64) Position {
	return Position(fmt.Sprintf("%s:%020d", conversation, seq))
}

// Split returns the conversation and the seq of a position; what is no message's position stands before or behind all
// messages of the conversations that it sorts before or behind.
func (p Position) Split() (conversation ID, seq uint64) {
	id, number, _ := strings.Cut(string(p), ":")
	seq, _ = strconv.ParseUint(number, 10, 64)
	return ID(id), seq
}
