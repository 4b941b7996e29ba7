package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client calls the API as one person, with an API key.
type Client struct {
	Server *Server
	Key    string
	HTTP   *http.Client
}

// Problem is an answer that is not a success.
type Problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Body   string `json:"-"`
}

func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail) }

// StatusOf returns the status of a Problem in err's chain: 0 where the call did not get through or went well.
func StatusOf(err error) int {
	var p *Problem
	if errors.As(err, &p) {
		return p.Status
	}
	return 0
}

// Named is a reference with a name.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Conversation is what the API shows of one.
type Conversation struct {
	ID           string     `json:"id"`
	State        string     `json:"state"`
	Channel      string     `json:"channel"`
	Account      string     `json:"account"`
	Workstream   string     `json:"workstream"`
	Queue        string     `json:"queue"`
	Assignee     string     `json:"assignee"`
	OfferedTo    string     `json:"offered_to"`
	Contact      Named      `json:"contact"`
	LastSeq      uint64     `json:"last_seq"`
	Unread       int        `json:"unread"`
	WaitingSince *time.Time `json:"waiting_since"`
	CreatedAt    time.Time  `json:"created_at"`
	LastMessage  *struct {
		Text string `json:"text"`
	} `json:"last_message"`
	Sessions []struct {
		Agent  string `json:"agent"`
		Reason string `json:"reason"`
	} `json:"sessions"`
}

// Message is what the API shows of one.
type Message struct {
	ID           string       `json:"id"`
	Conversation string       `json:"conversation"`
	Seq          uint64       `json:"seq"`
	Kind         string       `json:"kind"`
	From         Author       `json:"from"`
	Visibility   string       `json:"visibility"`
	Text         string       `json:"text"`
	Attachments  []Attachment `json:"attachments"`
	State        string       `json:"state"`
	Reason       *struct {
		Code string `json:"code"`
		Text string `json:"text"`
	} `json:"reason"`
	ExternalIDs []string   `json:"external_ids"`
	OccurredAt  time.Time  `json:"occurred_at"`
	CreatedAt   time.Time  `json:"created_at"`
	DeletedAt   *time.Time `json:"deleted_at"`
}

// Author is who wrote something: a customer, an agent, a bot or the system.
type Author struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Attachment is content of a message.
type Attachment struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Reason string `json:"reason"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	URL    string `json:"url"`
}

// Offer is a conversation that rings.
type Offer struct {
	ID           string `json:"id"`
	Conversation string `json:"conversation"`
	Queue        string `json:"queue"`
	Contact      Named  `json:"contact"`
	RemainingMS  int64  `json:"remaining_ms"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// Draft is a message to send.
type Draft struct {
	ID          string   `json:"id"`
	Text        string   `json:"text"`
	Visibility  string   `json:"visibility"`
	Attachments []string `json:"attachments,omitempty"`
}

// Do calls the API. A body that is not nil is sent as JSON, an answer is decoded into out unless that is nil. It
// returns the status; an answer of 400 or more is a *Problem.
func (c *Client) Do(ctx context.Context, method, path string, body, out any) (int, error) {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, fmt.Errorf("harness: %w", err)
		}
		reader = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.Server.URL()+path, reader)
	if err != nil {
		return 0, fmt.Errorf("harness: %w", err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	raw, status, err := c.send(r)
	if err != nil {
		return status, err
	}
	if out != nil && len(raw) > 0 {
		if err := json.Unmarshal(raw, out); err != nil {
			return status, fmt.Errorf("harness: %s %s answered %q: %w", method, path, tail(string(raw)), err)
		}
	}
	return status, nil
}

func (c *Client) send(r *http.Request) (body []byte, status int, err error) {
	if c.Key != "" {
		r.Header.Set("Authorization", "Bearer "+c.Key)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, 0, fmt.Errorf("harness: %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, 0, fmt.Errorf("harness: %s %s: %w", r.Method, r.URL.Path, err)
	}
	if res.StatusCode >= 400 {
		p := &Problem{}
		_ = json.Unmarshal(raw, p) // what is no problem document is shown as it is
		p.Status, p.Body = res.StatusCode, tail(string(raw))
		if p.Detail == "" {
			p.Detail = p.Body
		}
		return raw, res.StatusCode, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, p)
	}
	return raw, res.StatusCode, nil
}

// SetPresence says whether the person can be offered work.
func (c *Client) SetPresence(ctx context.Context, presence string) error {
	_, err := c.Do(ctx, http.MethodPut, "/api/v1/me/presence", map[string]string{"presence": presence}, nil)
	return err
}

// Presence returns the person's presence.
func (c *Client) Presence(ctx context.Context) (string, error) {
	var out struct {
		Presence string `json:"presence"`
	}
	_, err := c.Do(ctx, http.MethodGet, "/api/v1/me/presence", nil, &out)
	return out.Presence, err
}

// Offers returns what rings at the person.
func (c *Client) Offers(ctx context.Context) ([]Offer, error) {
	var page Page[Offer]
	_, err := c.Do(ctx, http.MethodGet, "/api/v1/offers", nil, &page)
	return page.Items, err
}

// Accept takes an offer, Decline refuses it.
func (c *Client) Accept(ctx context.Context, offer string) error {
	_, err := c.Do(ctx, http.MethodPost, "/api/v1/offers/"+offer+"/accept", nil, nil)
	return err
}

// Decline: see Accept.
func (c *Client) Decline(ctx context.Context, offer string) error {
	_, err := c.Do(ctx, http.MethodPost, "/api/v1/offers/"+offer+"/decline", nil, nil)
	return err
}

// Conversations returns one page of a view: mine, waiting, all or closed.
func (c *Client) Conversations(ctx context.Context, view, cursor string) (Page[Conversation], error) {
	var page Page[Conversation]
	_, err := c.Do(ctx, http.MethodGet, "/api/v1/conversations?view="+view+"&cursor="+url.QueryEscape(cursor), nil, &page)
	return page, err
}

// EveryConversation returns all pages of a view.
func (c *Client) EveryConversation(ctx context.Context, view string) ([]Conversation, error) {
	var list []Conversation
	cursor := ""
	for {
		page, err := c.Conversations(ctx, view, cursor)
		if err != nil {
			return nil, err
		}
		list = append(list, page.Items...)
		if cursor = page.Next; cursor == "" {
			return list, nil
		}
	}
}

// Conversation reads one.
func (c *Client) Conversation(ctx context.Context, id string) (*Conversation, error) {
	out := &Conversation{}
	_, err := c.Do(ctx, http.MethodGet, "/api/v1/conversations/"+id, nil, out)
	return out, err
}

// Messages returns all messages of a conversation after a seq.
func (c *Client) Messages(ctx context.Context, conversation string, after uint64) ([]Message, error) {
	var list []Message
	for {
		var page struct {
			Items []Message `json:"items"`
			Next  any       `json:"next"`
		}
		if _, err := c.Do(ctx, http.MethodGet, fmt.Sprintf("/api/v1/conversations/%s/messages?after=%d", conversation, after), nil, &page); err != nil {
			return nil, err
		}
		list = append(list, page.Items...)
		if page.Next == nil || page.Next == "" || page.Next == float64(0) || len(page.Items) == 0 {
			return list, nil
		}
		after = page.Items[len(page.Items)-1].Seq
	}
}

// Send writes a message; created is false when the same one was there already.
func (c *Client) Send(ctx context.Context, conversation string, d Draft) (m *Message, created bool, err error) {
	if d.Visibility == "" {
		d.Visibility = "public"
	}
	m = &Message{}
	status, err := c.Do(ctx, http.MethodPost, "/api/v1/conversations/"+conversation+"/messages", d, m)
	return m, status == http.StatusCreated, err
}

// Retry sends a failed or unknown message again.
func (c *Client) Retry(ctx context.Context, conversation string, seq uint64) error {
	_, err := c.Do(ctx, http.MethodPost, fmt.Sprintf("/api/v1/conversations/%s/messages/%d/retry", conversation, seq), nil, nil)
	return err
}

// Command runs pick, read, end, leave, reopen, close or transfer on a conversation.
func (c *Client) Command(ctx context.Context, conversation, command string, body any) error {
	_, err := c.Do(ctx, http.MethodPost, "/api/v1/conversations/"+conversation+"/"+command, body, nil)
	return err
}

// Upload stores a file to name in a Draft.
func (c *Client) Upload(ctx context.Context, name, mimeType string, content []byte) (string, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	header := map[string][]string{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename=%q`, name)},
		"Content-Type":        {mimeType},
	}
	part, err := form.CreatePart(header)
	if err == nil {
		if _, err = part.Write(content); err == nil {
			err = form.Close()
		}
	}
	if err != nil {
		return "", fmt.Errorf("harness: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Server.URL()+"/api/v1/uploads", &body)
	if err != nil {
		return "", fmt.Errorf("harness: %w", err)
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	raw, _, err := c.send(r)
	if err != nil {
		return "", err
	}
	var out struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(raw, &out); err != nil || out.ID == "" {
		return "", fmt.Errorf("harness: upload answered %q (%w)", tail(string(raw)), err)
	}
	return out.ID, nil
}

// Get fetches a path, such as an attachment's.
func (c *Client) Get(ctx context.Context, path string) ([]byte, error) {
	if !strings.HasPrefix(path, "http") {
		path = c.Server.URL() + path
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, fmt.Errorf("harness: %w", err)
	}
	raw, _, err := c.send(r)
	return raw, err
}
