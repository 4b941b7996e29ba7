package api

import (
	"net/http"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/store"
)

// logMost is how many lines of a plugin's log are told at once.
const logMost = 500

// callView is how the calls of one method went since the server's start.
type callView struct {
	Method string  `json:"method"`
	Calls  uint64  `json:"calls"`
	Errors uint64  `json:"errors"`
	MeanMS float64 `json:"mean_ms"`
	P50MS  float64 `json:"p50_ms"` // half of them took no longer, to a factor of two
	P99MS  float64 `json:"p99_ms"`
}

func showCalls(calls []channel.CallStatus) []callView {
	list := make([]callView, 0, len(calls))
	for _, c := range calls {
		list = append(list, callView{
			Method: c.Method, Calls: c.Calls, Errors: c.Errors, MeanMS: milliseconds(c.Total) / float64(max(c.Calls, 1)),
			P50MS: milliseconds(c.Quantile(0.5)), P99MS: milliseconds(c.Quantile(0.99)),
		})
	}
	return list
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// fetchingView is how the fetching of an account is doing whose provider does not call.
type fetchingView struct {
	ReachedAt *time.Time `json:"reached_at"`
	Problem   string     `json:"problem"`
	Next      *time.Time `json:"next"` // the next try, while it waits
}

func showFetching(p *channel.PullStatus) *fetchingView {
	if p == nil {
		return nil
	}
	return &fetchingView{ReachedAt: moment(p.Reached), Problem: p.Problem, Next: moment(p.Next)}
}

// subscriptionView is how a provider has an account registered.
type subscriptionView struct {
	At           time.Time    `json:"at"`
	Problem      string       `json:"problem"`
	Checks       []core.Check `json:"checks"`
	RegisteredAt *time.Time   `json:"registered_at"`
	LastFailure  string       `json:"last_failure"`
	FailedAt     *time.Time   `json:"failed_at"`
}

func showSubscription(s *channel.SubscriptionStatus, in core.Wording) *subscriptionView {
	if s == nil {
		return nil
	}
	return &subscriptionView{
		At: s.At, Problem: s.Problem, Checks: in.OfChecks(s.Checks), RegisteredAt: moment(s.Registered), LastFailure: s.LastFailure,
		FailedAt: moment(s.FailedAt),
	}
}

func (s *Server) restartPlugin(w http.ResponseWriter, r *http.Request) error {
	plugin := request.Param(r, "plugin")
	if err := s.Channels.Restart(plugin); err != nil {
		return err
	}
	entry := &core.AuditEntry{
		ID: core.NewID(time.Now()), Actor: request.Who(r).Agent.ID, Act: "plugin.restarted", Subject: plugin,
		Address: request.ScopeOf(r).Address,
	}
	err := s.Store.Update(r.Context(), func(tx *store.Tx) error {
		tx.AddAudit(entry)
		return nil
	})
	if err != nil {
		return err
	}
	return response.NoContent(w)
}

type pluginLogView struct {
	Items []lineView `json:"items"`
	Next  uint64     `json:"next"` // give it as after to be told what comes then
}

type lineView struct {
	Number uint64    `json:"number"`
	At     time.Time `json:"at"`
	Text   string    `json:"text"`
}

func (s *Server) pluginLog(w http.ResponseWriter, r *http.Request) error {
	limit, err := request.Limit(r, logMost, logMost)
	if err != nil {
		return err
	}
	after, err := request.QueryNumber(r, "after", 0)
	if err != nil {
		return err
	}
	plugin := request.Param(r, "plugin")
	lines, found := s.Channels.Log(plugin, after, limit)
	if !found {
		return core.Errorf(core.NotFound, "The plugin %s has not run since the server was started.", plugin)
	}
	v := pluginLogView{Items: make([]lineView, 0, len(lines)), Next: after}
	for _, l := range lines {
		v.Items = append(v.Items, lineView(l))
		v.Next = l.Number
	}
	return response.JSON(w, http.StatusOK, v)
}
