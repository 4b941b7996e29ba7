package webchattest

import "time"

// Frame is anything that the server says; the fields are those of PROTOCOL.md.
type Frame struct {
	T            string        `json:"t"`
	ID           string        `json:"id"`
	Position     string        `json:"position"`
	Code         string        `json:"code"`
	What         string        `json:"what"`
	After        int           `json:"after"`
	At           float64       `json:"at"`
	Name         string        `json:"name"`
	On           bool          `json:"on"`
	More         bool          `json:"more"`
	Gap          bool          `json:"gap"`
	Status       Status        `json:"status"`
	Message      Message       `json:"message"`
	Messages     []Message     `json:"messages"`
	Limits       Limits        `json:"limits"`
	Availability *Availability `json:"availability"`
	Now          time.Time     `json:"now"`
}

// Status is how the conversation stands.
type Status struct {
	Conversation string `json:"conversation"`
	State        string `json:"state"`
	Agent        string `json:"agent"`
	Place        int    `json:"place"`
	Wait         int    `json:"wait"`
	Read         string `json:"read"`
}

// Message is one message of the thread.
type Message struct {
	ID           string       `json:"id"`
	Position     string       `json:"position"`
	Conversation string       `json:"conversation"`
	Client       string       `json:"client"`
	From         From         `json:"from"`
	Text         string       `json:"text"`
	Attachments  []Attachment `json:"attachments"`
	At           time.Time    `json:"at"`
	Deleted      bool         `json:"deleted"`
	Edited       bool         `json:"edited"`
}

// From is who wrote a message: Kind is customer, agent, bot or system.
type From struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Picture string `json:"picture"`
}

// Attachment is a file of a message.
type Attachment struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Size  int64  `json:"size"`
	State string `json:"state"`
	URL   string `json:"url"`
}

// Limits is what the server takes.
type Limits struct {
	Text    int      `json:"text"`
	File    int      `json:"file"`
	Files   int      `json:"files"`
	Types   []string `json:"types"`
	Blocked []string `json:"blocked"`
	Frame   int      `json:"frame"`
}

// Availability is whether somebody could answer.
type Availability struct {
	Open    bool       `json:"open"`
	Agent   bool       `json:"agent"`
	Wait    int        `json:"wait"`
	Line    int        `json:"line"`
	OpensAt *time.Time `json:"opens_at"`
}
