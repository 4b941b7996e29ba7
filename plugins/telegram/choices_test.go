package telegram

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/telegram/telegramtest"
)

func TestChoices(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	h, ann := newHost(), p.NewCustomer("Ann")
	ch, d := account(t, p, h), newDesk()
	long := strings.Repeat("long ", 40)
	out := outgoingText(ann.ID, "Which?")
	out.Choices = []sdk.Choice{
		{Title: "By title"}, {Title: "Short", Postback: "s"}, {Title: "Long", Postback: long}, {Title: "Marked", Postback: "~x"},
		{Title: "Shop", URL: "https://shop.example/"},
	}
	sendAll(t, ch, out)
	sent := p.Sent(ann.ID)[0]
	if len(sent.Buttons) != 5 || sent.Buttons[4][0].URL != "https://shop.example/" {
		t.Fatalf("%+v", sent.Buttons)
	}
	for _, row := range sent.Buttons[:4] {
		ann.Press(sent, row[0])
	}
	ann.Press(sent, telegramtest.Button{CallbackData: "~forgotten"})
	ch = account(t, p, h) // a new process
	pulling(t, ch, d)
	d.until(t, "the buttons", func() bool { _, events := d.stored(); return len(events) == 5 })
	var got []string
	_, events := d.stored()
	for _, e := range events {
		got = append(got, e.Postback.Text+": "+e.Postback.Data)
	}
	want := []string{"By title: By title", "Short: s", "Long: " + long, "Marked: ~x", ": ~forgotten"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestOldChoicesAreForgotten after a season.
func TestOldChoicesAreForgotten(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	now := time.Unix(1790000000, 0)
	h, ann := newHost(), p.NewCustomer("Ann")
	ch := account(t, p, h, at(func() time.Time { return now }))
	offer := func(data string) {
		out := outgoingText(ann.ID, "Which?")
		out.Choices = []sdk.Choice{{Title: "x", Postback: strings.Repeat(data, 80)}}
		sendAll(t, ch, out)
	}
	offer("a")
	now = now.Add(choiceLife / 2)
	offer("b")
	if keys, _ := h.ListState(t.Context(), choicePrefix); len(keys) != 2 {
		t.Errorf("kept %q", keys)
	}
	now = now.Add(choiceLife/2 + time.Hour)
	offer("c")
	if keys, _ := h.ListState(t.Context(), choicePrefix); len(keys) != 2 {
		t.Errorf("kept %q", keys)
	}
}
