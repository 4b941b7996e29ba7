package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/store"
)

type pluginView struct {
	Name      string     `json:"name"`
	Version   string     `json:"version"`
	State     string     `json:"state"`
	UptimeMS  int64      `json:"uptime_ms"`
	Restarts  uint64     `json:"restarts"`
	NextStart *time.Time `json:"next_start"`
	LastExit  *exitView  `json:"last_exit"`
	Spooled   uint64     `json:"spooled"`
	Accounts  []string   `json:"accounts"`
	Notice    string     `json:"notice"` // why and when the provider ends this channel
}

func (s *Server) plugins(w http.ResponseWriter, r *http.Request) error {
	statuses := s.Channels.Status()
	configures := auth.May(request.Who(r).Agent.Role, auth.Configure)
	list := make([]pluginView, 0, len(statuses))
	for _, st := range statuses {
		v := pluginView{
			Name: st.Name, Version: st.Version, State: string(st.State), UptimeMS: st.Uptime.Milliseconds(), Restarts: st.Restarts,
			NextStart: moment(st.NextStart), LastExit: showExit(st.LastExit, configures), Spooled: st.Spooled, Accounts: []string{}, Notice: st.Retirement,
		}
		for _, a := range st.Accounts {
			v.Accounts = append(v.Accounts, a.ID)
		}
		list = append(list, v)
	}
	return response.List(w, list)
}

// accountView is an account without any of its settings: there are secrets among them.
type accountView struct {
	ID           string        `json:"id"`
	Plugin       string        `json:"plugin"`
	Name         string        `json:"name"`
	Test         bool          `json:"test"`
	Retired      bool          `json:"retired"`
	State        string        `json:"state"`   // of its plugin
	Problem      string        `json:"problem"` // why it is not open; "" when it is
	LastInbound  *time.Time    `json:"last_inbound"`
	LastOutbound *time.Time    `json:"last_outbound"`
	Callbacks    []Callback    `json:"callbacks"`
	Channels     []channelView `json:"channels"`
}

type channelView struct {
	ID         string `json:"id"`
	Workstream string `json:"workstream"`
	Language   string `json:"language"`
	Retired    bool   `json:"retired"`
}

func (s *Server) accounts(w http.ResponseWriter, r *http.Request) error {
	setup := s.Desk.Setup()
	statuses := make(map[string]channel.AccountStatus)
	states := make(map[string]string)
	for _, p := range s.Channels.Status() {
		states[p.Name] = string(p.State)
		for _, a := range p.Accounts {
			statuses[a.ID] = a
		}
	}
	list := make([]accountView, 0, len(setup.Accounts))
	for _, a := range setup.Accounts {
		st := statuses[a.ID]
		v := accountView{
			ID: a.ID, Plugin: a.Plugin, Name: a.Name, Test: a.Test, Retired: a.Retired, State: states[a.Plugin], Problem: st.Problem,
			LastInbound: moment(st.LastInbound), LastOutbound: moment(st.LastOutbound), Callbacks: s.callbacksOf(a), Channels: []channelView{},
		}
		for _, ch := range setup.Channels {
			if ch.Account == a.ID {
				v.Channels = append(v.Channels, channelView{ID: ch.ID, Workstream: ch.Workstream, Language: ch.Language, Retired: ch.Retired})
			}
		}
		slices.SortFunc(v.Channels, func(x, y channelView) int { return strings.Compare(x.ID, y.ID) })
		list = append(list, v)
	}
	slices.SortFunc(list, func(x, y accountView) int { return strings.Compare(x.ID, y.ID) })
	return response.List(w, list)
}

func (s *Server) callbacksOf(a *core.Account) []Callback {
	if s.Callbacks == nil {
		return []Callback{}
	}
	list := append([]Callback{}, s.Callbacks(a.Plugin)...)
	for i := range list {
		list[i].URL = s.PublicURL + channelsPrefix + a.ID + "/" + strings.TrimPrefix(list[i].Path, "/")
	}
	return list
}

func (s *Server) validate(w http.ResponseWriter, r *http.Request) error {
	id := request.Param(r, "account")
	if _, ok := s.Desk.Setup().Accounts[id]; !ok {
		return core.Errorf(core.NotFound, "there is no account %q", id)
	}
	return response.List(w, s.Channels.Validate(r.Context(), id))
}

type configurationView struct {
	Revision int                    `json:"revision"`
	Banner   string                 `json:"banner"`
	Problems []ConfigurationProblem `json:"problems"`
}

func (s *Server) configuration(w http.ResponseWriter, r *http.Request) error {
	v := configurationView{Revision: s.Desk.Setup().Revision, Problems: []ConfigurationProblem{}}
	if s.Configuration != nil {
		c := s.Configuration()
		v.Revision, v.Banner = c.Revision, c.Banner
		if auth.May(request.Who(r).Agent.Role, auth.Configure) {
			v.Problems = append(v.Problems, c.Problems...)
		}
	}
	return response.JSON(w, http.StatusOK, v)
}

type auditView struct {
	ID      core.ID           `json:"id"`
	At      time.Time         `json:"at"`
	Actor   string            `json:"actor"`
	Act     string            `json:"act"`
	Subject string            `json:"subject"`
	Details map[string]string `json:"details"`
	Address string            `json:"address"`
}

func (s *Server) audit(w http.ResponseWriter, r *http.Request) error {
	limit, err := request.Limit(r, pageUsual, pageMost)
	if err != nil {
		return err
	}
	var before core.ID
	if text := r.URL.Query().Get("before"); text != "" {
		if before, err = core.ParseID(text); err != nil {
			return core.FieldErrorf("before", "%q is not the id of an entry", text)
		}
	}
	var list []*core.AuditEntry
	err = s.Store.View(r.Context(), func(tx *store.Tx) (err error) {
		list, err = tx.Audit(before, limit+1)
		return err
	})
	if err != nil {
		return err
	}
	next := ""
	if len(list) > limit {
		list = list[:limit]
		next = string(list[limit-1].ID)
	}
	views := make([]auditView, 0, len(list))
	for _, e := range list {
		v := auditView{ID: e.ID, At: timeOf(e.ID), Actor: e.Actor, Act: e.Act, Subject: e.Subject, Details: e.Details, Address: e.Address}
		if v.Details == nil {
			v.Details = map[string]string{}
		}
		views = append(views, v)
	}
	return response.Page(w, views, next)
}

// timeOf reads the moment in a ULID: its first 48 bits are Unix milliseconds.
func timeOf(id core.ID) time.Time {
	b := id.Bytes()
	var ms int64
	for _, x := range b[:6] {
		ms = ms<<8 | int64(x)
	}
	return time.UnixMilli(ms).UTC()
}

// healthz says that the process answers.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) error {
	return response.JSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

// readyz says that the store is open and the plugins have started.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	if s.Ready != nil {
		if err := s.Ready(r.Context()); err != nil {
			return core.Errorf(core.Unavailable, "not ready yet: %w", err)
		}
	}
	return response.JSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

// metrics are shown to this machine, and to administrators. Whoever asks through a proxy on this machine comes from
// elsewhere, so a request counts as this machine's only when nothing speaks of a proxy and it names this machine.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) error {
	if s.Metrics == nil {
		return core.Errorf(core.NotFound, "metrics are off")
	}
	if r.Header.Get("Authorization") != "" || !request.Direct(r) {
		who, err := s.identify(r)
		if core.CodeOf(err) == core.Unauthorized && r.Header.Get("Authorization") == "" {
			return core.Errorf(core.Unauthorized, "metrics are shown on this machine, or with an administrator's API key: %w", err)
		}
		if err != nil {
			return err
		}
		if err := auth.Require(who.Agent.Role, auth.Configure); err != nil {
			return err
		}
	}
	promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	return nil
}

type exitView struct {
	At      time.Time `json:"at"`
	AfterMS int64     `json:"after_ms"`
	Reason  string    `json:"reason"`
	Output  string    `json:"output,omitempty"` // the last of what the plugin wrote
}

// showExit makes the view of a plugin's end. What a plugin writes is its own affair and may tell more than supervisors
// should know, so output is for those who can do something about it.
func showExit(e *channel.Exit, output bool) *exitView {
	if e == nil {
		return nil
	}
	v := &exitView{At: e.At, AfterMS: e.After.Milliseconds(), Reason: e.Reason}
	if output {
		v.Output = e.Output
	}
	return v
}
