package linetest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Sign returns the x-line-signature of a body.
func (p *Platform) Sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(p.opts.ChannelSecret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Body is the body of a webhook request with these events; without any it is a connection check.
func (p *Platform) Body(events ...Event) []byte {
	if events == nil {
		events = []Event{}
	}
	body, err := json.Marshal(struct {
		Destination string  `json:"destination"`
		Events      []Event `json:"events"`
	}{p.bot, events})
	if err != nil {
		panic("linetest: an event that is not JSON: " + err.Error()) // only a caller's own value in an any field can do that
	}
	return body
}

// Request makes a signed webhook request.
func (p *Platform) Request(ctx context.Context, callbackURL string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, callbackURL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("linetest: %w", err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("X-Line-Signature", p.Sign(body))
	r.Header.Set("User-Agent", "LineBotWebhook/2.0")
	return r, nil
}

// Post delivers events once and returns the status that the product answered.
func (p *Platform) Post(ctx context.Context, callbackURL string, events ...Event) (int, error) {
	return p.PostBody(ctx, callbackURL, p.Body(events...))
}

// PostBody signs and delivers a body as it is.
func (p *Platform) PostBody(ctx context.Context, callbackURL string, body []byte) (int, error) {
	r, err := p.Request(ctx, callbackURL, body)
	if err != nil {
		return 0, err
	}
	res, err := p.client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("linetest: %w", err)
	}
	defer res.Body.Close()
	// Read to the end so that the connection is used again; what the product says is of no interest to LINE.
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, nil
}

// Deliver posts events until the product answers 200, as LINE does where redelivery is switched on: the repeats are the
// same but for isRedelivery, and their reply tokens count anew. It returns how many times it had to post.
func (p *Platform) Deliver(ctx context.Context, callbackURL string, events ...Event) (int, error) {
	events = append([]Event(nil), events...)
	for n := 1; ; n++ {
		status, err := p.Post(ctx, callbackURL, events...)
		if status == http.StatusOK {
			return n, nil
		}
		p.sleep(ctx, p.opts.ResendEvery)
		if ctx.Err() != nil {
			return n, fmt.Errorf("linetest: the events were not taken in %d attempts, the last answered %d (%w)", n, status, joined(err, ctx.Err()))
		}
		events = p.Redelivered(events...)
	}
}

// Redelivered returns copies of the events as LINE redelivers them.
func (p *Platform) Redelivered(events ...Event) []Event {
	again := make([]Event, len(events))
	for i, event := range events {
		event.DeliveryContext.IsRedelivery = true
		if event.ReplyToken != "" {
			p.renew(event.ReplyToken)
		}
		again[i] = event
	}
	return again
}

func joined(err, end error) error {
	if err != nil {
		return err
	}
	return end
}
