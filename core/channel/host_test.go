package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
)

const fakeSecret = "secret-of-fake"

// receiver keeps what is received, each (account, kind, id) once, like the desk.
type receiver struct {
	mu     sync.Mutex
	times  map[string]int // how often each came
	order  []string       // ids in the order of their first coming
	events []core.Inbound
	cursor *Cursor
	state  *memory // keeps cursors, like the desk; may be nil
	fail   error
}

func (r *receiver) Receive(_ context.Context, events []core.Inbound, cursor *Cursor) (stored, duplicates int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return 0, 0, r.fail
	}
	if r.times == nil {
		r.times = map[string]int{}
	}
	for _, e := range events {
		key := e.Account + " " + string(e.Kind) + " " + e.ID
		r.times[key]++
		if r.times[key] > 1 {
			duplicates++
			continue
		}
		stored++
		r.order = append(r.order, e.ID)
		r.events = append(r.events, e)
	}
	if cursor != nil {
		r.cursor = cursor
		if r.state != nil {
			_, _ = r.state.SetState(context.Background(), cursor.Account, "cursor/"+cursor.Name, cursor.Value, nil)
		}
	}
	return stored, duplicates, nil
}

func (r *receiver) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.order)
}

func (r *receiver) setFail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

// lines is a writer that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// bench is a host with the fake plugin as subprocess.
type bench struct {
	*Host
	received *receiver
	memory   *memory
	log      *lines
	alerts   chan Alert
	setup    *core.Setup
}

func fakeSource(string) (Source, bool) {
	self, err := os.Executable()
	return Source{Path: self, Env: []string{fakeVariable + "=serve"}}, err == nil
}

func newBench(t testing.TB, change ...func(*Options)) *bench {
	t.Helper()
	memory := newMemory()
	b := &bench{received: &receiver{state: memory}, memory: memory, log: &lines{}, alerts: make(chan Alert, 100)}
	options := Options{
		Data: t.TempDir(), Version: "test", PublicURL: "https://desk.example.com", Receiver: b.received, State: b.memory,
		Media: b.memory.mediaStore(), Spool: b.memory, Find: fakeSource,
		Log:   slog.New(slog.NewTextHandler(b.log, nil)),
		Alert: func(a Alert) { b.alerts <- a },
	}
	for _, f := range change {
		f(&options)
	}
	var err error
	if b.Host, err = New(options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	b.setup = setupOf(fakeAccount("shop"))
	return b
}

func fakeAccount(id string) *core.Account {
	return &core.Account{ID: id, Plugin: "fake", Settings: map[string]any{"secret": fakeSecret}}
}

func setupOf(accounts ...*core.Account) *core.Setup {
	setup := &core.Setup{Revision: 1, Accounts: map[string]*core.Account{}, Channels: map[string]*core.Channel{}}
	for _, a := range accounts {
		setup.Accounts[a.ID] = a
		setup.Channels[a.ID+"-channel"] = &core.Channel{ID: a.ID + "-channel", Account: a.ID, Address: map[string]string{"number": "7"}}
	}
	return setup
}

// run applies the setup and waits until the plugin runs.
func (b *bench) run(t testing.TB) *live {
	t.Helper()
	if err := b.Apply(b.setup); err != nil {
		t.Fatal(err)
	}
	return b.live(t, 0)
}

// hurry ends the pause before the plugin's next start.
func (b *bench) hurry() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.supervisors["fake"].restart()
}

// live waits for a process of a later start.
func (b *bench) live(t testing.TB, after uint64) *live {
	t.Helper()
	b.mu.Lock()
	s := b.supervisors["fake"]
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		l, err := s.await(ctx, after)
		if err == nil {
			return l
		}
		if ctx.Err() != nil {
			t.Fatalf("the plugin does not run: %+v\n%s", b.Status(), b.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (b *bench) post(t testing.TB, account, path string, body []byte) (Response, error) {
	t.Helper()
	return b.HandleHTTP(t.Context(), account, Request{
		Method: "POST", URL: "https://desk.example.com/channels/" + account + "/" + path, Path: path, Body: body, ReceivedAt: time.Now(),
		Headers: []Header{{"Content-Type", "application/json"}, {"X-Signature", sign(fakeSecret, body)}},
	})
}

func ids(list ...string) []byte {
	body, _ := json.Marshal(list)
	return body
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to be: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestInbound(t *testing.T) {
	b := newBench(t)
	b.run(t)

	r, err := b.post(t, "shop", "callback", ids("a", "b", "a"))
	if err != nil || r.Status != 200 {
		t.Fatalf("answered %+v, %v", r, err)
	}
	if got := fmt.Sprint(b.received.ids()); got != "[a b]" {
		t.Errorf("stored %s", got)
	}
	e := b.received.events[0]
	if e.Account != "shop" || e.Kind != core.InMessage || e.Message.Text != "text of a" ||
		e.Sender.Identities[0].IdentityKey != (core.IdentityKey{Scope: "shop", Kind: "fake-user", Value: "u1"}) {
		t.Errorf("stored %+v", e)
	}

	// What the plugin decides is passed on as it is; what fails is 503 and nothing is stored.
	if r, err := b.post(t, "shop", "status", nil); err != nil || r.Status != 418 {
		t.Errorf("a status was passed on as %+v, %v", r, err)
	}
	bad, err := b.HandleHTTP(t.Context(), "shop", Request{Method: "POST", Path: "callback", Body: ids("c"), ReceivedAt: time.Now()})
	if err != nil || bad.Status != 401 {
		t.Errorf("an unsigned request got %+v, %v", bad, err)
	}
	for _, path := range []string{"panic", "no-id", "large"} {
		r, err := b.post(t, "shop", path, nil)
		if err == nil || r.Status != 503 {
			t.Errorf("%s got %+v, %v", path, r, err)
		}
		if err != nil && strings.Contains(err.Error(), fakeSecret) {
			t.Errorf("%s: a secret is in %v", path, err)
		}
	}
	b.received.setFail(core.Errorf(core.StorageFull, "the disk is full"))
	if r, err := b.post(t, "shop", "callback", ids("d")); err == nil || r.Status != 503 {
		t.Errorf("with a full disk: %+v, %v", r, err)
	}
	if _, err := b.post(t, "other", "callback", nil); core.CodeOf(err) != core.NotFound {
		t.Errorf("an unknown account: %v", err)
	}
	if got := fmt.Sprint(b.received.ids()); got != "[a b]" {
		t.Errorf("stored %s", got)
	}
}

func TestLargeBodies(t *testing.T) {
	b := newBench(t)
	b.policy.callLimit = time.Minute // this is about sizes
	b.run(t)
	// 5 MB is beyond gRPC's own limit of 4 MiB and an ordinary batch here.
	var many []string
	for i := range 500_000 {
		many = append(many, strconv.Itoa(1_000_000+i))
	}
	if r, err := b.post(t, "shop", "callback", ids(many...)[:3<<20]); err != nil || r.Status != 400 {
		t.Errorf("a body of 3 MiB got %+v, %v", r, err)
	}
	if r, err := b.post(t, "shop", "status", make([]byte, 15<<20)); err != nil || r.Status != 418 {
		t.Errorf("a body of 15 MiB got %+v, %v", r, err)
	}
	r, err := b.post(t, "shop", "status", make([]byte, 17<<20))
	if err == nil || r.Status != 503 || !strings.Contains(err.Error(), "larger than a plugin can be given") {
		t.Errorf("a body of 17 MiB got %+v, %v", r, err)
	}
}

func BenchmarkHandleHTTP(b *testing.B) {
	for _, parallelism := range []int{1, 32} {
		b.Run(fmt.Sprintf("connections=%d", parallelism), func(b *testing.B) {
			h := newBench(b)
			h.run(b)
			body := ids("m")
			request := Request{
				Method: "POST", URL: "https://desk.example.com/channels/shop/callback", Path: "callback", Body: body, ReceivedAt: time.Now(),
				Headers: []Header{{"Content-Type", "application/json"}, {"X-Signature", sign(fakeSecret, body)}},
			}
			work := make(chan struct{})
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range parallelism {
				wg.Go(func() {
					for range work {
						if r, err := h.HandleHTTP(context.Background(), "shop", request); err != nil || r.Status != 200 {
							b.Errorf("%+v %v", r, err)
							return
						}
					}
				})
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

func contextOf(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
