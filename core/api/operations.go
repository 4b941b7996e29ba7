package api

import (
	"context"
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
	Name    string `json:"name"`
	Version string `json:"version"`
	Kind    string `json:"kind"`   // channel.KindBuiltIn, channel.KindThirdParty
	Hash    string `json:"sha256"` // of a third-party plugin's approved bundle
	// What a third-party plugin asked for: what of it is enforced, and what is not, in sentences.
	Enforced    []string   `json:"enforced"`
	NotEnforced []string   `json:"not_enforced"`
	State       string     `json:"state"`
	Since       *time.Time `json:"since"` // when the process that runs was started
	UptimeMS    int64      `json:"uptime_ms"`
	Memory      int64      `json:"memory_bytes"` // its share of what the machine's processes use; 0 when unknown
	Restarts    uint64     `json:"restarts"`
	NextStart   *time.Time `json:"next_start"`
	LastExit    *exitView  `json:"last_exit"`
	Spooled     uint64     `json:"spooled"`
	Accounts    []string   `json:"accounts"`
	Notice      string     `json:"notice"` // why and when the provider ends this channel
	Calls       []callView `json:"calls"`
}

func (s *Server) plugins(w http.ResponseWriter, r *http.Request) error {
	statuses := s.Channels.Status()
	configures := auth.May(request.Who(r).Agent.Role, auth.Configure)
	list := make([]pluginView, 0, len(statuses))
	for _, st := range statuses {
		v := pluginView{
			Name: st.Name, Version: st.Version, Kind: st.Kind, Hash: st.Hash, Enforced: some(st.Enforced), NotEnforced: some(st.NotEnforced), State: string(st.State), UptimeMS: st.Uptime.Milliseconds(), Restarts: st.Restarts,
			NextStart: moment(st.NextStart), LastExit: showExit(st.LastExit, configures), Spooled: st.Spooled, Accounts: []string{}, Notice: s.wording(w, r, st.Name).Of(st.Retirement),
		}
		v.Calls = showCalls(st.Calls)
		for _, a := range st.Accounts {
			v.Accounts = append(v.Accounts, a.ID)
		}
		if st.Uptime > 0 {
			v.Since = moment(time.Now().Add(-st.Uptime).UTC().Truncate(time.Second))
		}
		if s.Memory != nil && st.PID > 0 {
			v.Memory = s.Memory(st.PID)
		}
		list = append(list, v)
	}
	return response.List(w, list)
}

// accountView is an account without any of its settings: there are secrets among them.
type accountView struct {
	ID           string            `json:"id"`
	Plugin       string            `json:"plugin"`
	Name         string            `json:"name"`
	Enabled      bool              `json:"enabled"`
	Test         bool              `json:"test"`
	Retired      bool              `json:"retired"`
	State        string            `json:"state"`   // of its plugin; accountOff
	Problem      string            `json:"problem"` // why it is not open; "" when it is
	LastInbound  *time.Time        `json:"last_inbound"`
	LastOutbound *time.Time        `json:"last_outbound"`
	KeptBack     int               `json:"kept_back"` // messages that are not with the provider yet
	Callbacks    []Callback        `json:"callbacks"`
	Fetching     *fetchingView     `json:"fetching"`     // null where the provider calls
	Subscription *subscriptionView `json:"subscription"` // how the provider has it registered; null where it was not asked
	Channels     []channelView     `json:"channels"`
	// Problems are those of the configuration file that are about the account; for administrators.
	Problems []ConfigurationProblem `json:"problems"`
}

// accountOff is the state of an account that is switched off.
const accountOff = "off"

type channelView struct {
	ID         string            `json:"id"`
	Workstream string            `json:"workstream"`
	Language   string            `json:"language"`
	Address    map[string]string `json:"address"`
	Retired    bool              `json:"retired"`
	Live       bool              `json:"live"` // a web chat, with a snippet and a page of its own
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
	kept, err := s.keptBack(r.Context())
	if err != nil {
		return err
	}
	var stands Configuration
	if s.Configuration != nil {
		stands = s.Configuration()
	}
	list := make([]accountView, 0, len(setup.Accounts)+len(stands.Off))
	view := func(a *core.Account) accountView {
		st, in := statuses[a.ID], s.wording(w, r, a.Plugin)
		v := accountView{
			ID: a.ID, Plugin: a.Plugin, Name: a.Name, Test: a.Test, Retired: a.Retired, State: accountOff, Problem: st.Problem,
			LastInbound: moment(st.LastInbound), LastOutbound: moment(st.LastOutbound), KeptBack: kept[a.ID], Callbacks: wordCallbacks(s.callbacksOf(a), in),
			Fetching: showFetching(st.Pull), Subscription: showSubscription(st.Subscription, in),
			Channels: []channelView{}, Problems: []ConfigurationProblem{},
		}
		if auth.May(request.Who(r).Agent.Role, auth.Configure) {
			v.Problems = s.wordProblems(w, r, append(v.Problems, problemsOf(stands.Problems, "account["+a.ID+"]")...))
		}
		return v
	}
	for _, a := range setup.Accounts {
		v := view(a)
		v.Enabled, v.State = true, states[a.Plugin]
		for _, ch := range setup.Channels {
			if ch.Account == a.ID {
				v.Channels = append(v.Channels, showChannel(ch))
			}
		}
		slices.SortFunc(v.Channels, func(x, y channelView) int { return strings.Compare(x.ID, y.ID) })
		list = append(list, v)
	}
	for _, a := range stands.Off {
		list = append(list, view(a))
	}
	slices.SortFunc(list, func(x, y accountView) int { return strings.Compare(x.ID, y.ID) })
	return response.List(w, list)
}

func showChannel(ch *core.Channel) channelView {
	v := channelView{ID: ch.ID, Workstream: ch.Workstream, Language: ch.Language, Address: ch.Address, Retired: ch.Retired, Live: ch.Widget != nil}
	if v.Address == nil {
		v.Address = map[string]string{}
	}
	return v
}

// problemsOf picks the problems of one object of the configuration.
func problemsOf(problems []ConfigurationProblem, path string) (some []ConfigurationProblem) {
	for _, p := range problems {
		if p.Path == path || strings.HasPrefix(p.Path, path+".") {
			some = append(some, p)
		}
	}
	return some
}

// keptMost bounds how many waiting messages are looked at to count them by account.
const keptMost = 5000

// keptBack counts the messages that wait to be sent, by account.
func (s *Server) keptBack(ctx context.Context) (map[string]int, error) {
	kept := map[string]int{}
	err := s.Store.View(ctx, func(tx *store.Tx) error {
		places, err := tx.UnsettledOutbox()
		if err != nil {
			return err
		}
		for _, p := range places[:min(len(places), keptMost)] {
			e, err := tx.OutboxEntry(p.Conversation, p.Seq)
			if err != nil {
				return err
			}
			if e != nil {
				kept[e.Account]++
			}
		}
		return nil
	})
	return kept, err
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
	account, ok := s.Desk.Setup().Accounts[id]
	if !ok {
		return core.Errorf(core.NotFound, "there is no account %q", id)
	}
	return response.List(w, s.wording(w, r, account.Plugin).OfChecks(s.Channels.Validate(r.Context(), id)))
}

type configurationView struct {
	Revision  int                    `json:"revision"` // of the version in force
	Banner    string                 `json:"banner"`
	Problems  []ConfigurationProblem `json:"problems"`
	AppliedAt *time.Time             `json:"applied_at"`
	AppliedBy string                 `json:"applied_by"`
	Text      string                 `json:"text"` // of the file as it is now, without secrets
	Path      string                 `json:"path"` // "" while the built-in defaults stand in for a file
	ReadOnly  bool                   `json:"read_only"`
	Differs   bool                   `json:"on_disk_differs"` // the file is not what is in force
	History   []ConfigurationVersion `json:"history"`
}

// configuration tells everybody whether all is well, and those who can do something about it everything else.
func (s *Server) configuration(w http.ResponseWriter, r *http.Request) error {
	v := configurationView{Revision: s.Desk.Setup().Revision, Problems: []ConfigurationProblem{}, History: []ConfigurationVersion{}}
	if s.Configuration == nil {
		return response.JSON(w, http.StatusOK, v)
	}
	c := s.Configuration()
	v.Revision, v.Banner = c.Revision, c.Banner
	if !auth.May(request.Who(r).Agent.Role, auth.Configure) {
		return response.JSON(w, http.StatusOK, v)
	}
	v.Problems = s.wordProblems(w, r, append(v.Problems, c.Problems...))
	if s.ConfigurationFile != nil {
		f, err := s.ConfigurationFile(r.Context())
		if err != nil {
			return err
		}
		v.Text, v.Path, v.ReadOnly, v.Differs = shown(r, f.Text), f.Path, f.ReadOnly, f.Differs
		v.History = append(v.History, f.History...)
	}
	for _, version := range v.History {
		if version.Version == v.Revision {
			v.AppliedAt, v.AppliedBy = moment(version.At), version.By
		}
	}
	w.Header().Set("Cache-Control", "no-store")
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
