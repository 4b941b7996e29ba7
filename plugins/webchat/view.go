package webchat

import (
	"encoding/json"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// The frames to the panel, as PROTOCOL.md has them.
type (
	welcomeFrame struct {
		T            string            `json:"t"`
		Status       statusView        `json:"status"`
		Messages     []messageView     `json:"messages"`
		More         bool              `json:"more"`
		Gap          bool              `json:"gap"`
		Limits       limitsView        `json:"limits"`
		Availability *availabilityView `json:"availability,omitempty"`
		Now          time.Time         `json:"now"`
	}
	messageFrame struct {
		T       string      `json:"t"`
		Message messageView `json:"message"`
	}
	statusFrame struct {
		T      string     `json:"t"`
		Status statusView `json:"status"`
	}
	olderFrame struct {
		T        string        `json:"t"`
		Messages []messageView `json:"messages"`
		More     bool          `json:"more"`
	}
	typingFrame struct {
		T    string `json:"t"`
		Name string `json:"name"`
		On   bool   `json:"on"`
	}
	acceptedFrame struct {
		T        string `json:"t"`
		ID       string `json:"id"`
		Position string `json:"position,omitempty"`
	}
	refusedFrame struct {
		T     string `json:"t"`
		ID    string `json:"id"`
		Code  string `json:"code"`
		After int    `json:"after,omitempty"`
	}
	laterFrame struct {
		T     string `json:"t"`
		ID    string `json:"id,omitempty"`
		What  string `json:"what,omitempty"`
		After int    `json:"after"`
	}
	pongFrame struct {
		T  string      `json:"t"`
		At json.Number `json:"at"` // as it came; none is written as 0
	}
	byeFrame struct {
		T     string `json:"t"`
		Code  string `json:"code"`
		After int    `json:"after,omitempty"`
	}
)

type statusView struct {
	Conversation string `json:"conversation"`
	State        string `json:"state"`
	Agent        string `json:"agent"`
	Place        int    `json:"place"`
	Wait         int    `json:"wait"`
	Read         string `json:"read"`
}

type messageView struct {
	ID           string           `json:"id"`
	Position     string           `json:"position"`
	Conversation string           `json:"conversation"`
	Client       string           `json:"client"`
	From         authorView       `json:"from"`
	Text         string           `json:"text"`
	Attachments  []attachmentView `json:"attachments,omitempty"`
	At           time.Time        `json:"at"`
	Deleted      bool             `json:"deleted,omitempty"`
	Edited       bool             `json:"edited,omitempty"`
}

type authorView struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Picture string `json:"picture,omitempty"`
}

type attachmentView struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Size  int64  `json:"size"`
	State string `json:"state"`
	URL   string `json:"url,omitempty"`
}

type limitsView struct {
	Text    int      `json:"text"`
	File    int      `json:"file"`
	Files   int      `json:"files"`
	Types   []string `json:"types"`
	Blocked []string `json:"blocked"`
	Frame   int      `json:"frame"`
}

type availabilityView struct {
	Open    bool       `json:"open"`
	Agent   bool       `json:"agent"`
	Wait    int        `json:"wait"`
	Line    int        `json:"line"`
	OpensAt *time.Time `json:"opens_at,omitempty"`
}

// limitsOf is what is taken on a channel.
func limitsOf(place sdk.ChannelAddress) limitsView {
	limits := limitsView{Text: maxText, File: maxFile, Files: maxFiles, Types: []string{"*/*"}, Blocked: blockedExtensions, Frame: maxFrame}
	if place.NoAttachments {
		limits.File, limits.Files, limits.Types = 0, 0, []string{}
	}
	return limits
}
