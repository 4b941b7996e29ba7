package webchat

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/guichet/guichet/plugins/sdk"
)

// panel keeps PROTOCOL.md's rules, and nothing more: one message under way, the same id until it is settled, messages
// by position, forgotten at a gap.
type panel struct {
	t        *rapid.T
	c        *channel
	tab      *tab
	named    bool // a message has been sent: there is a token
	written  int
	queue    []string // ids to be settled, which are the texts, too; the first is under way
	again    time.Time
	messages map[string]messageView
	more     bool
}

func (p *panel) since() string {
	newest := ""
	for position := range p.messages {
		newest = max(newest, position)
	}
	return newest
}

func (p *panel) connect() {
	if p.tab != nil {
		return
	}
	p.tab = dialFrom(p.c, "127.0.0.1") // what is tried here is not the limits on addresses
	hello := map[string]any{"t": "hello", "channel": "shop-chat", "since": p.since()}
	if p.named {
		hello["token"] = tokenOf(1)
	}
	p.tab.say(hello)
}

// cut breaks the link. What is on its way, both ways, is lost from some point on.
func (p *panel) cut() {
	if p.tab == nil {
		return
	}
	if rapid.Bool().Draw(p.t, "upstream lost") {
		for len(p.tab.in) > 0 {
			<-p.tab.in
		}
	}
	p.tab.hangUp()
	<-p.tab.done
	p.read(rapid.IntRange(0, 3).Draw(p.t, "frames that still came"))
	p.tab = nil
}

func (p *panel) write() {
	p.written++
	p.queue = append(p.queue, fmt.Sprint("w", p.written))
	if len(p.queue) == 1 {
		p.sendFirst()
	}
}

func (p *panel) sendFirst() {
	if p.tab == nil || len(p.queue) == 0 || time.Now().Before(p.again) {
		return
	}
	p.named = true
	p.tab.say(map[string]any{"t": "send", "id": p.queue[0], "text": p.queue[0], "token": tokenOf(1)})
}

// read takes at most so many frames that have come.
func (p *panel) read(limit int) {
	for range limit {
		if p.tab == nil {
			return
		}
		r, ok := p.tab.take(p.t)
		if !ok {
			return
		}
		p.show(r)
	}
}

func (p *panel) show(r reply) {
	switch r.T {
	case "welcome":
		if r.Gap {
			clear(p.messages)
		}
		if r.Gap || len(p.messages) == 0 {
			p.more = r.More
		}
		p.keep(r.Messages)
		p.sendFirst() // again, whatever became of it
	case "older":
		p.more = r.More
		p.keep(r.Messages)
	case "message":
		if positions := slices.Sorted(maps.Keys(p.messages)); p.more && len(positions) > 0 && r.Message.Position < positions[0] {
			return // it will come with its page
		}
		p.keep([]messageView{r.Message})
	case "accepted":
		if len(p.queue) > 0 && r.ID == p.queue[0] {
			p.queue = p.queue[1:]
			p.sendFirst()
		}
	case "refused":
		if r.Code != "too-many" {
			p.t.Fatalf("refused: %+v", r)
		}
		p.again = time.Now().Add(time.Duration(r.After) * time.Second)
	case "later":
		p.again = time.Now().Add(time.Duration(r.After) * time.Second)
	case "bye":
		if r.Code != "restart" && r.Code != "too-many" {
			p.t.Fatalf("bye: %+v", r)
		}
		p.tab.leave()
		p.tab = nil
	}
}

func (p *panel) keep(messages []messageView) {
	for _, m := range messages {
		p.messages[m.Position] = m
	}
}

// TestEachMessageOnceInOrder: whatever the link, the host and the plugin go through, what the visitor wrote lies in the
// thread once each and in order, and in the end the panel shows the thread as it is.
func TestEachMessageOnceInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var stopped any // rapid stops a run by a panic, which must not end the bubble
		synctest.Test(t, func(*testing.T) {
			defer func() { stopped = recover() }()
			modelRun(rt)
		})
		if stopped != nil {
			panic(stopped)
		}
	})
}

func modelRun(rt *rapid.T) {
	d := newDesk()
	p := &panel{t: rt, c: openShop(d), messages: map[string]messageView{}}
	defer func() {
		if p.tab != nil {
			p.tab.leave()
		}
		_ = p.c.Close()
	}()
	visitor := visitorFor(1)
	busy := 0
	d.refuse = func(sdk.Event) error {
		if busy > 0 {
			busy--
			return errBusy
		}
		return nil
	}
	replies := 0
	step := func() { synctest.Wait() }
	actions := map[string]func(){
		"write":   p.write,
		"connect": func() { p.connect(); step() },
		"cut":     p.cut,
		"read":    func() { step(); p.read(rapid.IntRange(1, 10).Draw(rt, "frames")) },
		"again":   p.sendFirst,
		"wait":    func() { time.Sleep(time.Duration(rapid.IntRange(1, 5000).Draw(rt, "ms")) * time.Millisecond) },
		"reply": func() {
			for range rapid.SampledFrom([]int{1, 1, 1, 60}).Draw(rt, "replies") {
				replies++
				d.reply(visitor, fmt.Sprint("r", replies))
			}
		},
		"edit": func() {
			if n := len(d.texts(visitor)); n > 0 {
				if i := rapid.IntRange(max(0, n-5), n-1).Draw(rt, "message"); d.threads[visitor].messages[i].Author.Kind == sdk.ThreadAgent {
					d.edit(visitor, i, d.texts(visitor)[i]+"'")
				}
			}
		},
		"lose the watch": func() { d.lose(visitor) },
		"busy host":      func() { d.set(func(*desk) { busy = rapid.IntRange(1, 3).Draw(rt, "events") }) },
		"restart": func() {
			p.cut()
			_ = p.c.Close()
			p.c = openShop(d)
		},
	}
	names := slices.Sorted(maps.Keys(actions))
	for range rapid.IntRange(5, 60).Draw(rt, "steps") {
		actions[rapid.SampledFrom(names).Draw(rt, "action")]()
	}

	// In the end everything works again.
	d.set(func(*desk) { busy = 0 })
	for range 500 {
		p.connect()
		synctest.Wait()
		p.read(2000)
		if len(p.queue) == 0 && p.tab != nil && p.settled() {
			break
		}
		time.Sleep(time.Second)
		p.sendFirst()
	}
	for range 100 {
		if !p.more || p.tab == nil {
			break
		}
		positions := slices.Sorted(maps.Keys(p.messages))
		p.tab.say(map[string]any{"t": "older", "before": positions[0]})
		time.Sleep(2 * time.Second)
		p.read(2000)
	}

	var written, stored []string
	for i := range p.written {
		written = append(written, fmt.Sprint("w", i+1))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	want := map[string]string{}
	for _, m := range d.thread(visitor).messages {
		if m.Author.Kind == sdk.ThreadCustomer {
			stored = append(stored, m.Text)
		}
		want[m.Position] = m.Text
	}
	if diff := cmp.Diff(written, stored); diff != "" {
		rt.Fatalf("what was written and what is stored (-want +got):\n%s", diff)
	}
	shown := map[string]string{}
	for position, m := range p.messages {
		shown[position] = m.Text
	}
	// An edit further back than what a returning panel is shown may wait until its page is loaded again.
	for _, texts := range []map[string]string{want, shown} {
		for position, text := range texts {
			if position <= fmt.Sprintf("p%06d", len(want)-30) {
				texts[position] = strings.TrimRight(text, "'")
			}
		}
	}
	if !p.named {
		want = map[string]string{} // one who never wrote is nobody
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		rt.Fatalf("the thread and what the panel shows (-want +got):\n%s", diff)
	}
}

// settled is when nothing more is on its way to a connected panel.
func (p *panel) settled() bool {
	time.Sleep(2 * maxBackoff) // a lost watch is back by then
	synctest.Wait()
	p.read(2000)
	return p.tab != nil && len(p.queue) == 0
}
