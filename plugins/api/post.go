package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/guichet/guichet/plugins/sdk"
)

// accepted is the answer about one activity. The same activity is always answered with the same.
type accepted struct {
	ID           string `json:"id,omitempty"`
	Conversation string `json:"conversation"`
}

// claims is how many ids of a batch are claimed at the same time.
const claims = 16

// postMessages takes what customers said: one activity, or a batch of them, all or none. They are stored durably before
// the answer leaves.
func (c *channel) postMessages(w sdk.WebhookWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	key := strings.TrimSpace(r.Header.Get("Idempotency-Key"))
	if len(key) > maxID {
		refuse(w, http.StatusBadRequest, codeMalformed, "The header Idempotency-Key is longer than "+strconv.Itoa(maxID)+" characters.")
		return
	}
	found := &findings{}
	list, batch, err := readActivities(body, key, found)
	if err == nil {
		c.check(list, found)
	}
	if !passes(w, err, found) {
		return
	}
	if err := c.claimAll(r.Context(), list, found); err != nil {
		c.unavailable(w, "claim", err)
		return
	}
	if len(found.list) > 0 {
		refuse(w, http.StatusConflict, codeConflict,
			"An id stands for one content for good. Take a new id; where this is the same message sent again, send it as it was.", found.list...)
		return
	}
	var events []sdk.Event
	for _, a := range list {
		more, err := c.events(r.Context(), a, r)
		if err != nil {
			c.unavailable(w, "events", err)
			return
		}
		events = append(events, more...)
	}
	w.Receive(events...)
	items := make([]accepted, len(list))
	for i, a := range list {
		items[i] = accepted{a.ID, a.Conversation}
	}
	if batch {
		answer(w, http.StatusOK, map[string]any{"items": items})
		return
	}
	answer(w, http.StatusOK, items[0])
}

// readBody reads a body that has to be JSON.
func readBody(w http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		refuse(w, http.StatusUnsupportedMediaType, codeMalformed, "Send JSON, with the header Content-Type: application/json.")
		return nil, false
	}
	body, err = io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, codeMalformed, "The body could not be read.")
		return nil, false
	}
	return body, true
}

// passes answers what cannot be read, or is wrong; false when it did.
func passes(w http.ResponseWriter, err error, found *findings) bool {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		refuse(w, http.StatusBadRequest, codeMalformed, "The body is no JSON: "+err.Error()+", at byte "+strconv.FormatInt(syntax.Offset, 10)+".")
	case err != nil:
		refuse(w, http.StatusBadRequest, codeMalformed, "The body must be one JSON object.")
	case len(found.list) > 0:
		refuse(w, http.StatusUnprocessableEntity, codeInvalid, "Nothing was stored. What is wrong is told field by field.", found.list...)
	default:
		return true
	}
	return false
}

// readActivities reads the body of a request: one activity, or an object with a list of them. err says that it is none.
func readActivities(body []byte, key string, found *findings) (list []*activity, batch bool, err error) {
	o, err := readObject(body, found)
	if err != nil {
		return nil, false, err
	}
	if _, batch = o.fields["messages"]; !batch {
		return []*activity{readActivity(o, key)}, false, nil
	}
	if key != "" {
		found.add("messages", "The header Idempotency-Key is for one message: in a batch give each its id.")
	}
	elements := o.objects("messages", maxBatch)
	if len(elements) == 0 && len(found.list) == 0 {
		found.add("messages", "The list is empty.")
	}
	o.end(nil)
	for _, element := range elements {
		list = append(list, readActivity(element, ""))
	}
	return list, true, nil
}

func field(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// check finds what is wrong with activities together, and under this account.
func (c *channel) check(list []*activity, found *findings) {
	size, byID := 0, map[string][]byte{}
	for _, a := range list {
		for i := range a.Attachments {
			size += len(a.Attachments[i].Content)
		}
		if len(a.Attachments) > 0 && len(c.account.Channels) == 1 && c.account.Channels[0].NoAttachments {
			found.add(field(a.path, "attachments"), "Customers may not send files on this channel.")
		}
		if a.ID == "" {
			continue
		}
		digest := a.digest()
		if other := byID[a.ID]; other != nil && !bytes.Equal(other, digest) {
			found.add(field(a.path, "id"), "Another message of this batch has the same id.")
		}
		byID[a.ID] = digest
	}
	if size > maxContent {
		found.add("attachments", "The files of a request have %d bytes together; at most %d are taken. Give large ones by their address.", size, maxContent)
	}
}

// claimAll claims all ids, and finds those that stand for something else.
func (c *channel) claimAll(ctx context.Context, list []*activity, found *findings) error {
	results := make([]error, len(list))
	var wait sync.WaitGroup
	slots := make(chan struct{}, claims)
	for i, a := range list {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			results[i] = c.claim(ctx, a)
		})
	}
	wait.Wait()
	for i, err := range results {
		switch {
		case errors.Is(err, errOtherContent):
			found.add(field(list[i].path, "id"), "The id %q was used for something else.", list[i].ID)
		case err != nil:
			return err
		}
	}
	return nil
}

// unavailable answers that the host did not do something: whoever asks is to come again.
func (c *channel) unavailable(w http.ResponseWriter, what string, err error) {
	c.log.Warn("a request could not be served; it is to be sent again", "what", what, "error", err)
	refuse(w, http.StatusServiceUnavailable, codeUnavailable, "This cannot be done just now; nothing was stored. Send it again as it is.")
}
