package api

import (
	"net/http"

	"github.com/guichet/guichet/plugins/sdk"
)

// postReceipts takes what became of our messages at the customer's.
func (c *channel) postReceipts(w sdk.WebhookWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	found := &findings{}
	events, err := readReceipts(body, found)
	if !passes(w, err, found) {
		return
	}
	now := sdk.ReceivedAt(r)
	for i := range events {
		if events[i].OccurredAt.IsZero() {
			events[i].OccurredAt = now
		}
	}
	w.Receive(events...)
	answer(w, http.StatusOK, map[string]int{"taken": len(events)})
}

var receiptStates = map[string]sdk.StatusState{"delivered": sdk.StatusDelivered, "read": sdk.StatusRead, "failed": sdk.StatusFailed}

// readReceipts reads one receipt, or an object with a list of them.
func readReceipts(body []byte, found *findings) ([]sdk.Event, error) {
	o, err := readObject(body, found)
	if err != nil {
		return nil, err
	}
	if _, batch := o.fields["receipts"]; !batch {
		return []sdk.Event{readReceipt(o)}, nil
	}
	elements := o.objects("receipts", maxBatch)
	if len(elements) == 0 && len(found.list) == 0 {
		found.add("receipts", "The list is empty.")
	}
	o.end(nil)
	var events []sdk.Event
	for _, element := range elements {
		events = append(events, readReceipt(element))
	}
	return events, nil
}

// readReceipt reads one. A message has one of each state at most, which is what its event's id says.
func readReceipt(o object) sdk.Event {
	message, at := o.text("message", maxID), o.instant("at")
	if message == "" {
		o.wrong("message", "Say which message: its id, which is also that of its delivery.")
	}
	state := o.oneOf("state", "", "delivered", "read", "failed")
	if state == "" {
		o.wrong("state", "Write one of \"delivered\", \"read\", \"failed\".")
	}
	code, reason := o.text("code", maxName), o.text("reason", maxName)
	if state != "failed" && (code != "" || reason != "") {
		o.wrong("reason", "Only a failure has a code and a reason.")
	}
	o.end(nil)
	return sdk.Event{
		ID: message + ":" + state, OccurredAt: at,
		Status: &sdk.Status{MessageIDs: []string{message}, State: receiptStates[state], Code: code, Reason: reason},
	}
}
