package live

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// countdown is a browser that notes for how long offers still ring.
type countdown struct {
	client
	shown []int64
}

func (c *countdown) Write(ctx context.Context, raw []byte) error {
	var f struct {
		Offer  *Offer   `json:"offer"`
		Offers []*Offer `json:"offers"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return err
	}
	if f.Offer != nil {
		f.Offers = append(f.Offers, f.Offer)
	}
	for _, o := range f.Offers {
		c.shown = append(c.shown, o.RemainingMS)
	}
	return nil
}

func TestOffersSayHowLongTheDeskLetsThemRing(t *testing.T) {
	for name, test := range map[string]struct {
		remaining func(*core.Offer) time.Duration
		want      []int64
	}{
		"by the desk":       {func(*core.Offer) time.Duration { return 42 * time.Second }, []int64{42000, 42000}},
		"rung out":          {func(*core.Offer) time.Duration { return -time.Second }, []int64{0, 0}},
		"by the wall clock": {nil, []int64{60000, 50000}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.hub = New(Options{Store: w.store, Setup: w.current, Remaining: test.remaining})
				ctx, cancel := context.WithCancel(context.Background())
				go w.hub.Run(ctx)
				open := func() *countdown {
					c := &countdown{client: client{agent: "ada", fresh: true}}
					c.openAs(w.hub, c)
					synctest.Wait()
					return c
				}
				watching := open()
				w.do(step{Kind: "new"})
				w.change(step{Kind: "offer"}, w.conversations[0], "ada", "sales", store.Time(time.Now()))
				synctest.Wait()
				time.Sleep(10 * time.Second)
				late := open()
				if diff := cmp.Diff(test.want, append(watching.shown, late.shown...)); diff != "" {
					t.Error(diff)
				}
				watching.cut()
				late.cut()
				w.hub.Close()
				cancel()
				synctest.Wait()
				must(w.db.Close())
			})
		})
	}
}
