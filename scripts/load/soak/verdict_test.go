package main

import (
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

	r := &harness.Records{Conversations: map[string]harness.StoredConversation{}}
	for _, c := range []struct{ id, user string }{{"c1", "U1"}, {"c2", "U2"}} {
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
	return l, r
}

func checks(l *ledger, r *harness.Records) []error {
	return append(append(l.checkCustomers(r), l.checkReplies(r)...), l.checkSeqs(r)...)
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
		"gap":                     {func(_ *ledger, r *harness.Records) { r.Messages[5].Seq = 3 }, "where 2 should be"},
		"message nobody wrote":    {func(l *ledger, _ *harness.Records) { delete(l.acked, "U2") }, "who wrote none"},
		"reply sent twice":        {func(l *ledger, _ *harness.Records) { l.taken["reply 1"] = append(l.taken["reply 1"], "again") }, "LINE took it 2 times"},
		"reply never sent":        {func(l *ledger, _ *harness.Records) { delete(l.taken, "reply 1") }, "LINE took it 0 times"},
		"unknown reply twice":     {func(l *ledger, _ *harness.Records) { l.taken["reply 2"] = []string{"once", "again"} }, "is unknown"},
		"failed reply":            {func(_ *ledger, r *harness.Records) { r.Messages[1].State = "failed" }, "is failed"},
		"note that left":          {func(l *ledger, _ *harness.Records) { l.taken["note"] = []string{"once"} }, `internal reply "note"`},
		"reply lost":              {func(_ *ledger, r *harness.Records) { r.Messages = r.Messages[:5] }, "was acknowledged"},
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
		plugins, servers, inLife := 0, 0, 0
		for _, f := range s.schedule() {
			switch f {
			case killPlugin:
				plugins++
				if inLife++; inLife > 5 {
					t.Fatalf("seed %d kills the plugin %d times in one life of the server", seed, inLife)
				}
			case killServer:
				servers++
				inLife = 0
			}
		}
		if plugins != 30 || servers != 6 {
			t.Errorf("seed %d kills %d plugins and %d servers", seed, plugins, servers)
		}
	}
}
