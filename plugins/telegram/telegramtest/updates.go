package telegramtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

const (
	// updateLife is how long an update waits to be fetched or delivered.
	updateLife = 24 * time.Hour
	// farAhead is by how much an offset may pass the newest update before it is taken for a mistake.
	farAhead = 10
)

// notByDefault are the kinds that come only where they are named.
var notByDefault = []string{"chat_member", "message_reaction", "message_reaction_count"}

// pending is an update that nobody has confirmed.
type pending struct {
	id       int64
	kind     string
	chat     int64
	at       time.Time
	text     json.RawMessage // the whole update
	inFlight bool
	tries    int
	notUntil time.Time
}

// poll is a getUpdates that waits.
type poll struct{ replaced chan struct{} }

// Push makes an update of any kind and returns its id. Chat orders deliveries by webhook: one chat's come one after another.
func (p *Platform) Push(kind string, chat int64, body any) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.push(kind, chat, body)
}

func (p *Platform) push(kind string, chat int64, body any) int64 {
	id := p.nextUpdate
	text, err := json.Marshal(map[string]any{"update_id": id, kind: body})
	if err != nil {
		panic("telegramtest: an update that is not JSON: " + err.Error()) // only a caller's own value can do that
	}
	p.nextUpdate, p.tail = id+1, id
	p.queue = append(p.queue, &pending{id: id, kind: kind, chat: chat, at: p.opts.Now(), text: text})
	p.changed.Broadcast()
	p.pump()
	return id
}

// Jump makes the next update's id any number, as happens when there was none for a week.
func (p *Platform) Jump(next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nextUpdate = next
}

// Pending is how many updates wait to be confirmed.
func (p *Platform) Pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

// Confirmed says whether an update was confirmed: Telegram tells it nobody again.
func (p *Platform) Confirmed(id int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.confirmed[id]
}

// Polls is how often updates were asked for.
func (p *Platform) Polls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.polls
}

func (p *Platform) confirm(u *pending) { p.confirmed[u.id] = true }

// forget drops what is confirmed by an offset; the caller holds mu.
func (p *Platform) forget(offset int64) {
	p.queue = slices.DeleteFunc(p.queue, func(u *pending) bool {
		if u.id >= offset {
			return false
		}
		p.confirm(u)
		return true
	})
}

// expire drops what nobody wanted for a day; the caller holds mu.
func (p *Platform) expire() {
	now := p.opts.Now()
	p.queue = slices.DeleteFunc(p.queue, func(u *pending) bool { return now.Sub(u.at) > updateLife })
}

// getUpdates answers with what has not been confirmed. An offset confirms all before it; one that is negative counts from
// the end and forgets the earlier ones; one far beyond the newest update is taken for a mistake, and nothing is confirmed.
func (p *Platform) getUpdates(q *request) (any, *refusal) {
	offset, _ := q.number("offset")
	limit, given := q.number("limit")
	if !given || limit <= 0 || limit > 100 {
		limit = 100
	}
	wait, _ := q.number("timeout")
	timeout := min(time.Duration(max(wait, 0))*time.Second, 50*time.Second, p.opts.PollAtMost)

	p.mu.Lock()
	defer p.mu.Unlock()
	p.polls++
	if p.hook.url != "" {
		return nil, &refusal{code: http.StatusConflict, text: "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"}
	}
	if p.polling != nil {
		close(p.polling.replaced)
		p.polling = nil
	}
	allowed := p.hook.allowed
	if q.object("allowed_updates", &allowed) {
		p.hook.allowed = allowed
	}
	p.expire()
	switch {
	case offset < 0:
		if skip := len(p.queue) + int(offset); skip > 0 {
			for _, u := range p.queue[:skip] {
				p.confirm(u)
			}
			p.queue = slices.Clone(p.queue[skip:])
		}
	case offset > p.tail+farAhead:
	default:
		p.forget(offset)
	}
	if wanted := p.wanted(int(limit)); len(wanted) > 0 || timeout == 0 {
		return wanted, nil
	}
	return p.await(q, int(limit), timeout)
}

// await waits for an update. It lets go of mu meanwhile.
func (p *Platform) await(q *request, limit int, timeout time.Duration) (any, *refusal) {
	mine := &poll{replaced: make(chan struct{})}
	p.polling = mine
	over := false
	end := time.AfterFunc(timeout, func() {
		p.mu.Lock()
		over = true
		p.changed.Broadcast()
		p.mu.Unlock()
	})
	defer end.Stop()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-q.ctx.Done():
		case <-mine.replaced:
		case <-stop:
			return
		}
		p.mu.Lock()
		p.changed.Broadcast()
		p.mu.Unlock()
	}()
	for {
		p.changed.Wait()
		select {
		case <-mine.replaced:
			text := "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
			if p.hook.url != "" {
				text = "Conflict: terminated by setWebhook request"
			}
			return nil, &refusal{code: http.StatusConflict, text: text}
		default:
		}
		wanted := p.wanted(limit)
		if len(wanted) > 0 || over || q.ctx.Err() != nil {
			if p.polling == mine {
				p.polling = nil
			}
			return wanted, nil
		}
	}
}

// wanted are the first updates of the kinds that are asked for; the caller holds mu. Others are never made, in truth.
func (p *Platform) wanted(limit int) []json.RawMessage {
	p.queue = slices.DeleteFunc(p.queue, func(u *pending) bool { return !p.allows(u.kind) })
	out := []json.RawMessage{}
	for _, u := range p.queue[:min(limit, len(p.queue))] {
		out = append(out, u.text)
	}
	return out
}

func (p *Platform) allows(kind string) bool {
	if len(p.hook.allowed) == 0 {
		return !slices.Contains(notByDefault, kind)
	}
	return slices.Contains(p.hook.allowed, kind)
}
