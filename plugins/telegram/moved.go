package telegram

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/guichet/guichet/plugins/sdk"
)

// A group that becomes a supergroup gets another id. For the host it stays the thread that it was: what comes from the new
// chat is told under the first id, and what goes to the first id is sent to the newest. Which is which lies in the account's
// state, under the former id.

const movedPrefix = "moved/"

// move is a group's change of its id.
type move struct{ from, to int64 }

// movedGroups knows the groups of an account that have moved. The state is read at first need and kept.
type movedGroups struct {
	host sdk.Host

	mu     sync.Mutex
	loaded bool
	to     map[int64]int64
	from   map[int64]int64
}

// load reads the state; the caller holds mu.
func (g *movedGroups) load(ctx context.Context) error {
	if g.loaded {
		return nil
	}
	to, from := map[int64]int64{}, map[int64]int64{}
	if g.host != nil {
		keys, err := g.host.ListState(ctx, movedPrefix)
		if err != nil {
			return fmt.Errorf("where groups have moved to could not be read: %w", err)
		}
		for _, key := range keys {
			value, _, err := g.host.GetState(ctx, key)
			if errors.Is(err, sdk.ErrStateAbsent) {
				continue
			}
			if err != nil {
				return fmt.Errorf("where groups have moved to could not be read: %w", err)
			}
			former, err1 := strconv.ParseInt(strings.TrimPrefix(key, movedPrefix), 10, 64)
			current, err2 := strconv.ParseInt(string(value), 10, 64)
			if err1 == nil && err2 == nil {
				to[former], from[current] = current, former
			}
		}
	}
	g.to, g.from, g.loaded = to, from, true
	return nil
}

// note keeps a move. Keeping it again changes nothing.
func (g *movedGroups) note(ctx context.Context, m move) error {
	if m.from == m.to || m.from == 0 || m.to == 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.load(ctx); err != nil {
		return err
	}
	if g.to[m.from] == m.to {
		return nil
	}
	if g.host != nil {
		key := movedPrefix + strconv.FormatInt(m.from, 10)
		if _, err := g.host.SetState(ctx, key, []byte(strconv.FormatInt(m.to, 10))); err != nil {
			return fmt.Errorf("where a group has moved to could not be kept: %w", err)
		}
	}
	g.to[m.from], g.from[m.to] = m.to, m.from
	return nil
}

// current is where a chat is now.
func (g *movedGroups) current(ctx context.Context, chat int64) (int64, error) {
	return g.follow(ctx, chat, func() map[int64]int64 { return g.to })
}

// first is the id under which the host knows a chat.
func (g *movedGroups) first(ctx context.Context, chat int64) (int64, error) {
	return g.follow(ctx, chat, func() map[int64]int64 { return g.from })
}

func (g *movedGroups) follow(ctx context.Context, chat int64, way func() map[int64]int64) (int64, error) {
	if chat > 0 {
		return chat, nil // people do not move
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.load(ctx); err != nil {
		return 0, err
	}
	for range 16 { // a group moves once; this only guards against going round in circles
		next, ok := way()[chat]
		if !ok {
			break
		}
		chat = next
	}
	return chat, nil
}

// settle gives the events of an update their place at the host: the thread under its first id, and the whole of what a
// button said. It first keeps a move that the update tells of.
func (c *channel) settle(ctx context.Context, u *update) error {
	if u.moved != nil {
		if err := c.moved.note(ctx, *u.moved); err != nil {
			return err
		}
	}
	for i := range u.events {
		e := &u.events[i]
		if e.Thread.Kind == "group" {
			at, err := parseDestination(e.Thread.ID)
			if err != nil {
				continue
			}
			if at.chat, err = c.moved.first(ctx, at.chat); err != nil {
				return err
			}
			e.Thread = at.thread(true)
		}
		if e.Postback != nil {
			if err := c.recall(ctx, e.Postback); err != nil {
				return err
			}
		}
	}
	return nil
}
