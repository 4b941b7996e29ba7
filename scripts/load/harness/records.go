package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"
)

// Records is what an export holds, as far as the checks need it.
type Records struct {
	Conversations map[string]StoredConversation
	Messages      []StoredMessage // by conversation in order of creation, then by seq
	Outbox        map[string]int  // number of entries by state
	Count         map[string]int  // number of records by kind
}

// StoredConversation is a conversation's record.
type StoredConversation struct {
	ID        string    `json:"id"`
	State     string    `json:"state"`
	LastSeq   uint64    `json:"last_seq"`
	CreatedAt time.Time `json:"created_at"`
	Thread    struct {
		ID string `json:"id"`
	} `json:"thread"`
}

// StoredMessage is a message's record.
type StoredMessage struct {
	ID           string `json:"id"`
	Conversation string `json:"conversation"`
	Seq          uint64 `json:"seq"`
	From         struct {
		Kind string `json:"kind"`
		ID   string `json:"id"`
	} `json:"from"`
	Visibility string `json:"visibility"`
	Text       string `json:"text"`
	State      string `json:"state"`
	Reason     *struct {
		Code string `json:"code"`
		Text string `json:"text"`
	} `json:"reason"`
	ExternalIDs []string  `json:"external_ids"`
	CreatedAt   time.Time `json:"created_at"`
}

// Export runs the export command and reads what it printed.
func (s *Server) Export(ctx context.Context) (*Records, error) {
	out, err := s.Run(ctx, "", "export")
	if err != nil {
		return nil, err
	}
	return ReadRecords(strings.NewReader(out))
}

// ReadRecords reads JSON Lines as export writes them.
func ReadRecords(r io.Reader) (*Records, error) {
	all := &Records{Conversations: map[string]StoredConversation{}, Outbox: map[string]int{}, Count: map[string]int{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var head struct {
			Kind string `json:"kind"`
		}
		if err := json.Unmarshal(lines.Bytes(), &head); err != nil || head.Kind == "" {
			return nil, fmt.Errorf("harness: the export holds the line %q (%w)", tail(lines.Text()), err)
		}
		all.Count[head.Kind]++
		var err error
		switch head.Kind {
		case "conversation":
			var c StoredConversation
			err = json.Unmarshal(lines.Bytes(), &c)
			all.Conversations[c.ID] = c
		case "message":
			var m StoredMessage
			err = json.Unmarshal(lines.Bytes(), &m)
			all.Messages = append(all.Messages, m)
		case "outbox":
			var e struct {
				State string `json:"state"`
			}
			err = json.Unmarshal(lines.Bytes(), &e)
			all.Outbox[e.State]++
		}
		if err != nil {
			return nil, fmt.Errorf("harness: the export holds the line %q: %w", tail(lines.Text()), err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("harness: read the export: %w", err)
	}
	sort.SliceStable(all.Messages, func(i, j int) bool {
		a, b := all.Messages[i], all.Messages[j]
		if a.Conversation != b.Conversation {
			ca, cb := all.Conversations[a.Conversation], all.Conversations[b.Conversation]
			if !ca.CreatedAt.Equal(cb.CreatedAt) {
				return ca.CreatedAt.Before(cb.CreatedAt)
			}
			return a.Conversation < b.Conversation
		}
		return a.Seq < b.Seq
	})
	return all, nil
}

// Unsettled is how many outgoing messages and media are still on their way, and how many requests wait for a plugin.
func (r *Records) Unsettled() int {
	return r.Outbox["queued"] + r.Outbox["sending"] + r.Count["spooled-request"] + r.Count["fetch"]
}
