package live

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// tapped is a connection that reports the messages that are written to it.
type tapped struct {
	frames chan string
}

func (c *tapped) Read(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
func (c *tapped) Ping(context.Context) error               { return nil }
func (c *tapped) Close(int, string)                        {}
func (c *tapped) Write(_ context.Context, frame []byte) error {
	if text := string(frame); strings.Contains(text, `"type":"message"`) || strings.Contains(text, `"last":true`) {
		c.frames <- text
	}
	return nil
}

// BenchmarkMessageToSocket measures from a durable message to its frame on the agent's socket, with others open beside.
func BenchmarkMessageToSocket(b *testing.B) {
	for _, others := range []int{0, 50} {
		b.Run(fmt.Sprint("others=", others), func(b *testing.B) {
			w := newWorld()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go w.hub.Run(ctx)
			open := func(agent string) *tapped {
				c := &tapped{frames: make(chan string, 100)}
				go func() { _ = w.hub.Serve(ctx, c, Subscriber{Agent: agent, Fresh: true}) }()
				<-c.frames
				return c
			}
			for range others {
				open("ben")
			}
			ada := open("ada")
			id, now := core.NewID(time.Now()), time.Now()
			say := func() {
				w.update(func(tx *store.Tx) error {
					c, err := tx.Conversation(id)
					if core.CodeOf(err) == core.NotFound {
						c = &core.Conversation{ID: id, State: core.Active, Assignee: "ada", Contact: id, LastActivity: now}
					}
					tx.AppendMessage(c, &core.Message{ID: fmt.Sprint(c.LastSeq), From: core.Author{Kind: core.FromCustomer}, Text: "hello"})
					tx.PutConversation(c, false)
					return nil
				})
			}
			say()
			say()
			<-ada.frames
			<-ada.frames
			for b.Loop() {
				say()
				<-ada.frames
			}
		})
	}
}

// BenchmarkEventsThatConcernNobody measures what an event costs when no socket may see it.
func BenchmarkEventsThatConcernNobody(b *testing.B) {
	w := newWorld()
	v, _ := newViewer(w.current(), "ada")
	for range 50 {
		w.hub.sockets[newSocket(v, "")] = struct{}{}
	}
	value := encode(core.ConversationEvent{
		Conversation: core.NewID(time.Now()), Version: 7, State: core.Active, Before: &core.Audience{Queue: "support"}, After: core.Audience{Agents: []string{"ben"}},
	})
	b.ReportAllocs()
	for b.Loop() {
		if err := w.hub.conversationChanged(context.Background(), 1, value); err != nil {
			b.Fatal(err)
		}
	}
}
