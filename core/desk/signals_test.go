package desk_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
)

// TestChannelsHearWhoAnswersAndWhenItEnds: each change is told once, agents by their first names.
func TestChannelsHearWhoAnswersAndWhenItEnds(t *testing.T) {
	named := func(s *core.Setup) {
		s.Agents["anna"].Name, s.Agents["ben"].Name = "Anna Archer", "Ben Baker"
	}
	inBubble(t, named, func(h *house) {
		h.there("anna")
		c := h.taken("zoe")
		told := func(what string, want ...core.Signal) {
			t.Helper()
			h.settle()
			h.channels.mu.Lock()
			defer h.channels.mu.Unlock()
			if diff := cmp.Diff(want, h.channels.signals); diff != "" {
				t.Errorf("%s: -want +told\n%s", what, diff)
			}
			h.channels.signals = nil
		}
		told("taken", core.Signal{AgentJoined: "Anna"})
		h.there("ben")
		ringing, err := h.desk.Transfer(ctx, agent("anna"), c.ID, desk.Target{Agent: "ben"})
		h.ok(err)
		told("transferred", core.Signal{AgentLeft: "Anna"})
		_, err = h.desk.Accept(ctx, agent("ben"), ringing.Offer.ID)
		h.ok(err)
		told("taken over", core.Signal{AgentJoined: "Ben"})
		_, err = h.desk.End(ctx, agent("ben"), c.ID)
		h.ok(err)
		_, err = h.desk.End(ctx, agent("ben"), c.ID) // again
		h.ok(err)
		told("ended", core.Signal{ConversationEnded: string(core.AgentEndConversation)})
		_, err = h.desk.Reopen(ctx, agent("ben"), c.ID)
		h.ok(err)
		told("reopened", core.Signal{AgentJoined: "Ben"})
		_, err = h.desk.End(ctx, agent("ben"), c.ID)
		h.ok(err)
		_, err = h.desk.Close(ctx, agent("ben"), c.ID)
		h.ok(err)
		told("ended and closed", core.Signal{ConversationEnded: string(core.AgentEndConversation)})
	})
}
