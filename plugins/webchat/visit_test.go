package webchat

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/sdk"
)

func TestTwoTabsGetEverything(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		first, _ := enter(t, c, 1, "")
		second, _ := enter(t, c, 1, "")
		stranger, _ := enter(t, c, 2, "")
		defer stranger.leave()
		first.say(map[string]any{"t": "send", "id": "x", "text": "hi"})
		first.next(t, "accepted")
		d.reply(visitorFor(1), "hello")
		synctest.Wait()
		for name, tab := range map[string]*tab{"first": first, "second": second} {
			var texts []string
			for {
				r, ok := tab.take(t)
				if !ok {
					break
				}
				if r.T == "message" {
					texts = append(texts, r.Message.Text)
				}
			}
			want := []string{"hi", "hello"}
			if diff := cmp.Diff(want, texts); diff != "" {
				t.Errorf("%s tab (-want +got):\n%s", name, diff)
			}
		}
		if kinds := stranger.rest(t); len(kinds) != 0 {
			t.Errorf("another visitor was told %v", kinds)
		}
		if d.watches() != 2 {
			t.Errorf("%d watches for two visitors", d.watches())
		}
		first.leave()
		d.reply(visitorFor(1), "still there?")
		if m := second.next(t, "message").Message; m.Text != "still there?" {
			t.Errorf("message %+v", m)
		}
		second.leave()
		time.Sleep(visitLingers - time.Second)
		if d.watches() != 2 {
			t.Error("the visit did not linger")
		}
		back, _ := enter(t, c, 1, "")
		time.Sleep(visitLingers)
		if d.watches() != 2 {
			t.Error("the visit ended although its visitor came back")
		}
		back.leave()
		time.Sleep(visitLingers + time.Second)
		if d.watches() != 1 {
			t.Errorf("%d watches after the visit", d.watches())
		}
	})
}

func TestReceipts(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		visitor := visitorFor(1)
		var positions []string
		for i := range 4 {
			positions = append(positions, d.reply(visitor, fmt.Sprint(i)).Position)
		}
		told := func() (list []string) {
			synctest.Wait()
			for _, e := range d.received("status") {
				list = append(list, fmt.Sprintf("%d %s", e.Status.State, strings.Join(e.Status.MessageIDs, ",")))
			}
			return list
		}
		check := func(want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, told()); diff != "" {
				t.Errorf("receipts told (-want +got):\n%s", diff)
			}
		}
		tab, _ := enter(t, c, 1, "")
		tab.say(map[string]any{"t": "seen", "delivered": positions[3], "read": positions[1]})
		check("2 out-1,out-2,out-3,out-4", "3 out-1,out-2")
		tab.say(map[string]any{"t": "seen", "delivered": positions[3], "read": positions[1]})
		check("2 out-1,out-2,out-3,out-4", "3 out-1,out-2")
		d.set(func(d *desk) { d.refuse = func(sdk.Event) error { return errBusy } })
		tab.say(map[string]any{"t": "seen", "read": positions[3]})
		check("2 out-1,out-2,out-3,out-4", "3 out-1,out-2")
		d.set(func(d *desk) { d.refuse = nil })
		tab.say(map[string]any{"t": "seen", "read": positions[3]}) // what the host did not take is told again
		check("2 out-1,out-2,out-3,out-4", "3 out-1,out-2", "3 out-3,out-4")
		tab.leave()
		// After a restart of the plugin it is told once more.
		again := openShop(d)
		defer func() { _ = again.Close() }()
		tab, _ = enter(t, again, 1, positions[3])
		defer tab.leave()
		for range 3 {
			tab.say(map[string]any{"t": "seen", "read": positions[3]})
		}
		check("2 out-1,out-2,out-3,out-4", "3 out-1,out-2", "3 out-3,out-4", "3 out-1,out-2,out-3,out-4")
	})
}

func TestComingBack(t *testing.T) {
	for _, test := range []struct {
		name      string
		have      int // messages in the thread
		since     string
		messages  int
		more, gap bool
	}{
		{"first time", 3, "", 3, false, false},
		{"first time, long thread", 60, "", 50, true, false},
		{"nothing new", 3, "p000003", 3, false, false},
		{"some missed", 5, "p000002", 5, false, false},
		{"missed all there is room for", 60, "p000011", 50, true, false},
		{"missed too many", 60, "p000010", 50, true, true},
		{"missed all of a short thread", 3, "p000000", 3, false, false},
		{"the thread went back", 3, "p000009", 3, false, true},
		{"the thread is gone", 0, "p000009", 0, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *channel, d *desk) {
				for i := range test.have {
					d.reply(visitorFor(1), fmt.Sprint(i+1))
				}
				tab, w := enter(t, c, 1, test.since)
				defer tab.leave()
				if len(w.Messages) != test.messages || w.More != test.more || w.Gap != test.gap {
					t.Errorf("%d messages, more %v, gap %v", len(w.Messages), w.More, w.Gap)
				}
				if test.messages > 0 && w.Messages[len(w.Messages)-1].Text != fmt.Sprint(test.have) {
					t.Errorf("the last is %+v", w.Messages[len(w.Messages)-1])
				}
			})
		})
	}
}

func TestLongMessagesFitIntoFrames(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		visitor := visitorFor(1)
		for i := range 20 {
			d.reply(visitor, fmt.Sprint(i)+strings.Repeat("<\u2028é", 1000))
		}
		tab, w := enter(t, c, 1, "p000019")
		defer tab.leave()
		if n := len(w.Messages); n < 2 || n == 20 || !w.More || w.Gap {
			t.Errorf("%d messages, more %v, gap %v", n, w.More, w.Gap)
		}
		seen := map[string]bool{}
		for before := ""; ; {
			for _, m := range w.Messages {
				seen[m.Position] = true
			}
			if !w.More {
				break
			}
			if before == w.Messages[0].Position {
				t.Fatal("no step back")
			}
			before = w.Messages[0].Position
			tab.say(map[string]any{"t": "older", "before": before})
			w = tab.next(t, "older")
		}
		if len(seen) != 20 {
			t.Errorf("%d of 20 messages were seen", len(seen))
		}
		d.reply(visitor, strings.Repeat("ß", 30_000)) // longer than anybody may write
		if m := tab.next(t, "message").Message; !strings.HasSuffix(m.Text, "…") || len(m.Text) < 12_000 {
			t.Errorf("an endless text became %d bytes", len(m.Text))
		}
	})
}

func TestOlderIsLimitedAndHonest(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		tab, _ := enter(t, c, 1, "")
		defer tab.leave()
		d.set(func(d *desk) { d.broken = true })
		tab.say(map[string]any{"t": "older", "before": "p000001"})
		if r := tab.next(t, "later"); r.What != "older" || r.After == 0 {
			t.Errorf("later %+v", r)
		}
		d.set(func(d *desk) { d.broken = false })
		for range 29 {
			tab.say(map[string]any{"t": "older", "before": "p000001"})
			tab.next(t, "older")
		}
		tab.say(map[string]any{"t": "older", "before": "p000001"})
		if r := tab.next(t, "later"); r.What != "older" || r.After != 1 {
			t.Errorf("later %+v", r)
		}
	})
}

func TestLostWatchMissesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		visitor := visitorFor(1)
		d.reply(visitor, "one")
		d.reply(visitor, "two")
		tab, _ := enter(t, c, 1, "")
		defer tab.leave()
		d.reply(visitor, "three")
		tab.next(t, "message")
		d.edit(visitor, 1, "two, rather")
		d.lose(visitor)
		d.edit(visitor, 0, "one, rather")
		for i := range 70 { // more than a page
			d.reply(visitor, fmt.Sprint("missed ", i))
		}
		d.turn(visitor, sdk.ThreadStatus{Conversation: "c", State: sdk.ThreadClosed})
		time.Sleep(time.Second)
		d.reply(visitor, "last")
		synctest.Wait()
		shown := map[string]string{}
		newest, status := "", ""
		for {
			r, ok := tab.take(t)
			if !ok {
				break
			}
			switch r.T {
			case "message":
				if r.Message.Position > "p000003" {
					if r.Message.Position <= newest {
						t.Errorf("%s after %s", r.Message.Position, newest)
					}
					newest = r.Message.Position
				}
				shown[r.Message.Position] = r.Message.Text
			case "status":
				status = r.Status.State
			}
		}
		if len(shown) != 74 || shown["p000074"] != "last" || status != "closed" {
			t.Errorf("%d messages were told, the last %q, state %s", len(shown), shown["p000074"], status)
		}
		if shown["p000001"] != "one, rather" || shown["p000002"] != "two, rather" {
			t.Errorf("the edited messages are %q and %q", shown["p000001"], shown["p000002"])
		}
		if d.watches() != 1 {
			t.Errorf("%d watches", d.watches())
		}
	})
}

func TestEditIsToldAfterALostWatch(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		visitor := visitorFor(1)
		d.reply(visitor, "one")
		tab, _ := enter(t, c, 1, "")
		defer tab.leave()
		d.lose(visitor)
		d.edit(visitor, 0, "one, rather")
		if m := tab.next(t, "message").Message; m.Text != "one, rather" || !m.Edited {
			t.Errorf("message %+v", m)
		}
	})
}

func TestEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		tab, _ := enter(t, c, 1, "")
		defer tab.leave()
		tab.say(map[string]any{"t": "end"})
		synctest.Wait()
		if len(d.events) != 0 {
			t.Error("nothing was ended")
		}
		tab.say(map[string]any{"t": "send", "id": "x", "text": "hi"})
		tab.next(t, "accepted")
		d.set(func(d *desk) { d.refuse = func(sdk.Event) error { return errBusy } })
		tab.say(map[string]any{"t": "end"})
		if r := tab.next(t, "later"); r.What != "end" {
			t.Errorf("later %+v", r)
		}
		d.set(func(d *desk) { d.refuse = nil })
		tab.say(map[string]any{"t": "end"})
		for tab.next(t, "status").Status.State != "closed" {
		}
		if ended := d.received("ended"); len(ended) != 1 || ended[0].ConversationEnded.Code != "visitor" {
			t.Errorf("ended %+v", ended)
		}
		// What follows begins another conversation.
		tab.say(map[string]any{"t": "send", "id": "y", "text": "one more thing"})
		tab.next(t, "accepted")
		if n := len(d.received("started")); n != 2 {
			t.Errorf("conversations began %d times", n)
		}
	})
}

func TestAttachmentsOfAgents(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		d.set(func(d *desk) {
			d.thread(visitorFor(1)).add(sdk.ThreadMessage{
				Author: sdk.ThreadAuthor{Kind: sdk.ThreadBot, Name: "Bob", PictureURL: "https://elsewhere.example.com/x.png"},
				Attachments: []sdk.ThreadAttachment{
					{Handle: "h1", Name: "a.pdf", Type: "application/pdf", Size: 5, State: sdk.ThreadMediaReady},
					{Name: "b.pdf", State: sdk.ThreadMediaFetching},
					{Name: "c.pdf", State: sdk.ThreadMediaGone},
					{Handle: "unpublishable", Name: "d.pdf", State: sdk.ThreadMediaReady},
				},
			})
		})
		tab, w := enter(t, c, 1, "")
		defer tab.leave()
		want := []attachmentView{
			{Name: "a.pdf", Type: "application/pdf", Size: 5, State: "ready", URL: "/media/h1?for=24h0m0s"},
			{Name: "b.pdf", State: "fetching"}, {Name: "c.pdf", State: "gone"}, {Name: "d.pdf", State: "fetching"},
		}
		if diff := cmp.Diff(want, w.Messages[0].Attachments); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if from := w.Messages[0].From; from != (authorView{Kind: "bot", Name: "Bob"}) {
			t.Errorf("from %+v", from)
		}
	})
}

func TestSendAnswersAtOnce(t *testing.T) {
	c, _ := shop(t)
	receipt, err := c.Send(t.Context(), &sdk.Outgoing{OutboxID: "o-1", Text: "hi"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sdk.Receipt{ExternalIDs: []string{"o-1"}}, receipt); diff != "" {
		t.Error(diff)
	}
}

// TestNoLegalTextIsCut shows texts as long as agents may write them, whatever they are made of, beside as many files.
func TestNoLegalTextIsCut(t *testing.T) {
	for name, character := range map[string]string{"the widest": "😀", "quotes": `"`, "backslashes": `\`, "lines": "a\n", "Unicode's lines": "a\u2028", "controls": "a\x01"} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat(character, maxText/len([]rune(character)))
			want := strings.TrimSpace(strings.NewReplacer("\u2028", "\n", "\x01", "").Replace(text))
			m := sdk.ThreadMessage{ID: strings.Repeat("i", 64), Position: strings.Repeat("p", maxPosition), Conversation: strings.Repeat("c", 26), Text: text}
			m.Author = sdk.ThreadAuthor{Kind: sdk.ThreadAgent, Name: strings.Repeat("名", 40)}
			for range maxFiles {
				m.Attachments = append(m.Attachments, sdk.ThreadAttachment{
					Name: strings.Repeat("名", maxFileName), Type: "application/octet-stream", Size: 1 << 30, State: sdk.ThreadMediaReady, Handle: strings.Repeat("h", 280),
				})
			}
			c, _ := shop(t)
			v := c.viewMessage(t.Context(), visitorFor(1), &m)
			if v.Text != want {
				t.Errorf("of %d bytes %d are shown", len(want), len(v.Text))
			}
			if n := len(encode(messageFrame{"message", v})); n > frameRoom {
				t.Errorf("the frame has %d bytes", n)
			}
		})
	}
	c, _ := shop(t)
	var rejected *sdk.Rejected
	if _, err := c.Send(t.Context(), &sdk.Outgoing{Text: strings.Repeat("😀", maxText+1)}); !errors.As(err, &rejected) || rejected.Cause != sdk.RejectedTooLarge {
		t.Errorf("a text that would be cut: %v", err)
	}
	if _, err := c.Send(t.Context(), &sdk.Outgoing{OutboxID: "o", Text: strings.Repeat("😀", maxText)}); err != nil {
		t.Errorf("the longest text: %v", err)
	}
}
