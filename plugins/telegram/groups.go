package telegram

import (
	"sync"
	"time"
)

// Telegram lets a bot send 20 messages a minute to one group. A message beyond is not sent and comes again, rather than
// being refused for longer by Telegram.
const (
	groupCalls = 20
	groupPer   = time.Minute
)

// groupPace remembers when messages went to groups.
type groupPace struct {
	mu   sync.Mutex
	sent map[int64][]time.Time // by chat, oldest first
}

func newGroupPace() *groupPace { return &groupPace{sent: map[int64][]time.Time{}} }

// wait is how long a group has to wait for its next message; when it need not, the message counts as sent.
func (p *groupPace) wait(chat int64, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sent) >= 1024 {
		for k, times := range p.sent {
			if now.Sub(times[len(times)-1]) >= groupPer {
				delete(p.sent, k)
			}
		}
	}
	times := p.sent[chat]
	for len(times) > 0 && now.Sub(times[0]) >= groupPer {
		times = times[1:]
	}
	if len(times) >= groupCalls {
		p.sent[chat] = times
		return groupPer - now.Sub(times[0])
	}
	p.sent[chat] = append(times[:len(times):len(times)], now)
	return 0
}
