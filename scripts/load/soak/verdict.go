package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/scripts/load/harness"
)

// ledger is what the people of the run know: what was acknowledged to them, and what LINE was given.
type ledger struct {
	mu      sync.Mutex
	acked   map[string][]string // texts by customer's id, in the order of acknowledgement
	status  map[int]int         // answers to webhooks, by status; 0: none
	replies map[string]promise  // by text
	denied  map[string]bool     // texts that were refused
	taken   map[string][]string // how LINE accepted a text, each time
	panels  map[string][]string // at which positions visitors were shown an agent's text
	visits  []visit
	objects []error // what the people found wrong themselves

	// Written by the one goroutine that plays faults.
	pluginKills, serverKills int
	inFlight                 int64 // requests at the moments of killing, summed
}

// promise is a reply that was acknowledged to an agent.
type promise struct {
	id, conversation string
	public           bool
}

// visit is what a visitor knows at the end.
type visit struct {
	name         string
	acked        []string // as in ledger
	shown        []string // the thread as their panel shows it, without what the system says
	conversation string   // the newest one
}

func newLedger() *ledger {
	return &ledger{
		acked: map[string][]string{}, status: map[int]int{}, replies: map[string]promise{}, denied: map[string]bool{}, taken: map[string][]string{},
		panels: map[string][]string{},
	}
}

// shown notes where a visitor was shown an agent's text.
func (l *ledger) shown(text, position string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.panels[text], position) {
		l.panels[text] = append(l.panels[text], position)
	}
}

func (l *ledger) visited(v visit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.visits = append(l.visits, v)
}

func (l *ledger) object(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.objects = append(l.objects, err)
}

func (l *ledger) sent(s linetest.Sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	how := "as a reply"
	if !s.Reply {
		how = "as a push with key " + s.RetryKey
	}
	l.taken[s.Text()] = append(l.taken[s.Text()], how+" at "+s.At.Format("05.000"))
}

func (l *ledger) answered(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status[status]++
}

func (l *ledger) acknowledge(events []linetest.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		l.acked[e.Source.UserID] = append(l.acked[e.Source.UserID], e.Message.Text)
	}
}

func (l *ledger) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, texts := range l.acked {
		n += len(texts)
	}
	return n
}

func (l *ledger) reply(d harness.Draft, conversation string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replies[d.Text] = promise{id: d.ID, conversation: conversation, public: d.Visibility != "internal"}
}

func (l *ledger) refused(d harness.Draft) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.denied[d.Text] = true
}

// verdict stops the server and compares what it kept with what the people know.
func (s *soak) verdict(ctx context.Context, records *harness.Records) error {
	if err := s.desk.Stop(); err != nil {
		return err
	}
	var wrong []error
	if out, err := s.desk.Run(ctx, "", "fsck"); err != nil {
		wrong = append(wrong, fmt.Errorf("fsck: %w\n%s", err, out))
	}
	l := s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	wrong = append(wrong, l.objects...)
	wrong = append(wrong, l.checkVisitors(records)...)
	wrong = append(wrong, l.checkCustomers(records)...)
	wrong = append(wrong, l.checkReplies(records)...)
	wrong = append(wrong, l.checkSeqs(records)...)
	for status := range l.status {
		if status >= 400 && status < 500 {
			wrong = append(wrong, fmt.Errorf("%d webhooks were answered %d", l.status[status], status))
		}
	}
	if v := s.desk.Line.Violations(); len(v) > 0 {
		wrong = append(wrong, fmt.Errorf("%d calls broke LINE's protocol, the first: %s", len(v), v[0]))
	}
	if l.pluginKills < s.plan.pluginKills || l.serverKills < s.plan.serverKills {
		wrong = append(wrong, fmt.Errorf("only %d plugin and %d server kills were played", l.pluginKills, l.serverKills))
	}
	l.print(records)
	if len(wrong) > 20 {
		wrong = append(wrong[:20], fmt.Errorf("and %d more", len(wrong)-20))
	}
	if len(wrong) == 0 {
		fmt.Printf("soak: passed, seed %d\n", s.plan.seed)
	}
	return errors.Join(wrong...)
}

// checkVisitors: a visitor's panel shows the thread as it is stored, each message once and in order. What visitors were
// acknowledged is then known by thread, as that of LINE's customers is.
func (l *ledger) checkVisitors(records *harness.Records) []error {
	stored := map[string][]string{}
	for _, m := range records.Messages {
		if m.Visibility == "public" && (m.From.Kind == "customer" || m.From.Kind == "agent") {
			thread := records.Conversations[m.Conversation].Thread.ID
			stored[thread] = append(stored[thread], m.Text)
		}
	}
	var wrong []error
	for _, v := range l.visits {
		if len(v.acked) == 0 {
			if len(v.shown) > 0 {
				wrong = append(wrong, fmt.Errorf("%s has said nothing and is shown %s", v.name, few(v.shown)))
			}
			continue
		}
		thread := records.Conversations[v.conversation].Thread.ID
		l.acked[thread] = v.acked
		if !slices.Equal(stored[thread], v.shown) {
			wrong = append(wrong, fmt.Errorf("the panel of %s: %s", v.name, difference(stored[thread], v.shown, v.shown)))
		}
	}
	return wrong
}

// checkCustomers: each acknowledged message is there exactly once and in order, and nothing that nobody wrote.
func (l *ledger) checkCustomers(records *harness.Records) []error {
	stored, places := map[string][]string{}, map[string][]string{}
	for _, m := range records.Messages {
		if m.From.Kind == "customer" {
			thread := records.Conversations[m.Conversation].Thread.ID
			stored[thread] = append(stored[thread], m.Text)
			places[thread] = append(places[thread], fmt.Sprintf("%q at %s/%d, stored %s", m.Text, m.Conversation, m.Seq, m.CreatedAt.Format("15:04:05.000")))
		}
	}
	var wrong []error
	for customer, want := range l.acked {
		have := stored[customer]
		if len(have) == len(want) {
			same := true
			for i := range want {
				same = same && want[i] == have[i]
			}
			if same {
				continue
			}
		}
		wrong = append(wrong, fmt.Errorf("customer %s: %s", customer, difference(want, have, places[customer])))
	}
	for customer := range stored {
		if l.acked[customer] == nil {
			wrong = append(wrong, fmt.Errorf("messages are stored of %s, who wrote none", customer))
		}
	}
	return wrong
}

// difference says what is wrong with a list of stored texts, which lie at places.
func difference(want, have, places []string) string {
	count := map[string]int{}
	for _, text := range have {
		count[text]++
	}
	var lost, doubled []string
	for _, text := range want {
		switch n := count[text]; {
		case n == 0:
			lost = append(lost, text)
		case n > 1:
			doubled = append(doubled, text)
		}
	}
	if len(lost)+len(doubled) == 0 && len(want) == len(have) {
		for i := range want {
			if want[i] != have[i] {
				return fmt.Sprintf("out of order: message %d of %d is %q instead of %q: %s", i+1, len(want), have[i], want[i],
					strings.Join(places[max(0, i-1):min(len(places), i+4)], "; "))
			}
		}
	}
	return fmt.Sprintf("%d messages should be there, %d are; lost %s, doubled %s", len(want), len(have), few(lost), few(doubled))
}

func few(list []string) string {
	if len(list) > 5 {
		return fmt.Sprintf("%q and %d more", list[:5], len(list)-5)
	}
	return fmt.Sprintf("%q", list)
}

// checkReplies: each acknowledged reply is there exactly once; LINE took, or one visitor was shown, each one that is marked
// sent exactly once, an unknown one at most once, and nothing else.
func (l *ledger) checkReplies(records *harness.Records) []error {
	var wrong []error
	stored := map[string]harness.StoredMessage{}
	for _, m := range records.Messages {
		if m.From.Kind != "agent" {
			continue
		}
		if _, twice := stored[m.Text]; twice {
			wrong = append(wrong, fmt.Errorf("the reply %q is stored twice", m.Text))
		}
		stored[m.Text] = m
		if _, known := l.replies[m.Text]; !known && !l.denied[m.Text] {
			wrong = append(wrong, fmt.Errorf("the reply %q is stored, but nobody knows of it", m.Text))
		}
		taken := len(l.taken[m.Text]) + len(l.panels[m.Text])
		bad := false
		switch {
		case m.Visibility == "internal":
			bad = taken != 0
		case m.State == "sent", m.State == "delivered", m.State == "read":
			bad = taken != 1
		case m.State == "unknown":
			bad = taken > 1
		default:
			bad = true
		}
		if bad {
			wrong = append(wrong, fmt.Errorf("the %s reply %q is %s (%+v), and LINE took it %d times: %q, visitors were shown it at %q",
				m.Visibility, m.Text, m.State, m.Reason, len(l.taken[m.Text]), l.taken[m.Text], l.panels[m.Text]))
		}
	}
	for text, p := range l.replies {
		m, ok := stored[text]
		if !ok || m.ID != p.id || m.Conversation != p.conversation || (m.Visibility == "public") != p.public {
			wrong = append(wrong, fmt.Errorf("the reply %q was acknowledged, but what is stored is %+v", text, m))
		}
	}
	for text := range l.taken {
		if _, ok := stored[text]; !ok {
			wrong = append(wrong, fmt.Errorf("LINE took %q, which is not stored", text))
		}
	}
	for text := range l.panels {
		if _, ok := stored[text]; !ok {
			wrong = append(wrong, fmt.Errorf("a visitor was shown %q, which is not stored", text))
		}
	}
	return wrong
}

// checkSeqs: the messages of a conversation are numbered without gaps.
func (l *ledger) checkSeqs(records *harness.Records) []error {
	var wrong []error
	next := map[string]uint64{}
	for _, m := range records.Messages {
		next[m.Conversation]++
		if m.Seq != next[m.Conversation] {
			wrong = append(wrong, fmt.Errorf("conversation %s has message %d where %d should be", m.Conversation, m.Seq, next[m.Conversation]))
			next[m.Conversation] = m.Seq
		}
	}
	return wrong
}

func (l *ledger) print(records *harness.Records) {
	states := map[string]int{}
	for _, m := range records.Messages {
		if m.From.Kind == "agent" && m.Visibility == "public" {
			states[m.State]++
		}
	}
	calls := 0
	for _, times := range l.taken {
		calls += len(times)
	}
	acked := 0
	for _, texts := range l.acked {
		acked += len(texts)
	}
	var answers []string
	for status, n := range l.status {
		name := fmt.Sprint(status)
		if status == 0 {
			name = "none"
		}
		answers = append(answers, fmt.Sprintf("%s: %d", name, n))
	}
	sort.Strings(answers)
	fmt.Printf("soak: %d customer messages acknowledged in %d conversations; answers to webhooks %s\n", acked, len(records.Conversations), strings.Join(answers, ", "))
	fmt.Printf("soak: %d plugin kills, %d server kills, %d messages in flight at those moments\n", l.pluginKills, l.serverKills, l.inFlight)
	fmt.Printf("soak: %d replies acknowledged, %d refused; public ones by state %v; LINE took %d, visitors were shown %d\n", len(l.replies), len(l.denied), states, calls, len(l.panels))
}
