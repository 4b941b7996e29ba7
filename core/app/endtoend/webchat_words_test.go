package endtoend

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/guichet/guichet/plugins/webchat/webchattest"
	"github.com/guichet/guichet/scripts/load/harness"
)

// An agent's text reaches the visitor whole or is refused with the limit that it breaks; nothing is cut on the way.
func TestLongTextsAreWholeOrRefused(t *testing.T) {
	bothWays(t, func(t *testing.T, way func(*webchattest.Options)) {
		s := open(t, harness.Config{Agents: 1, More: chat})
		agent := s.agent(1)
		ana := s.visitor("Ana", way)
		c := s.chats(agent, ana, "Hello")
		var detail struct {
			TextMax  int    `json:"text_max"`
			TextUnit string `json:"text_unit"`
		}
		_, err := agent.Do(s.ctx, http.MethodGet, "/api/v1/conversations/"+c, nil, &detail)
		s.must(err)
		if detail.TextMax != ana.Limits().Text || detail.TextUnit != "characters" {
			t.Errorf("the agent is told %+v, the visitor %d characters", detail, ana.Limits().Text)
		}
		for id, text := range map[string]string{
			"wide": strings.Repeat("😀", detail.TextMax), "quoted": strings.Repeat(`"`, detail.TextMax), "lines": strings.Repeat("a\n", detail.TextMax/2-1) + "z",
		} {
			s.say(agent, c, id, text)
			s.reads(ana, text)
		}
		_, _, err = agent.Send(s.ctx, c, harness.Draft{ID: "long", Text: strings.Repeat("é", detail.TextMax+1)})
		var problem *harness.Problem
		if !errors.As(err, &problem) || problem.Status != http.StatusBadRequest || !strings.Contains(problem.Detail, "at most 6000") {
			t.Errorf("a text that is too long: %v, want 400 with the limit", err)
		}
		if _, _, err := agent.Send(s.ctx, c, harness.Draft{ID: "note", Text: strings.Repeat("é", detail.TextMax+1), Visibility: "internal"}); err != nil {
			t.Errorf("a note of that length: %v", err)
		}
	})
}

// A visitor who has ended a conversation can end it again when it was taken up again.
func TestVisitorEndsWhatWasReopened(t *testing.T) {
	bothWays(t, func(t *testing.T, way func(*webchattest.Options)) {
		s := open(t, harness.Config{Agents: 1, More: chat})
		agent := s.agent(1)
		ana := s.visitor("Ana", way)
		c := s.chats(agent, ana, "Hello")
		for range 3 {
			s.must(ana.End(s.ctx))
			s.await("the conversation has ended", func() bool { return s.conversation(agent, c).State == "wrap-up" })
			s.must(agent.Command(s.ctx, c, "reopen", nil))
			s.stands(ana, "active")
		}
	})
}
