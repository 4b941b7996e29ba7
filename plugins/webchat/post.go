package webchat

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/guichet/guichet/plugins/sdk"
)

// postedFrames is the body of a request with frames.
type postedFrames struct {
	Channel  string            `json:"channel"`
	Language string            `json:"language"`
	Page     page              `json:"page"`
	Frames   []json.RawMessage `json:"frames"`
}

// serveFrames takes what the panel says. The events are stored before the answer leaves, so that "accepted" is true
// when it arrives.
func (c *channel) serveFrames(w sdk.WebhookWriter, r *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil || len(raw) > maxRequest {
		problem(w, http.StatusRequestEntityTooLarge, "too-large", 0)
		return
	}
	var posted postedFrames
	if json.Unmarshal(raw, &posted) != nil || len(posted.Frames) == 0 || len(posted.Frames) > maxFrames {
		problem(w, http.StatusBadRequest, badFrame, 0)
		return
	}
	list := make([]frame, len(posted.Frames))
	for i, raw := range posted.Frames {
		if list[i], err = parseFrame(raw); err != nil {
			problem(w, http.StatusBadRequest, badFrame, 0)
			return
		}
	}
	s, ok := c.speakerOf(w, r, cutText(posted.Channel, maxName), true)
	if !ok {
		return
	}
	if after, ok := c.limits.polls.take(s.client); !ok {
		problem(w, http.StatusTooManyRequests, tooMany, inSeconds(after))
		return
	}
	s.page = posted.Page.clean()
	if languageForm.MatchString(posted.Language) {
		s.language = posted.Language
	}
	p := posting{c: c, w: w, ctx: r.Context(), speaker: s, v: c.visits.find(s.visitor), answers: [][]byte{}}
	for i := range list {
		p.take(&list[i])
	}
	w.Receive(p.events...)
	answer(w, http.StatusOK, framesAnswer{Frames: frames(p.answers...)})
}

// posting is one request with frames.
type posting struct {
	c       *channel
	w       sdk.WebhookWriter
	ctx     context.Context
	speaker speaker
	v       *visit // nil when the visitor does not poll, or has not yet
	begun   bool   // an earlier frame of this request begins the conversation
	events  []sdk.Event
	answers [][]byte
}

func (p *posting) say(v any) { p.answers = append(p.answers, encode(v)) }

func (p *posting) take(f *frame) {
	switch f.T {
	case "send":
		p.send(f)
	case "ping":
		p.say(pongFrame{"pong", f.At})
	case "older":
		p.older(f)
	case "end":
		e, after := p.c.endEvent(p.ctx, &p.speaker, f.ID)
		if e != nil {
			p.events = append(p.events, *e)
		}
		if after > 0 {
			p.say(laterFrame{T: "later", What: "end", After: after})
		}
	}
	if p.v == nil {
		return // the poll that comes next makes it known; the panel says it again
	}
	switch f.T {
	case "typing":
		if !p.v.begins() && p.v.customerTypes(f.On) {
			p.events = append(p.events, p.v.typingEvent(f.On))
		}
	case "seen":
		p.seen(f.Delivered, f.Read)
	case "older":
		p.seen("", "") // for those that are shown now
	}
}

func (p *posting) seen(delivered, read string) {
	events, _ := p.v.receipts(&p.speaker, delivered, read) // not known to be stored: told again next time
	p.events = append(p.events, events...)
}

func (p *posting) send(f *frame) {
	refused := checkMessage(&p.speaker, f)
	if refused == nil && p.v != nil && p.v.knows(f.ID) {
		p.say(acceptedFrame{T: "accepted", ID: f.ID})
		return
	}
	if refused == nil {
		refused = p.c.takeMessage(&p.speaker, f.ID)
	}
	if refused != nil {
		p.say(refused)
		return
	}
	attachments, err := p.c.attachments(p.ctx, p.speaker.visitor, f.Attachments)
	switch {
	case errors.Is(err, errHandle):
		p.c.giveBack(&p.speaker)
		p.say(refusedFrame{T: "refused", ID: f.ID, Code: attachmentUnknown})
		return
	case err != nil:
		p.c.giveBack(&p.speaker)
		p.c.busy("state", err)
		p.say(laterFrame{T: "later", ID: f.ID, After: tryAgainAfter})
		return
	}
	first := !p.begun && p.begins()
	p.begun = true
	typed := p.v != nil && p.v.customerTypes(false)
	p.events = append(p.events, p.c.messageEvents(&p.speaker, f, attachments, first, typed)...)
	p.say(acceptedFrame{T: "accepted", ID: f.ID})
}

// begins reports whether a message begins a conversation. Where the host cannot say, it is taken to: then the
// conversation that goes on learns where its visitor is now, which does no harm.
func (p *posting) begins() bool {
	if p.v != nil && p.v.standing() {
		return p.v.begins()
	}
	status, err := p.c.host.Conversations().ThreadStatus(p.ctx, threadOf(p.speaker.visitor))
	return err != nil || begins(status.State)
}

func (p *posting) older(f *frame) {
	after, ok := p.c.limits.reads.take(p.speaker.visitor)
	if !ok {
		p.say(laterFrame{T: "later", What: "older", After: inSeconds(after)})
		return
	}
	v := p.v
	if v == nil {
		v = newVisit(p.ctx, p.c, p.speaker.visitor) // for this answer only
		defer v.end()
	}
	older, err := p.c.older(p.ctx, v, f.Before)
	if err != nil {
		p.say(laterFrame{T: "later", What: "older", After: tryAgainAfter})
		return
	}
	p.say(older)
}
