package desk_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/store"
)

// drafted returns what an agent has begun to write; "" when there is nothing.
func (h *house) drafted(id core.ID, agent string) (text string) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		d, err := tx.Draft(id, agent)
		if d != nil {
			text = d.Text
		}
		return err
	})
	return text
}

func TestDraftsAreTheirAuthorsAlone(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("u1")
		last := h.db.Last()
		for _, text := range []string{"Good mor", "Good morning", "Good morning,"} {
			d, err := h.desk.SaveDraft(ctx, agent("anna"), c.ID, text, "")
			h.ok(err)
			if d.Text != text || d.Visibility != core.Public || d.UpdatedAt.IsZero() {
				t.Errorf("kept %+v", d)
			}
		}
		_, err := h.desk.SaveDraft(ctx, supervisor(), c.ID, "be polite", core.InternalNote)
		h.ok(err)
		if got := h.drafted(c.ID, "anna"); got != "Good morning," {
			t.Errorf("the last one is %q", got)
		}
		if h.db.Last() != last {
			t.Error("drafts were told to others")
		}
		if v := h.conversation(c.ID).Version; v != c.Version {
			t.Error("a draft changed the conversation")
		}
		_, err = h.desk.SaveDraft(ctx, agent("ben"), c.ID, "x", "")
		h.refused(err, core.NotFound)
		_, err = h.desk.SaveDraft(ctx, agent("anna"), c.ID, "x", "secret")
		h.refused(err, core.Invalid)
		_, err = h.desk.SaveDraft(ctx, agent("anna"), c.ID, strings.Repeat("x", 30001), "")
		h.refused(err, core.Invalid)

		// A message that is refused takes no draft with it; one that is stored does, and only its author's.
		_, _, err = h.desk.Reply(ctx, agent("anna"), c.ID, desk.NewMessage{ID: "m1"})
		h.refused(err, core.Invalid)
		if h.drafted(c.ID, "anna") == "" {
			t.Error("a refused message took the draft with it")
		}
		h.reply(c, "m1", "Good morning, how can I help?")
		if got := h.drafted(c.ID, "anna"); got != "" {
			t.Errorf("sent, and still a draft: %q", got)
		}
		if h.drafted(c.ID, "sue") != "be polite" {
			t.Error("another's draft is gone")
		}
		_, err = h.desk.SaveDraft(ctx, agent("anna"), c.ID, "Next", "")
		h.ok(err)
		_, created, err := h.desk.Reply(ctx, agent("anna"), c.ID, desk.NewMessage{ID: "m1", Text: "Good morning, how can I help?"})
		h.ok(err)
		if created || h.drafted(c.ID, "anna") != "Next" {
			t.Error("a repetition took the next draft with it")
		}
		d, err := h.desk.SaveDraft(ctx, agent("anna"), c.ID, " \n", "")
		h.ok(err)
		if d.Text != "" || h.drafted(c.ID, "anna") != "" {
			t.Errorf("an empty text left %+v", d)
		}
	})
}

func TestAnsweredMeanwhile(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("u1")
		seen := h.conversation(c.ID).LastSeq
		say := func(a desk.Actor, id string, visibility core.Visibility, seen *uint64) error {
			_, _, err := h.desk.Reply(ctx, a, c.ID, desk.NewMessage{ID: id, Text: id, Visibility: visibility, LastSeen: seen})
			return err
		}
		anna := agent("anna")
		h.ok(say(anna, "mine", "", &seen))
		h.ok(say(supervisor(), "a note", core.InternalNote, nil))
		h.receive(h.message("u1", "and another thing"))
		h.ok(say(anna, "mine again", "", &seen)) // one's own answers, notes and the customer's words are no answers of others
		h.ok(say(supervisor(), "the supervisor's", "", nil))
		last := h.conversation(c.ID).LastSeq

		err := say(anna, "too late", "", &seen)
		h.refused(err, core.AnsweredMeanwhile)
		if !strings.Contains(err.Error(), "Sue") {
			t.Errorf("it does not say who: %v", err)
		}
		if now := h.conversation(c.ID).LastSeq; now != last {
			t.Error("something was stored all the same")
		}
		h.ok(say(anna, "a late note", core.InternalNote, &seen))
		h.ok(say(anna, "mine", "", &seen)) // a repetition of what is stored
		now := h.conversation(c.ID).LastSeq
		h.ok(say(anna, "with open eyes", "", &now))
		h.ok(say(anna, "without saying", "", nil))
	})
}

func TestAnAnswerElsewhereCountsToo(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("u1")
		seen := h.conversation(c.ID).LastSeq
		echo := h.message("u1", "from the provider's own app")
		echo.Kind = core.InEcho
		h.receive(echo)
		if now := h.conversation(c.ID); !now.WaitingSince.IsZero() || now.Unread != 0 || now.ReadUpTo != now.LastSeq {
			t.Errorf("the customer still waits since %v, with %d unread, read up to %d of %d", now.WaitingSince, now.Unread, now.ReadUpTo, now.LastSeq)
		}
		_, _, err := h.desk.Reply(ctx, agent("anna"), c.ID, desk.NewMessage{ID: "m", Text: "m", LastSeen: &seen})
		h.refused(err, core.AnsweredMeanwhile)
	})
}

func TestVariablesAreSetAndRemoved(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("u1")
		set := func(a desk.Actor, values map[string]*core.Variable) error {
			_, err := h.desk.SetVariables(ctx, a, c.ID, values)
			return err
		}
		text := func(s string) *core.Variable { return &core.Variable{Type: "text", Value: s} }
		number := func(s string) *core.Variable { return &core.Variable{Type: "number", Value: s} }
		h.ok(set(agent("anna"), map[string]*core.Variable{"city": text("Lyon"), "order": number("42.5"), "gone": text("x")}))
		h.ok(set(agent("anna"), map[string]*core.Variable{"gone": nil, "never": nil, "city": text("Nice")}))
		h.view(func(tx *store.Tx) error {
			got, err := tx.Variables(c.ID)
			if diff := cmp.Diff(map[string]core.Variable{"city": *text("Nice"), "order": *number("42.5")}, got); diff != "" {
				t.Error(diff)
			}
			return err
		})
		version := h.conversation(c.ID).Version
		h.ok(set(agent("anna"), map[string]*core.Variable{"city": text("Nice")}))
		if h.conversation(c.ID).Version != version {
			t.Error("nothing changed, and everybody was told")
		}
		h.refused(set(agent("ben"), map[string]*core.Variable{"city": text("x")}), core.NotFound)
		h.refused(set(agent("anna"), map[string]*core.Variable{"": text("x")}), core.Invalid)
		h.refused(set(agent("anna"), map[string]*core.Variable{strings.Repeat("n", 101): text("x")}), core.Invalid)
		h.refused(set(agent("anna"), map[string]*core.Variable{"long": text(strings.Repeat("é", 4001))}), core.Invalid)
		h.refused(set(agent("anna"), map[string]*core.Variable{"n": number("many")}), core.Invalid)
		h.refused(set(agent("anna"), map[string]*core.Variable{"n": {Type: "list"}}), core.Invalid)
		many := map[string]*core.Variable{}
		for i := range 99 {
			many["v"+strings.Repeat("i", i)] = text("x")
		}
		h.refused(set(agent("anna"), many), core.Invalid)
		_, err := h.desk.Close(ctx, supervisor(), c.ID)
		h.ok(err)
		h.refused(set(supervisor(), map[string]*core.Variable{"city": text("x")}), core.Conflict)
	})
}

func TestConversationsKeepTheFirstWordsAndWhatWasRead(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		first := h.message("u1", strings.Repeat("é", 130))
		h.receive(first)
		h.receive(h.message("u1", "second"))
		c := h.ongoing("u1")
		if want := strings.Repeat("é", 119) + "…"; c.FirstWords == nil || c.FirstWords.Text != want {
			t.Errorf("first words %+v", c.FirstWords)
		}
		if c.ReadUpTo != 0 || c.Unread != 2 {
			t.Errorf("read up to %d with %d unread", c.ReadUpTo, c.Unread)
		}
		_, err := h.desk.Pick(ctx, agent("anna"), c.ID)
		h.ok(err)
		h.ok(h.desk.MarkRead(ctx, agent("anna"), c.ID))
		if now := h.conversation(c.ID); now.ReadUpTo != 2 || now.Unread != 0 {
			t.Errorf("read up to %d with %d unread", now.ReadUpTo, now.Unread)
		}
		h.receive(h.message("u1", "third"))
		if now := h.conversation(c.ID); now.ReadUpTo != 2 || now.Unread != 1 {
			t.Errorf("read up to %d with %d unread", now.ReadUpTo, now.Unread)
		}
		h.reply(h.conversation(c.ID), "m1", "an answer")
		if now := h.conversation(c.ID); now.ReadUpTo != 4 || now.LastMessage.Internal {
			t.Errorf("read up to %d after an answer; last message %+v", now.ReadUpTo, now.LastMessage)
		}
		_, _, err = h.desk.Reply(ctx, agent("anna"), c.ID, desk.NewMessage{ID: "n1", Text: "a note", Visibility: core.InternalNote})
		h.ok(err)
		if now := h.conversation(c.ID); !now.LastMessage.Internal || now.LastCustomerMessage.Text != "third" {
			t.Errorf("last message %+v, the customer's %+v", now.LastMessage, now.LastCustomerMessage)
		}
		edit := h.event(core.InEdited, "u1")
		edit.TargetIDs, edit.Text = []string{first.Message.ExternalID}, "better words"
		h.receive(edit)
		if now := h.conversation(c.ID); now.FirstWords.Text != "better words" {
			t.Errorf("edited, the first words are %q", now.FirstWords.Text)
		}
		taken := h.event(core.InDeleted, "u1")
		taken.TargetIDs = []string{first.Message.ExternalID}
		h.receive(taken)
		if now := h.conversation(c.ID); now.FirstWords.Text != "" {
			t.Errorf("taken back, the first words are %q", now.FirstWords.Text)
		}
	})
}
