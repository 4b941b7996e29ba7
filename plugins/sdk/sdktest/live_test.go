package sdktest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk"
)

// liveChannel is a sample whose customers hold connections: an echo, with the broken rule that it was made with.
type liveChannel struct {
	broken  string
	account sdk.Account
}

func (*liveChannel) Send(context.Context, *sdk.Outgoing) (sdk.Receipt, error) {
	return sdk.Receipt{}, nil
}

func (c *liveChannel) Connect(ctx context.Context, conn sdk.Connection) error {
	switch {
	case c.broken == "live-silent":
		<-ctx.Done()
		return nil
	case sdk.WebhookPath(conn.Request()) != "live":
		return &sdk.ConnectionRefused{Status: http.StatusNotFound, Body: "no such address"}
	}
	for n := 0; ; n++ {
		message, err := conn.Receive(ctx)
		if err != nil {
			return nil
		}
		if c.broken == "live-deaf" {
			if n == 0 {
				_ = conn.Send(ctx, message)
			}
			<-ctx.Done()
			return nil
		}
		if string(message) == "{" && c.broken == "live-panic" {
			go panic("as nobody can recover from")
		}
		if len(message) == 0 {
			panic("recovered from")
		}
		if err := conn.Send(ctx, message); err != nil {
			return nil
		}
	}
}

func liveSample(broken string) sdk.Plugin[struct{}] {
	return sdk.Plugin[struct{}]{
		Manifest: sdk.Manifest{ID: "live", Name: "Live", Version: "1", Services: sdk.Services{Live: true}},
		Open: func(_ context.Context, a sdk.Account, _ struct{}) (sdk.Channel, error) {
			return &liveChannel{broken: broken, account: a}, nil
		},
	}
}

func upgrade() Option {
	return LiveRequest(request("a", "GET", "live", nil), []byte("hello"))
}

func TestLivePasses(t *testing.T) { Run(t, liveSample(""), upgrade()) }

// TestRunBrokenLive is run by TestBrokenLiveFails in a process of its own.
func TestRunBrokenLive(t *testing.T) {
	broken := os.Getenv(brokenVariable)
	if broken == "" {
		t.Skip("run by TestBrokenLiveFails")
	}
	patience = time.Second
	Run(t, liveSample(broken), upgrade())
}

func TestBrokenLiveFails(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range []string{"live-silent", "live-deaf", "live-panic"} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			run := exec.Command(self, "-test.run", "^TestRunBrokenLive$/^live")
			run.Env = append(os.Environ(), brokenVariable+"="+broken)
			if out, err := run.CombinedOutput(); err == nil {
				t.Errorf("a plugin with a broken rule passes:\n%.2000s", out)
			}
		})
	}
}

func TestFakeConversations(t *testing.T) {
	thread, wire := sdk.Thread{ID: "ada", Kind: "user"}, &channelv1.Thread{Id: "ada", Kind: "user"}
	opened := make(chan sdk.Conversations, 1)
	p := liveSample("")
	p.Open = func(_ context.Context, a sdk.Account, _ struct{}) (sdk.Channel, error) {
		opened <- a.Host.Conversations()
		return &liveChannel{}, nil
	}
	s := Start(t, p)
	s.Open(t, "a", nil)
	conversations := <-opened
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for n := range 5 {
		s.Conversations.Say("a", wire, &channelv1.ThreadMessage{Text: fmt.Sprint(n)})
	}
	list, more, err := conversations.History(ctx, thread, "", 2)
	if err != nil || !more || len(list) != 2 || list[0].Text != "3" {
		t.Fatalf("the newest: %v %v %v", list, more, err)
	}
	list, more, err = conversations.HistoryAfter(ctx, thread, "", 2)
	if err != nil || !more || len(list) != 2 || list[1].Text != "1" {
		t.Fatalf("the oldest: %v %v %v", list, more, err)
	}
	// Two watches share a stream; one is stopped by its consumer, the other is lost.
	told := make(chan string, 100)
	go func() {
		for change, err := range conversations.Watch(ctx, thread, list[1].Position) {
			switch {
			case err != nil:
				told <- fmt.Sprint("lost ", errors.Is(err, sdk.ErrWatchLost))
			case change.Message != nil:
				told <- change.Message.Text
			default:
				told <- fmt.Sprint("state ", int(change.Status.State))
			}
		}
		told <- "over"
	}()
	if err := s.Conversations.Watched(ctx, "a", wire, 1); err != nil {
		t.Fatal(err)
	}
	for range conversations.Watch(ctx, thread, "") {
		break
	}
	if err := s.Conversations.Watched(ctx, "a", wire, 1); err != nil {
		t.Fatal(err)
	}
	s.Conversations.Stand("a", wire, &channelv1.ThreadStatusResponse{State: channelv1.ThreadStatusResponse_ACTIVE})
	s.Conversations.Lose("a", wire)
	for _, want := range strings.Fields("state.1 2 3 4 state.3 lost.true over") {
		select {
		case got := <-told:
			if got != strings.ReplaceAll(want, ".", " ") {
				t.Fatalf("told %q, want %q", got, want)
			}
		case <-ctx.Done():
			t.Fatalf("%q did not come", want)
		}
	}
}
