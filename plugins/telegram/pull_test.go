package telegram

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/telegram/telegramtest"
)

// desk stores what is emitted, as the host does: each event by itself and once, the cursor with the last.
type desk struct {
	mu      sync.Mutex
	seen    map[string]bool
	texts   []string
	events  []sdk.Event
	cursor  []byte
	reached int
	changed chan struct{} // something came; never full
	// crash says after how many events of the next batch storing ends with an error; -1 for never. One beyond the batch
	// stores all of it, and fails all the same.
	crash func(n int) int
}

var errCrash = errors.New("the host has gone")

func newDesk() *desk { return &desk{seen: map[string]bool{}, changed: make(chan struct{}, 1)} }

func (d *desk) emit(_ context.Context, cursor []byte, events ...sdk.Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer func() {
		select {
		case d.changed <- struct{}{}:
		default:
		}
	}()
	d.reached++
	most := -1
	if d.crash != nil && len(events) > 0 {
		most = d.crash(len(events))
	}
	for i, e := range events {
		if i == most {
			return errCrash
		}
		if key := kindOf(e) + e.ID; !d.seen[key] {
			d.seen[key] = true
			d.events = append(d.events, e)
			if e.Message != nil {
				d.texts = append(d.texts, e.Message.Text)
			}
		}
	}
	if cursor != nil {
		d.cursor = slices.Clone(cursor)
	}
	if most > len(events) {
		return errCrash
	}
	return nil
}

func (d *desk) stored() ([]string, []sdk.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.texts), slices.Clone(d.events)
}

// until waits for something to be true of what was stored.
func (d *desk) until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-d.changed:
		case <-time.After(5 * time.Millisecond): // it may be true of something else
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// pulling runs Pull until the test ends or stop is called, which returns its error.
func pulling(t *testing.T, ch *channel, d *desk) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ch.Pull(ctx, d.cursor, d.emit) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = stop() })
	return stop
}

func TestPull(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	d, ann := newDesk(), p.NewCustomer("Ann")
	first := ann.Say("before")
	stop := pulling(t, account(t, p, newHost()), d)
	d.until(t, "the message from before", func() bool { texts, _ := d.stored(); return len(texts) == 1 })
	second := ann.Say("after")
	d.until(t, "the message from after", func() bool { texts, _ := d.stored(); return len(texts) == 2 })
	d.until(t, "both to be confirmed", func() bool { return p.Confirmed(first.Update) && p.Confirmed(second.Update) })
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("told to end, it ended with %v", err)
	}
	// What was stored is not asked for again.
	before, third := p.Polls(), ann.Say("later")
	ch := account(t, p, newHost())
	pulling(t, ch, d)
	d.until(t, "the message from later", func() bool { texts, _ := d.stored(); return len(texts) == 3 })
	if p.Confirmed(third.Update) && p.Polls() == before+1 {
		t.Error("an update was confirmed by the call that told of it")
	}
}

// TestPullTellsThatItReaches: an empty answer is news as well, and comes without a cursor.
func TestPullTellsThatItReaches(t *testing.T) {
	p := platform(t, telegramtest.Options{PollAtMost: 24 * time.Hour})
	d := newDesk()
	pulling(t, account(t, p, newHost()), d)
	// The first call does not wait for anything to be told.
	d.until(t, "word that Telegram answers", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.reached == 1 })
	if d.cursor != nil {
		t.Errorf("nothing came, and the cursor became %s", d.cursor)
	}
}

// TestConfirmsOnlyWhatIsStored: until emit has returned, Telegram keeps the update.
func TestConfirmsOnlyWhatIsStored(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	said := p.NewCustomer("Ann").Say("hello")
	ch := account(t, p, newHost())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := ch.Pull(ctx, nil, func(_ context.Context, cursor []byte, events ...sdk.Event) error {
		if len(events) != 1 || string(cursor) != fmt.Sprintf(`{"bot":"123456789","offset":%d}`, said.Update+1) {
			t.Errorf("cursor %s with %d events", cursor, len(events))
		}
		if p.Confirmed(said.Update) {
			t.Error("the update was confirmed before it was stored")
		}
		return errCrash
	})
	if !errors.Is(err, errCrash) || p.Confirmed(said.Update) || p.Polls() != 1 {
		t.Errorf("after %d calls, confirmed %t: %v", p.Polls(), p.Confirmed(said.Update), err)
	}
}

// TestLargeBatch: what is more than the host takes at once comes in parts, each with the cursor that stands after it.
func TestLargeBatch(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ann := p.NewCustomer("Ann")
	var ids []int64
	for range 4 {
		ids = append(ids, ann.Send(map[string]any{"text": strings.Repeat("x", batchBytes/2)}).Update)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	_ = account(t, p, newHost()).Pull(ctx, nil, func(_ context.Context, cursor []byte, events ...sdk.Event) error {
		if got = append(got, fmt.Sprintf("%d %s", len(events), cursor)); len(got) == 2 {
			cancel()
		}
		return nil
	})
	want := []string{fmt.Sprintf(`2 {"bot":"123456789","offset":%d}`, ids[1]+1), fmt.Sprintf(`2 {"bot":"123456789","offset":%d}`, ids[3]+1)}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestNothingLostNothingDoubled stops at random points: before, amid and after storing a batch, and in the middle of a call.
func TestNothingLostNothingDoubled(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p, err := telegramtest.New(telegramtest.Options{PollAtMost: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		d := newDesk()
		var want []string
		customers := []*telegramtest.Customer{p.NewCustomer("Ann"), p.NewCustomer("Bo")}
		say := func(n int) {
			for range n {
				text := fmt.Sprintf("message %d", len(want))
				want = append(want, text)
				customers[len(want)%2].Say(text)
			}
		}
		d.crash = func(n int) int {
			if rapid.IntRange(0, 2).Draw(rt, "crash?") == 0 {
				return rapid.IntRange(0, n+1).Draw(rt, "crash after")
			}
			return -1
		}
		for life := range rapid.Int64Range(1, 8).Draw(rt, "lives") {
			if p.Pending() == 0 && rapid.IntRange(0, 2).Draw(rt, "a week of silence?") == 0 {
				// From anywhere, but never from where it has been: an id is not given twice.
				p.Jump(rapid.SampledFrom([]int64{1000 * (life + 1), 10_000_000 * (life + 1)}).Draw(rt, "next update"))
			}
			say(rapid.IntRange(0, 130).Draw(rt, "said"))
			switch rapid.IntRange(0, 3).Draw(rt, "fault") {
			case 0:
				p.Inject(telegramtest.Fault{Method: "getUpdates", Accept: true, Drop: true})
			case 1:
				p.Inject(telegramtest.Refusal("getUpdates", http.StatusBadGateway, "Bad Gateway"))
			}
			opened, err := open(sdk.Account{ID: "shop", PublicURL: publicURL, Test: true, Host: newHost()}, Settings{BotToken: p.Token(), Mode: modePoll, APIURL: p.URL()})
			if err != nil {
				rt.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			calls := rapid.IntRange(1, 6).Draw(rt, "calls of this life")
			_ = opened.Pull(ctx, d.cursor, func(ctx context.Context, cursor []byte, events ...sdk.Event) error {
				if calls--; calls == 0 {
					defer cancel()
				}
				return d.emit(ctx, cursor, events...)
			}) // every way of ending is fine
			cancel()
			_ = opened.Close()
		}
		p.Heal()
		d.crash = nil
		opened, err := open(sdk.Account{ID: "shop", PublicURL: publicURL, Test: true, Host: newHost()}, Settings{BotToken: p.Token(), Mode: modePoll, APIURL: p.URL()})
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = opened.Close() }()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = opened.Pull(ctx, d.cursor, func(ctx context.Context, cursor []byte, events ...sdk.Event) error {
			if len(events) == 0 {
				cancel() // all has been told
			}
			return d.emit(ctx, cursor, events...)
		})
		got, _ := d.stored()
		if !slices.Equal(got, want) {
			rt.Fatalf("%d messages were said and %d stored", len(want), len(got))
		}
		if v := p.Violations(); len(v) > 0 {
			rt.Fatalf("the protocol was broken: %q", v)
		}
	})
}

// TestWeekOfSilence: after it Telegram counts from anywhere, also from further down, and what comes then is confirmed too.
func TestWeekOfSilence(t *testing.T) {
	for _, next := range []int64{5, 2_000_000_000} {
		p := platform(t, telegramtest.Options{})
		d, ann := newDesk(), p.NewCustomer("Ann")
		ann.Say("before")
		pulling(t, account(t, p, newHost()), d)
		d.until(t, "all from before", func() bool { return p.Pending() == 0 })
		p.Jump(next)
		ann.Say("after")
		ann.Say("and on")
		d.until(t, "all from after", func() bool { return p.Pending() == 0 })
		if texts, _ := d.stored(); !slices.Equal(texts, []string{"before", "after", "and on"}) {
			t.Errorf("stored %q", texts)
		}
	}
}

// TestCursorOfAnotherBot: where an account is given another bot, the cursor of the former one would confirm what nobody has
// seen.
func TestCursorOfAnotherBot(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	p.NewCustomer("Ann").Say("hello")
	d := newDesk()
	d.cursor = []byte(`{"bot":"42","offset":700002}`)
	pulling(t, account(t, p, newHost()), d)
	d.until(t, "the message", func() bool { texts, _ := d.stored(); return len(texts) == 1 })
}

func TestNothingToPullWithAWebhook(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	if err := account(t, p, newHost(), asWebhook).Pull(t.Context(), nil, newDesk().emit); !errors.Is(err, sdk.ErrNothingToPull) {
		t.Errorf("%v", err)
	}
	if p.Polls() > 0 {
		t.Error("it asked all the same")
	}
}

// TestOwnWebhookMakesWay: an account that was called and now polls takes its webhook away and loses nothing.
func TestOwnWebhookMakesWay(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	p.SetWebhook(publicURL+"/callback", "s")
	p.NewCustomer("Ann").Say("hello")
	d := newDesk()
	pulling(t, account(t, p, newHost()), d)
	d.until(t, "the message", func() bool { texts, _ := d.stored(); return len(texts) == 1 })
	if p.Webhook() != "" {
		t.Error("the webhook is still set")
	}
}

func TestForeignWebhookIsLeftAlone(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	p.SetWebhook("https://user:secret@other.example/hook/secret-path", "s")
	err := account(t, p, newHost()).Pull(t.Context(), nil, newDesk().emit)
	var conflict *sdk.PullConflict
	if !errors.As(err, &conflict) || !strings.Contains(conflict.Reason, "other.example") || strings.Contains(conflict.Reason, "secret") {
		t.Errorf("%v", err)
	}
	if p.Webhook() == "" {
		t.Error("somebody else's webhook was taken away")
	}
}

// TestAnotherPoller: Telegram ends the older call, so each consumer gets a part. It is said, and tried again slowly.
func TestAnotherPoller(t *testing.T) {
	p := platform(t, telegramtest.Options{PollAtMost: time.Hour})
	now := time.Unix(1790000000, 0)
	ch := account(t, p, newHost(), at(func() time.Time { return now }))
	other := account(t, p, newHost())
	for _, pause := range []time.Duration{5 * time.Second, time.Minute, time.Minute} {
		ended := make(chan error, 1)
		waits := make(chan struct{}, 10)
		go func() {
			ended <- ch.Pull(t.Context(), nil, func(context.Context, []byte, ...sdk.Event) error { waits <- struct{}{}; return nil })
		}()
		<-waits // its first call has returned; the second one waits, or is about to
		var err error
		for err == nil {
			if _, e := other.updates(t.Context(), 0, 0); e != nil {
				t.Fatal(e)
			}
			select {
			case err = <-ended:
			case <-time.After(time.Millisecond):
			}
		}
		var conflict *sdk.PullConflict
		if !errors.As(err, &conflict) || conflict.After != pause || !strings.Contains(conflict.Reason, "another program") {
			t.Fatalf("want a pause of %s, got %+v", pause, err)
		}
		now = now.Add(time.Second)
	}
}

func TestPullOutcomes(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault telegramtest.Fault
		want  error
	}{
		{"revoked", telegramtest.Refusal("getUpdates", 401, "Unauthorized"), &sdk.AuthenticationFailed{}},
		{"not a token", telegramtest.Refusal("getUpdates", 404, "Not Found"), &sdk.AuthenticationFailed{}},
		{"too fast", telegramtest.TooMany("getUpdates", 7), &sdk.RateLimited{After: 7 * time.Second}},
		{"broken", telegramtest.Refusal("getUpdates", 500, "Internal Server Error: restart"), &sdk.Retryable{}},
		{"gateway", telegramtest.Fault{Method: "getUpdates", Status: 502, Body: "<html>"}, &sdk.Retryable{}},
		{"a proxy's 404", telegramtest.Fault{Method: "getUpdates", Status: 404, Body: "<html>"}, &sdk.Retryable{}},
		{"gone", telegramtest.Fault{Method: "getUpdates", Drop: true}, &sdk.Retryable{}},
		{"nonsense", telegramtest.Fault{Method: "getUpdates", Status: 200, Body: "welcome to the hotel"}, &sdk.Retryable{}},
		{"banned", telegramtest.Refusal("getUpdates", 403, "Forbidden: bot was banned"), &sdk.AccountBlocked{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := platform(t, telegramtest.Options{})
			p.Inject(test.fault)
			err := account(t, p, newHost()).Pull(t.Context(), nil, newDesk().emit)
			if fmt.Sprintf("%T", err) != fmt.Sprintf("%T", test.want) {
				t.Fatalf("%T %v, want %T", err, err, test.want)
			}
			var limited *sdk.RateLimited
			if errors.As(err, &limited) && limited.After != 7*time.Second {
				t.Errorf("after %s", limited.After)
			}
			if strings.Contains(err.Error(), p.Token()) {
				t.Errorf("the token is in %v", err)
			}
		})
	}
}

// TestButtonsAreAnswered: after they are stored, and not before.
func TestButtonsAreAnswered(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ann := p.NewCustomer("Ann")
	ch := account(t, p, newHost())
	out := outgoingText(ann.ID, "Which size?")
	out.Choices = []sdk.Choice{{Title: "Large", Postback: "size=l"}}
	if _, err := ch.Send(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	sent := p.Sent(ann.ID)[0]
	query, _ := ann.Press(sent, sent.Buttons[0][0])
	d := newDesk()
	pulling(t, ch, d)
	d.until(t, "the button", func() bool { _, events := d.stored(); return len(events) == 1 })
	d.until(t, "its answer", func() bool { return p.Answered(query) == 1 })
	if _, events := d.stored(); events[0].Postback == nil || events[0].Postback.Data != "size=l" || events[0].Postback.Text != "Large" {
		t.Errorf("%+v", events[0].Postback)
	}
}
