package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/scripts/load/harness"
)

// told is a small run in which everything went well: two customers, three replies.
func told() (*ledger, *harness.Records) {
	l := newLedger()
	event := func(user, text string) linetest.Event {
		return linetest.Event{Source: &linetest.Source{UserID: user}, Message: &linetest.Message{Text: text}}
	}
	l.acknowledge([]linetest.Event{event("U1", "one #1"), event("U1", "one #2")})
	l.acknowledge([]linetest.Event{event("U2", "two #1")})
	l.reply(harness.Draft{ID: "r1", Text: "reply 1"}, "c1")
	l.reply(harness.Draft{ID: "r2", Text: "reply 2"}, "c1")
	l.reply(harness.Draft{ID: "r3", Text: "note", Visibility: "internal"}, "c2")
	l.sent(linetest.Sent{Message: []byte(`{"text":"reply 1"}`)})
	l.reply(harness.Draft{ID: "r4", Text: "reply 4"}, "c3")
	l.shown("reply 4", "c3:2")
	l.shown("reply 4", "c3:2") // told again
	l.visited(visit{name: "v", acked: []string{"v #1", "v #2"}, shown: []string{"v #1", "reply 4", "v #2"}, conversation: "c3"})
	l.visited(visit{name: "who only looked"})

	r := &harness.Records{Conversations: map[string]harness.StoredConversation{}}
	for _, c := range []struct{ id, user string }{{"c1", "U1"}, {"c2", "U2"}, {"c3", "V"}} {
		conversation := harness.StoredConversation{ID: c.id}
		conversation.Thread.ID = c.user
		r.Conversations[c.id] = conversation
	}
	add := func(conversation string, seq uint64, from, id, text, visibility, state string) {
		m := harness.StoredMessage{ID: id, Conversation: conversation, Seq: seq, Text: text, Visibility: visibility, State: state}
		m.From.Kind = from
		r.Messages = append(r.Messages, m)
	}
	add("c1", 1, "customer", "m1", "one #1", "public", "received")
	add("c1", 2, "agent", "r1", "reply 1", "public", "sent")
	add("c1", 3, "customer", "m2", "one #2", "public", "received")
	add("c1", 4, "agent", "r2", "reply 2", "public", "unknown")
	add("c2", 1, "customer", "m3", "two #1", "public", "received")
	add("c2", 2, "agent", "r3", "note", "internal", "received")
	add("c3", 1, "customer", "m4", "v #1", "public", "received")
	add("c3", 2, "agent", "r4", "reply 4", "public", "read")
	add("c3", 3, "customer", "m5", "v #2", "public", "received")
	return l, r
}

func checks(l *ledger, r *harness.Records) []error {
	return slices.Concat(l.checkVisitors(r), l.checkCustomers(r), l.checkReplies(r), l.checkSeqs(r))
}

func TestVerdictFindsWhatIsWrong(t *testing.T) {
	if wrong := checks(told()); len(wrong) > 0 {
		t.Fatalf("a good run is judged wrong: %v", wrong)
	}
	for name, test := range map[string]struct {
		spoil func(*ledger, *harness.Records)
		want  string
	}{
		"lost message": {func(_ *ledger, r *harness.Records) {
			r.Messages = append(r.Messages[:2:2], r.Messages[3:]...)
			r.Messages[2].Seq = 3
		}, `lost ["one #2"]`},
		"doubled message": {func(_ *ledger, r *harness.Records) {
			r.Messages[5].From.Kind, r.Messages[5].Text = "customer", "two #1"
		}, `doubled ["two #1"]`},
		"disorder": {func(_ *ledger, r *harness.Records) {
			r.Messages[0].Text, r.Messages[2].Text = r.Messages[2].Text, r.Messages[0].Text
		}, "out of order"},
		"visitor's message lost":  {func(_ *ledger, r *harness.Records) { r.Messages = r.Messages[:8] }, `lost ["v #2"]`},
		"panel lacks a message":   {func(l *ledger, _ *harness.Records) { l.visits[0].shown = l.visits[0].shown[:2] }, "the panel of v"},
		"panel in disorder":       {func(l *ledger, _ *harness.Records) { slices.Reverse(l.visits[0].shown) }, "out of order"},
		"panel shows a note":      {func(l *ledger, _ *harness.Records) { l.shown("note", "c2:2") }, `internal reply "note"`},
		"panel shows it twice":    {func(l *ledger, _ *harness.Records) { l.shown("reply 4", "c3:4") }, "is read"},
		"panel never shows it":    {func(l *ledger, _ *harness.Records) { delete(l.panels, "reply 4") }, "is read"},
		"panel shows a ghost":     {func(l *ledger, _ *harness.Records) { l.shown("ghost", "c3:4") }, "which is not stored"},
		"shown though silent":     {func(l *ledger, _ *harness.Records) { l.visits[1].shown = []string{"x"} }, "has said nothing"},
		"gap":                     {func(_ *ledger, r *harness.Records) { r.Messages[5].Seq = 3 }, "where 2 should be"},
		"message nobody wrote":    {func(l *ledger, _ *harness.Records) { delete(l.acked, "U2") }, "who wrote none"},
		"reply sent twice":        {func(l *ledger, _ *harness.Records) { l.taken["reply 1"] = append(l.taken["reply 1"], "again") }, "LINE took it 2 times"},
		"reply never sent":        {func(l *ledger, _ *harness.Records) { delete(l.taken, "reply 1") }, "LINE took it 0 times"},
		"unknown reply twice":     {func(l *ledger, _ *harness.Records) { l.taken["reply 2"] = []string{"once", "again"} }, "is unknown"},
		"failed reply":            {func(_ *ledger, r *harness.Records) { r.Messages[1].State = "failed" }, "is failed"},
		"note that left":          {func(l *ledger, _ *harness.Records) { l.taken["note"] = []string{"once"} }, `internal reply "note"`},
		"reply lost":              {func(_ *ledger, r *harness.Records) { r.Messages = slices.Delete(r.Messages, 5, 6) }, "was acknowledged"},
		"reply elsewhere":         {func(l *ledger, _ *harness.Records) { l.reply(harness.Draft{ID: "r2", Text: "reply 2"}, "c2") }, "was acknowledged"},
		"reply stored twice":      {func(_ *ledger, r *harness.Records) { r.Messages[3].Text = "reply 1" }, "stored twice"},
		"reply nobody wrote":      {func(l *ledger, _ *harness.Records) { delete(l.replies, "note") }, "nobody knows"},
		"sent but never stored":   {func(l *ledger, _ *harness.Records) { l.taken["ghost"] = []string{"once"} }, "which is not stored"},
		"refused and yet stored":  {func(l *ledger, r *harness.Records) { l.refused(harness.Draft{Text: "x"}); r.Messages[3].Text = "x" }, "was acknowledged"},
		"queued when all settled": {func(_ *ledger, r *harness.Records) { r.Messages[3].State = "queued" }, "is queued"},
	} {
		t.Run(name, func(t *testing.T) {
			l, r := told()
			test.spoil(l, r)
			found := ""
			for _, err := range checks(l, r) {
				found += err.Error() + "\n"
			}
			if !strings.Contains(found, test.want) {
				t.Errorf("the verdict is %q, want something with %q", found, test.want)
			}
		})
	}
}

// The kills of a run are all there, and no life of the server has more plugin kills than its supervisor bears.
func TestScheduleKeepsPluginsAlive(t *testing.T) {
	for seed := range uint64(50) {
		s := &soak{plan: plan{seed: seed, pluginKills: 30, serverKills: 6}, random: random(seed, 1)}
		plugins, servers, inLife, byPlugin := 0, 0, 0, map[fault]int{}
		for _, f := range s.schedule() {
			switch f {
			case killLine, killChat:
				plugins++
				byPlugin[f]++
				if inLife++; inLife > 5 {
					t.Fatalf("seed %d kills the plugin %d times in one life of the server", seed, inLife)
				}
			case killServer:
				servers++
				inLife = 0
			}
		}
		if plugins != 30 || servers != 6 || byPlugin[killLine] != 15 {
			t.Errorf("seed %d kills %d plugins %v and %d servers", seed, plugins, byPlugin, servers)
		}
	}
}
