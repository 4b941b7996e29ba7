package desk

import (
	"slices"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// applyStatus merges what the provider says became of our messages; one whose message is not known yet is parked.
func (d *Desk) applyStatus(tx *store.Tx, a *arrival) error {
	in := a.in
	var reason *core.Reason
	if in.Status == core.Failed {
		reason = &core.Reason{Code: "provider", Text: "The provider could not deliver the message.", Provider: joined(in.Code, in.Reason)}
	}
	for _, external := range in.TargetIDs {
		c, m, err := d.target(tx, in.Account, external)
		if err != nil {
			return err
		}
		// A part of a message whose other parts are still to be sent has to wait, too.
		if m != nil && m.State != core.Queued {
			if mergeStatus(m, in.Status, reason) {
				tx.PutMessage(c, m)
			}
			continue
		}
		parked, err := tx.Parked(in.Account, external)
		if err != nil {
			return err
		}
		if parked == nil || weight(in.Status) > weight(parked.State) {
			tx.Park(&core.ParkedStatus{Account: in.Account, ExternalID: external, State: in.Status, Reason: reason, At: in.OccurredAt})
		}
	}
	return nil
}

// mergeStatus raises a message's state: statuses may skip, repeat and come out of order. A failure counts until the
// message is known to have been delivered; a receipt settles an unknown outcome.
func mergeStatus(m *core.Message, status core.MessageState, reason *core.Reason) bool {
	if m.From.Kind == core.FromCustomer || m.Visibility == core.InternalNote || weight(status) <= weight(m.State) {
		return false
	}
	m.State, m.Reason = status, reason
	return true
}

// weight orders what providers tell of a message: that it failed outweighs that it was sent, and that it arrived
// outweighs both.
func weight(s core.MessageState) int {
	if s == core.Failed {
		return 2*core.Sent.Rank() + 1
	}
	return 2 * s.Rank()
}

func joined(code, reason string) string {
	switch {
	case code == "":
		return reason
	case reason == "":
		return code
	}
	return code + ": " + reason
}

// readBack is how many messages back a read mark is carried at most, readChunk how many are looked at in one go.
const (
	readBack  = 200
	readChunk = 20
)

func (d *Desk) applyRead(tx *store.Tx, a *arrival) error {
	in := a.in
	c, err := tx.OngoingConversation(in.Account, a.channel.ID, in.Thread)
	if err != nil || c == nil {
		return err
	}
	upTo := c.LastSeq
	if len(in.TargetIDs) > 0 && in.TargetIDs[0] != "" {
		id, seq, err := tx.ByExternalID(in.Account, in.TargetIDs[0])
		if err != nil {
			return err
		}
		if id != c.ID {
			return nil
		}
		upTo = seq
	}
	// Everything before a message that is read already has been read, too.
	for done := 0; done < readBack && upTo > 0; {
		list, err := tx.MessagesBefore(c.ID, upTo+1, readChunk)
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(list) {
			if m.State == core.Read {
				return nil
			}
			if !in.At.IsZero() && m.CreatedAt.After(in.At) || m.State != core.Sent && m.State != core.Delivered {
				continue
			}
			full, err := tx.Message(c, m.Seq)
			if err != nil {
				return err
			}
			if mergeStatus(full, core.Read, nil) {
				tx.PutMessage(c, full)
			}
		}
		if done += len(list); len(list) < readChunk {
			return nil
		}
		upTo = list[0].Seq - 1
	}
	return nil
}
