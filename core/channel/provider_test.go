package channel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk"
)

// The fake plugin's provider is a folder: the file "available" says how many messages there are to be fetched, "busy" is
// locked while somebody fetches, "refuse" makes it refuse with its content, "called" holds the address that it was given.
func (f *fake) file(name string) string { return filepath.Join(f.settings.Provider, name) }

func (f *fake) Pull(ctx context.Context, cursor []byte, emit sdk.Emit) error {
	if f.settings.Provider == "" {
		return sdk.ErrNothingToPull
	}
	if why, err := os.ReadFile(f.file("refuse")); err == nil {
		return &sdk.PullConflict{Reason: string(why), After: 20 * time.Millisecond}
	}
	busy, err := os.OpenFile(f.file("busy"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer busy.Close()
	// Like a connection, a lock goes with its process.
	if syscall.Flock(int(busy.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return &sdk.PullConflict{Reason: "two of us fetch", After: 20 * time.Millisecond}
	}
	next, _ := strconv.Atoi(string(cursor))
	for ctx.Err() == nil {
		raw, _ := os.ReadFile(f.file("available"))
		available, _ := strconv.Atoi(string(raw))
		var events []sdk.Event
		for ; next < available && len(events) < 7; next++ {
			events = append(events, fakeEvent(fmt.Sprint("pulled-", next)))
		}
		if err := emit(ctx, []byte(strconv.Itoa(next)), events...); err != nil {
			return err
		}
		if len(events) == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	return ctx.Err()
}

func (f *fake) Register(context.Context) error {
	return os.WriteFile(f.file("called"), []byte(f.account.PublicURL), 0o600)
}

func (f *fake) Unregister(context.Context) error { return os.Remove(f.file("called")) }

func (f *fake) CheckSubscription(context.Context) (sdk.Subscription, error) {
	if f.settings.Provider == "" {
		return sdk.Subscription{}, nil
	}
	address, _ := os.ReadFile(f.file("called"))
	check := sdk.Check{Name: "webhook", Title: "Webhook", State: sdk.Passed, Detail: string(address)}
	if string(address) != f.account.PublicURL {
		check.State, check.Detail = sdk.Failed, "another address"
	}
	return sdk.Subscription{Checks: []sdk.Check{check}, Register: check.State == sdk.Failed}, nil
}

// fetching is a bench whose account fetches from a provider of its own.
func fetching(t *testing.T, available int) (*bench, string) {
	b, folder := newBench(t), t.TempDir()
	b.policy.firstBackoff, b.policy.maxBackoff, b.policy.refusedPull = 10*time.Millisecond, 20*time.Millisecond, 10*time.Millisecond
	b.policy.firstCheck, b.policy.checkEvery = time.Millisecond, 10*time.Millisecond
	b.setup.Accounts["shop"].Settings["provider"] = folder
	offer(t, folder, available)
	return b, folder
}

func offer(t *testing.T, folder string, available int) {
	t.Helper()
	write := filepath.Join(folder, "available.new")
	if err := errors.Join(os.WriteFile(write, []byte(strconv.Itoa(available)), 0o600), os.Rename(write, filepath.Join(folder, "available"))); err != nil {
		t.Fatal(err)
	}
}

func TestPullGoesOnWhereItStopped(t *testing.T) {
	b, folder := fetching(t, 20)
	l := b.run(t)
	until(t, "the first are there", func() bool { return len(b.received.ids()) >= 20 })
	for generation := range 3 {
		offer(t, folder, 20*(generation+2))
		_ = syscall.Kill(l.pid(), syscall.SIGKILL)
		l = b.live(t, l.generation)
		until(t, "the next are there", func() bool { return len(b.received.ids()) >= 20*(generation+2) })
	}
	for i, id := range b.received.ids() {
		if id != fmt.Sprint("pulled-", i) {
			t.Fatalf("number %d is %s", i, id)
		}
	}
	until(t, "the provider was reached", func() bool { return !b.Status()[0].Accounts[0].Pull.Reached.IsZero() })
}

// TestNeverTwoPulls changes the settings again and again while it is fetched: the fake provider refuses a second
// consumer, and says so in the status.
func TestNeverTwoPulls(t *testing.T) {
	b, folder := fetching(t, 1000)
	b.run(t)
	for i := range 10 {
		b.setup = setupOf(fakeAccount("shop"))
		b.setup.Accounts["shop"].Settings["provider"] = folder
		b.setup.Accounts["shop"].Settings["patience"] = (time.Duration(i+1) * time.Second).String()
		if err := b.Apply(b.setup); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "all are there", func() bool { return len(b.received.ids()) == 1000 })
	if text := b.log.String(); strings.Contains(text, "two of us fetch") {
		t.Error("two calls of Pull were open at once")
	}
}

func TestPullTellsWhatIsWrong(t *testing.T) {
	b, folder := fetching(t, 3)
	if err := os.WriteFile(filepath.Join(folder, "refuse"), []byte("another program fetches with this token"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.run(t)
	a := <-b.alerts
	if a.Code != "account-not-fetching" || a.Account != "shop" || !strings.Contains(a.Text, "another program fetches") {
		t.Errorf("the alert is %+v", a)
	}
	if p := b.Status()[0].Accounts[0].Pull; p == nil || !strings.Contains(p.Problem, "another program fetches") || p.Next.IsZero() {
		t.Errorf("the status is %+v", p)
	}
	_ = os.Remove(filepath.Join(folder, "refuse"))
	until(t, "it fetches", func() bool { return len(b.received.ids()) == 3 })
	until(t, "the status is good", func() bool { return b.Status()[0].Accounts[0].Pull.Problem == "" })
}

func TestNothingToPull(t *testing.T) {
	b := newBench(t)
	b.run(t)
	until(t, "it is left alone", func() bool { return b.Status()[0].Accounts[0].Pull == nil })
}

func TestRegistrationIsMended(t *testing.T) {
	b, folder := fetching(t, 0)
	called := filepath.Join(folder, "called")
	b.run(t)
	const want = "https://desk.example.com/channels/shop"
	address := func() string {
		raw, _ := os.ReadFile(called)
		return string(raw)
	}
	until(t, "the provider knows the address", func() bool { return address() == want })
	if err := os.WriteFile(called, []byte("https://elsewhere.example.com"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "it knows it again", func() bool { return address() == want })
	until(t, "the status tells", func() bool {
		s := b.Status()[0].Accounts[0].Subscription
		return s != nil && len(s.Checks) == 1 && s.Checks[0].State == core.CheckPassed && !s.Registered.IsZero()
	})
	if checks := b.Validate(t.Context(), "shop"); !strings.Contains(fmt.Sprint(checks), want) {
		t.Errorf("the checks do not tell of it: %v", checks)
	}
	if err := b.Apply(setupOf(fakeAccount("other"))); err != nil {
		t.Fatal(err)
	}
	until(t, "the provider has forgotten it", func() bool { return address() == "" })
}

// TestExclusiveSettings gives two accounts the credential that serves one consumer.
func TestExclusiveSettings(t *testing.T) {
	b, folder := fetching(t, 5)
	b.options.Builtin = func(string) (*channelv1.Manifest, bool) { return fakeManifest(t), true }
	b.setup = setupOf(fakeAccount("shop"), fakeAccount("twin"))
	for _, a := range b.setup.Accounts {
		a.Settings["provider"] = folder
	}
	b.run(t)
	problem := func(account string) string {
		for _, a := range b.Status()[0].Accounts {
			if a.ID == account {
				return a.Problem
			}
		}
		return "not there"
	}
	if !strings.Contains(problem("twin"), "same provider as the account shop") || problem("shop") != "" {
		t.Errorf("shop: %q, twin: %q", problem("shop"), problem("twin"))
	}
	delete(b.setup.Accounts, "shop")
	if err := b.Apply(b.setup); err != nil {
		t.Fatal(err)
	}
	until(t, "the twin may have it", func() bool { return problem("twin") == "" })
}
