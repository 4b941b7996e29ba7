package sdk

import (
	"context"
	"iter"
	"net/http"
	"strconv"
	"time"
)

// Connector is a Channel whose customers hold live connections (WebSockets). The host terminates them, at every path
// below the account that asks for an upgrade, and carries all of them over one stream.
type Connector interface {
	// Connect serves one connection until it returns. To turn the connection away return *ConnectionRefused before the
	// first Receive or Send; any other error closes it with code 1011. ctx ends with the connection.
	Connect(ctx context.Context, conn Connection) error
}

// Connection is one live connection. Receive and Send may be called concurrently with each other, each by one goroutine
// at a time. The first of them accepts the connection.
type Connection interface {
	// Request is the request to upgrade, as a webhook request would be: WebhookPath and ReceivedAt work on it, and its
	// RemoteAddr is the browser's.
	Request() *http.Request
	// Receive returns the next message; io.EOF when the browser has closed.
	Receive(ctx context.Context) ([]byte, error)
	// Send sends one text message of at most 32 KiB. It waits while the browser is slow to read.
	Send(ctx context.Context, message []byte) error
	// Close ends the connection with a WebSocket code and a short reason.
	Close(code int, reason string)
}

// ConnectionRefused turns a connection away with an HTTP answer.
type ConnectionRefused struct {
	Status int
	Body   string
}

func (e *ConnectionRefused) Error() string {
	return "connection refused with status " + strconv.Itoa(e.Status)
}

// Conversations is what the host tells about the conversations of an open account's customers. Internal notes never
// pass here. A position orders the messages of a thread bytewise; "" stands for before the first.
type Conversations interface {
	// History returns at most limit messages before a position ("" means the newest), oldest first, and whether there
	// are more before them.
	History(ctx context.Context, thread Thread, before string, limit int) (messages []ThreadMessage, more bool, err error)
	// HistoryAfter returns at most limit messages after a position, oldest first, and whether there are more after them.
	HistoryAfter(ctx context.Context, thread Thread, after string, limit int) (messages []ThreadMessage, more bool, err error)
	// ThreadStatus returns where the thread's conversation stands.
	ThreadStatus(ctx context.Context, thread Thread) (ThreadStatus, error)
	// Watch tells of what changes in a thread as soon as it is durable: its status first, the messages after the
	// position (all that are new when it is ""), then every change. It ends with an error when the host lost track, and
	// without one when ctx ends.
	Watch(ctx context.Context, thread Thread, after string) iter.Seq2[ThreadChange, error]
	// Availability says whether somebody could answer a new conversation on a channel of the account now.
	Availability(ctx context.Context, address map[string]string) (Availability, error)
}

// ThreadChange is one change; exactly one field is set.
type ThreadChange struct {
	Message *ThreadMessage // new, or changed
	Status  *ThreadStatus
}

// ThreadMessage is a public message as the customer may see it.
type ThreadMessage struct {
	Position     string
	Conversation string
	ID           string // the host's
	ExternalID   string // of a customer's message: Message.ID; of ours: the outbox id
	Author       ThreadAuthor
	Text         string
	Attachments  []ThreadAttachment
	CreatedAt    time.Time
	Deleted      bool
	Edited       bool
}

// ThreadAuthor is who wrote a message. Name is as customers are to see it.
type ThreadAuthor struct {
	Kind       ThreadAuthorKind
	Name       string
	PictureURL string
}

// ThreadAuthorKind is the kind of an author.
type ThreadAuthorKind int

// The kinds of authors of a thread's messages.
const (
	ThreadCustomer ThreadAuthorKind = iota + 1
	ThreadAgent
	ThreadBot
	ThreadSystem
)

// ThreadAttachment is content of a message: read it with Host.GetMedia or publish it with Host.PublishMedia. Handle is
// empty until the state is MediaReady.
type ThreadAttachment struct {
	Handle string
	Type   string
	Name   string
	Size   int64
	State  ThreadMediaState
}

// ThreadMediaState is whether content can be had.
type ThreadMediaState int

// The states.
const (
	ThreadMediaFetching ThreadMediaState = iota + 1
	ThreadMediaReady
	ThreadMediaGone
	ThreadMediaRefused
)

// ThreadStatus is where a thread's newest conversation stands.
type ThreadStatus struct {
	Conversation string // "" when there is none
	State        ThreadState
	Agent        string        // who answers, as customers are to see it
	Place        int           // in line, from 1; 0 when it is not in line or not known
	ExpectedWait time.Duration // 0 when not known
	ReadUpTo     string        // position of the customer's last message that an agent has read
}

// ThreadState is the state of a conversation as its customer sees it.
type ThreadState int

// The states.
const (
	ThreadNone    ThreadState = iota + 1 // nothing was said yet
	ThreadOpen                           // in line
	ThreadActive                         // somebody answers
	ThreadWaiting                        // it rests until somebody writes
	ThreadWrapUp                         // ended
	ThreadClosed
)

// Availability is whether somebody could answer now.
type Availability struct {
	Open           bool // within the hours of the queue that would take it
	AgentAvailable bool
	OpensAt        time.Time
	ExpectedWait   time.Duration // 0 when not known
	InLine         int
}
