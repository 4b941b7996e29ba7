package desk

import (
	"encoding/json"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// dispatch hands one event of the log to whoever waits for it.
func (d *Desk) dispatch(event store.Event) {
	switch string(event.Topic) {
	case core.TopicConversation:
		if e, ok := decodeEvent[core.ConversationEvent](d, event); ok {
			if e.Place != nil {
				d.tally.hear(e.Conversation, *e.Place)
			}
			if routable(e) {
				d.router.look(e.Conversation)
			}
		}
	case core.TopicAgent:
		if e, ok := decodeEvent[core.AgentEvent](d, event); ok {
			d.router.lookAgent(e.Agent)
		}
	case core.TopicOutbox:
		if e, ok := decodeEvent[core.OutboxEvent](d, event); ok && e.State == core.OutboxQueued {
			d.dispatcher.want(e.Conversation, time.Time{})
		}
	case core.TopicTimer:
		if e, ok := decodeEvent[core.TimerEvent](d, event); ok {
			d.timers.hear(time.UnixMilli(e.Due))
		}
	case core.TopicSignal:
		if e, ok := decodeEvent[core.SignalEvent](d, event); ok {
			d.signals.pass(d.background, e)
		}
	case core.TopicMedia:
		if e, ok := decodeEvent[core.MediaEvent](d, event); ok {
			d.fetcher.look(d.background, e.Conversation, e.Seq)
		}
	}
}

// routable reports whether a change may matter to the router: more than a message added to what stands where it stood.
func routable(e core.ConversationEvent) bool {
	if e.Route || e.Before == nil {
		return true
	}
	if e.Before.Queue != e.After.Queue || len(e.Before.Agents) != len(e.After.Agents) {
		return true
	}
	for i := range e.After.Agents {
		if e.Before.Agents[i] != e.After.Agents[i] {
			return true
		}
	}
	return false
}

func decodeEvent[T any](d *Desk, event store.Event) (T, bool) {
	var v T
	if err := json.Unmarshal(event.Value, &v); err != nil {
		d.log.Error("an event of the log cannot be read", "position", event.Pos, "topic", string(event.Topic), "error", err)
		return v, false
	}
	return v, true
}
