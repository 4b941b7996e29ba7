package telegram

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

const (
	// maxChoices and maxChoiceTitle are what still reads well below a message; Telegram's own limits are higher.
	maxChoices     = 20
	maxChoiceTitle = 64
	// maxCallbackData is how many bytes a button can carry. What is longer lies in the account's state.
	maxCallbackData = 64
	// choiceMark begins the data of a button that stands for something in the state.
	choiceMark   = "~"
	choicePrefix = "choice/"
	// choiceLife is how long a long choice is kept after it was last offered.
	choiceLife = 90 * 24 * time.Hour
)

// keyboard has one button a row: titles are sentences more often than words.
type keyboard struct {
	Rows [][]wireButton `json:"inline_keyboard"`
}

// keptChoice is the state of a choice that is too long for a button.
type keptChoice struct {
	Made int64  `json:"made"` // Unix seconds
	Data string `json:"data"`
}

// keyboard makes buttons of choices, nil of none.
func (c *channel) keyboard(ctx context.Context, choices []sdk.Choice) (*keyboard, error) {
	if len(choices) == 0 {
		return nil, nil
	}
	out := &keyboard{}
	for _, choice := range choices {
		button := wireButton{Text: choice.Title, URL: choice.URL}
		if button.URL == "" {
			data := choice.Postback
			if data == "" {
				data = choice.Title
			}
			var err error
			if button.CallbackData, err = c.callbackData(ctx, data); err != nil {
				return nil, err
			}
		}
		out.Rows = append(out.Rows, []wireButton{button})
	}
	return out, nil
}

// callbackData is what a button carries: the choice itself, or a name under which it is kept.
func (c *channel) callbackData(ctx context.Context, data string) (string, error) {
	if len(data) <= maxCallbackData {
		return data, nil
	}
	if c.account.Host == nil {
		return "", &sdk.Rejected{Cause: sdk.RejectedContent, Reason: fmt.Sprintf("a choice may carry %d bytes", maxCallbackData)}
	}
	sum := sha256.Sum256([]byte(data))
	name := base64.RawURLEncoding.EncodeToString(sum[:])
	c.sweep.run(ctx, c.account.Host, c.now())
	kept, err := json.Marshal(keptChoice{Made: c.now().Unix(), Data: data})
	if err != nil {
		return "", &sdk.Rejected{Cause: sdk.RejectedContent, Reason: "a choice cannot be kept: " + err.Error()}
	}
	if _, err := c.account.Host.SetState(ctx, choicePrefix+name, kept); err != nil {
		return "", &sdk.Retryable{Reason: "a long choice could not be kept: " + err.Error()}
	}
	return choiceMark + name, nil
}

// recall puts the whole of a long choice into the postback. One that is no longer kept stays a name.
func (c *channel) recall(ctx context.Context, p *sdk.Postback) error {
	name, marked := strings.CutPrefix(p.Data, choiceMark)
	if !marked || name == "" || len(name) > maxCallbackData || c.account.Host == nil {
		return nil
	}
	raw, _, err := c.account.Host.GetState(ctx, choicePrefix+name)
	if errors.Is(err, sdk.ErrStateAbsent) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("what a button stands for could not be read: %w", err)
	}
	var kept keptChoice
	if json.Unmarshal(raw, &kept) == nil && kept.Data != "" {
		p.Data = kept.Data
	}
	return nil
}

// sweeper removes choices that nobody will press any more, at most once a day.
type sweeper struct {
	mu   sync.Mutex
	last time.Time
}

func (s *sweeper) run(ctx context.Context, host sdk.Host, now time.Time) {
	s.mu.Lock()
	due := now.Sub(s.last) >= 24*time.Hour
	if due {
		s.last = now
	}
	s.mu.Unlock()
	if !due {
		return
	}
	keys, err := host.ListState(ctx, choicePrefix)
	if err != nil {
		return // another day tries again
	}
	for _, key := range keys {
		raw, _, err := host.GetState(ctx, key)
		var kept keptChoice
		if err != nil || json.Unmarshal(raw, &kept) != nil || now.Sub(time.Unix(kept.Made, 0)) < choiceLife {
			continue
		}
		if host.DeleteState(ctx, key) != nil {
			return
		}
	}
}
