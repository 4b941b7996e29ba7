package webchat

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/sdk"
)

// A conversation that its visitor has ended can be taken up again, and ended again.
func TestEndAfterReopening(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		visitor := visitorFor(1)
		tab, _ := enter(t, c, 1, "")
		defer tab.leave()
		reopen := func() { d.turn(visitor, sdk.ThreadStatus{Conversation: "c", State: sdk.ThreadActive}) }
		ends := func(want int, what string) {
			t.Helper()
			synctest.Wait()
			if n := len(d.received("ended")); n != want {
				t.Errorf("%s: ended %d times, want %d", what, n, want)
			}
		}
		reopen()
		tab.say(map[string]any{"t": "end"})
		ends(1, "the first time")
		tab.say(map[string]any{"t": "end"})
		ends(1, "with nothing to end")
		reopen()
		tab.say(map[string]any{"t": "end"})
		ends(2, "after it was taken up again")
		reopen()
		post(t, c, d, 1, map[string]any{"t": "end"})
		ends(3, "where WebSockets are blocked")
		reopen()
		tab.say(map[string]any{"t": "end", "id": "e1"})
		ends(4, "with an id")
		reopen()

		time.Sleep(time.Minute)
		tab.say(map[string]any{"t": "ping"}) // the silence is broken in time
		tab.say(map[string]any{"t": "end", "id": "e1"})
		ends(4, "the same request again")
		for i := range 4 {
			tab.say(map[string]any{"t": "end", "id": fmt.Sprint("f", i)})
			synctest.Wait()
			reopen()
		}
		ends(8, "so many at once")
		synctest.Wait()
		tab.rest(t)
		tab.say(map[string]any{"t": "end"})
		if r := tab.next(t, "later"); r.What != "end" || r.After != 6 {
			t.Errorf("one too many: %+v", r)
		}
		ends(8, "one too many")
		answer, _ := post(t, c, d, 1, map[string]any{"t": "end"})
		if answer.kinds() != "later" || answer.Frames[0].What != "end" || len(d.received("ended")) != 8 {
			t.Errorf("one too many where WebSockets are blocked: %+v", answer)
		}
	})
}

// What a panel says it has seen is about messages of ours, however many positions it makes up.
func TestMadeUpPositionsAreNotKept(t *testing.T) {
	for _, polling := range []bool{false, true} {
		t.Run(fmt.Sprintf("polling %t", polling), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *channel, d *desk) {
				visitor := visitorFor(1)
				for i := range 5 {
					d.reply(visitor, fmt.Sprint(i))
				}
				tab, _ := enter(t, c, 1, "")
				defer tab.leave()
				seen := func(delivered, read string) {
					frame := map[string]any{"t": "seen", "delivered": delivered, "read": read}
					if polling {
						post(t, c, d, 1, frame)
						return
					}
					tab.say(frame)
					synctest.Wait()
				}
				for i := range 50 {
					seen(fmt.Sprintf("p000004-%d", i), fmt.Sprintf("p000002-%d", i))
				}
				if n := len(d.received("status")); n != 2 {
					t.Errorf("%d records of two receipts", n)
				}
				for i := range 5 {
					seen(fmt.Sprint("z", i), fmt.Sprint("z", i))
				}
				before := len(d.received("status"))
				if before != 3 {
					t.Errorf("%d records of three receipts", before)
				}
				// Nobody has seen what was not yet said.
				d.reply(visitor, "new")
				synctest.Wait()
				seen("", "")
				for _, e := range d.received("status") {
					if slices.Contains(e.Status.MessageIDs, "out-6") {
						t.Errorf("a message was seen before it was written: %+v", e.Status)
					}
				}
				// Whoever goes on and on is not listened to for a while.
				for i := range 100 {
					m := d.reply(visitor, fmt.Sprint("more ", i))
					synctest.Wait()
					seen(m.Position, m.Position)
				}
				if n := len(d.received("status")) - before; n > 60 {
					t.Errorf("%d receipts in no time", n)
				}
			})
		})
	}
}

// Messages of ours that a panel loads after it has said that it has read further are read, too.
func TestOlderMessagesAreReadToo(t *testing.T) {
	for _, polling := range []bool{false, true} {
		t.Run(fmt.Sprintf("polling %t", polling), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *channel, d *desk) {
				visitor := visitorFor(1)
				newest := ""
				for i := range pageSize + 10 {
					newest = d.reply(visitor, fmt.Sprint(i)).Position
				}
				tab, w := enter(t, c, 1, "")
				defer tab.leave()
				seen := map[string]any{"t": "seen", "delivered": newest, "read": newest}
				older := map[string]any{"t": "older", "before": w.Messages[0].Position}
				if polling {
					post(t, c, d, 1, seen)
					post(t, c, d, 1, older)
				} else {
					tab.say(seen)
					tab.say(older)
					tab.next(t, "older")
					synctest.Wait()
				}
				read := map[string]bool{}
				for _, e := range d.received("status") {
					for _, id := range e.Status.MessageIDs {
						read[id] = e.Status.State == sdk.StatusRead
					}
				}
				if len(read) != pageSize+10 {
					t.Errorf("%d of %d messages are read", len(read), pageSize+10)
				}
			})
		})
	}
}

// A panel that shows more than a welcome holds learns what of it has changed while it was away.
func TestChangesWhileAway(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		visitor := visitorFor(1)
		for i := range 4 * pageSize {
			d.reply(visitor, fmt.Sprint(i+1))
		}
		for _, n := range []int{3, 60, 120, 190} {
			d.edit(visitor, n-1, fmt.Sprint("changed ", n))
		}
		hello := map[string]any{"t": "hello", "v": 1, "channel": "shop-chat", "token": tokenOf(1), "since": "p000200", "from": "p000030"}
		changed := func(list []reply) (texts []string) {
			for _, r := range list {
				if r.T == "message" {
					texts = append(texts, r.Message.Text)
				}
			}
			slices.Sort(texts)
			return texts
		}
		want := []string{"changed 120", "changed 60"} // 190 is in the welcome, and 3 the panel does not have
		tab := dial(c)
		defer tab.leave()
		tab.say(hello)
		if w := tab.next(t, "welcome"); w.Gap || w.Messages[len(w.Messages)-11].Text != "changed 190" {
			t.Errorf("welcome: gap %v, %+v", w.Gap, w.Messages[len(w.Messages)-11])
		}
		synctest.Wait()
		var frames []reply
		for r, ok := tab.take(t); ok; r, ok = tab.take(t) {
			frames = append(frames, r)
		}
		if diff := cmp.Diff(want, changed(frames)); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		p := poll(t, c, d, 1, "since=p000200&cursor=old&from=p000030")
		if diff := cmp.Diff(want, changed(p.Frames)); diff != "" || !strings.HasPrefix(p.kinds(), "welcome") {
			t.Errorf("changes where WebSockets are blocked (-want +got):\n%s", diff)
		}
		for what, from := range map[string]string{"a panel that has nothing older": "p000151", "one that does not say": ""} {
			if p := poll(t, c, d, 1, "since=p000200&cursor=old&from="+from); p.kinds() != "welcome" {
				t.Errorf("%s is told %s", what, p.kinds())
			}
		}
	})
}
