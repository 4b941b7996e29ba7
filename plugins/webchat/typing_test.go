package webchat

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/sdk"
)

func TestAgentTyping(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		tab, _ := enter(t, c, 1, "")
		defer tab.leave()
		visitor := visitorFor(1)
		d.turn(visitor, sdk.ThreadStatus{Conversation: "c", State: sdk.ThreadActive, Agent: "Ada"})
		synctest.Wait()
		types := func(stopped bool) {
			if err := c.Signal(t.Context(), threadOf(visitor), identityOf(visitor), sdk.Signal{Typing: &sdk.Typing{Stopped: stopped}}); err != nil {
				t.Fatal(err)
			}
		}
		types(false)
		if r := tab.next(t, "typing"); !r.On || r.Name != "Ada" {
			t.Errorf("typing %+v", r)
		}
		began := time.Now()
		if r := tab.next(t, "typing"); r.On || time.Since(began) != typingLasts {
			t.Errorf("it ended after %s", time.Since(began))
		}
		types(false)
		tab.next(t, "typing")
		time.Sleep(4 * time.Second)
		types(false) // goes on
		tab.next(t, "typing")
		time.Sleep(4 * time.Second)
		if kinds := tab.rest(t); len(kinds) != 0 {
			t.Errorf("while it goes on: %v", kinds)
		}
		d.reply(visitor, "done")
		synctest.Wait()
		if kinds := strings.Join(tab.rest(t), " "); kinds != "typing message" {
			t.Errorf("with the message came %s", kinds)
		}
		types(true) // nothing to take away
		time.Sleep(time.Minute)
		if kinds := tab.rest(t); len(kinds) != 0 {
			t.Errorf("afterwards came %v", kinds)
		}
		// What the panel is not told, and who is not here.
		for _, signal := range []sdk.Signal{{AgentJoined: &sdk.AgentJoined{Name: "Ada"}}, {ConversationEnded: &sdk.ConversationEnded{Code: "x"}}} {
			if err := c.Signal(t.Context(), threadOf(visitor), identityOf(visitor), signal); err != nil {
				t.Error(err)
			}
		}
		if err := c.Signal(t.Context(), threadOf("nobody"), sdk.Identity{}, sdk.Signal{Typing: &sdk.Typing{}}); err != nil {
			t.Error(err)
		}
	})
}

func TestCustomerTyping(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		tab, _ := enter(t, c, 1, "")
		tab.say(map[string]any{"t": "typing", "on": true})
		synctest.Wait()
		if len(d.events) != 0 {
			t.Error("typing was told before there was a conversation")
		}
		tab.say(map[string]any{"t": "send", "id": "x", "text": "hi"})
		tab.next(t, "accepted")
		told := func() (list []bool) {
			synctest.Wait()
			for _, e := range d.received("typing") {
				list = append(list, !e.Typing.Stopped)
			}
			return list
		}
		check := func(want ...bool) {
			t.Helper()
			if diff := cmp.Diff(want, told()); diff != "" {
				t.Errorf("typing told (-want +got):\n%s", diff)
			}
		}
		for range 5 {
			tab.say(map[string]any{"t": "typing", "on": true})
			time.Sleep(100 * time.Millisecond)
		}
		check(true)
		time.Sleep(2900 * time.Millisecond)
		tab.say(map[string]any{"t": "typing", "on": true})
		check(true, true)
		time.Sleep(typingLasts)
		check(true, true, false)
		tab.say(map[string]any{"t": "typing", "on": true})
		tab.say(map[string]any{"t": "send", "id": "y", "text": "so"})
		check(true, true, false, true, false)
		tab.say(map[string]any{"t": "typing", "on": false})
		check(true, true, false, true, false)
		tab.say(map[string]any{"t": "typing", "on": true})
		tab.leave()
		time.Sleep(typingLasts) // the tab is closed while its visitor types
		check(true, true, false, true, false, true, false)
	})
}
