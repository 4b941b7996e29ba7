package app

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/guichet/guichet/core/channel"
)

// metrics is what operators watch, read from the parts when it is asked for.
type metrics struct {
	app      *App
	registry *prometheus.Registry
	alerts   *prometheus.CounterVec
}

var (
	openConversations = describe("guichet_conversations_open", "Conversations that are not closed, at the last complete check.")
	orphans           = describe("guichet_conversations_orphaned", "Open conversations with nobody responsible, at the last complete check. The aim is 0.")
	mended            = describe("guichet_conversations_mended_total", "Orphaned conversations that were handed to the router.")
	storeBytes        = describe("guichet_store_bytes", "Size of the store on disk.")
	storeFree         = describe("guichet_store_free_bytes", "Space left on the store's volume.")
	storeFull         = describe("guichet_store_full", "1 while writes are refused because the disk is full.")
	storeCommits      = describe("guichet_store_commits_total", "Transactions committed.")
	storeBatches      = describe("guichet_store_syncs_total", "Syncs to disk; commits divided by syncs is the mean size of a group.")
	storeWaiting      = describe("guichet_store_waiting", "Transactions waiting for the committer.")
	logPosition       = describe("guichet_log_position", "Position of the newest durable event.")
	sockets           = describe("guichet_live_sockets", "Browsers that are connected.")
	revision          = describe("guichet_configuration_revision", "Version of the configuration in force.")
	problems          = describe("guichet_configuration_problems", "Problems of the configuration file as it is now; the last good version is in force.")
	pluginUp          = describe("guichet_plugin_up", "1 while the plugin runs.", "plugin")
	pluginRestarts    = describe("guichet_plugin_restarts_total", "Starts beyond the first.", "plugin")
	pluginCalls       = describe("guichet_plugin_calls_total", "Calls to the plugin.", "plugin", "method")
	pluginErrors      = describe("guichet_plugin_call_errors_total", "Calls that failed.", "plugin", "method")
	pluginSeconds     = describe("guichet_plugin_call_seconds_total", "Time spent in calls.", "plugin", "method")
	pluginDuration    = describe("guichet_plugin_call_duration_seconds", "How long calls took.", "plugin", "method")
	pluginMemory      = describe("guichet_plugin_memory_bytes", "Memory of the plugin's process: its share of what all processes use.", "plugin")
	pluginUptime      = describe("guichet_plugin_uptime_seconds", "Since the plugin's process was started.", "plugin")
	accountOpen       = describe("guichet_account_open", "1 while the account is open in its plugin.", "account")
	accountInbound    = describe("guichet_account_last_inbound_timestamp_seconds", "When the provider told something last.", "account")
	accountOutbound   = describe("guichet_account_last_outbound_timestamp_seconds", "When the provider took something last.", "account")
	accountFetching   = describe("guichet_account_fetching", "1 while fetching works, for accounts whose provider does not call.", "account")
	pluginSpooled     = describe("guichet_plugin_spooled_total", "Requests kept while the plugin was down.", "plugin")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

func newMetrics(a *App) *metrics {
	m := &metrics{app: a, registry: prometheus.NewRegistry(), alerts: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "guichet_alerts_total", Help: "Alerts for administrators.",
	}, []string{"plugin", "code"})}
	m.registry.MustRegister(m, m.alerts, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Describe sends nothing: the set depends on the plugins.
func (m *metrics) Describe(chan<- *prometheus.Desc) {}

// Collect reads the parts.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	health := m.app.desk.Health()
	gauge(openConversations, float64(health.Open))
	gauge(orphans, float64(health.Orphans))
	count(mended, float64(health.Mended))
	status := m.app.data.db.Status()
	gauge(storeBytes, float64(status.Bytes))
	gauge(storeFree, float64(status.FreeBytes))
	gauge(storeFull, truth(status.Full))
	count(storeCommits, float64(status.Commits))
	count(storeBatches, float64(status.Batches))
	gauge(storeWaiting, float64(status.Waiting))
	count(logPosition, float64(m.app.data.db.Last()))
	gauge(sockets, float64(m.app.hub.Sockets()))
	_, inForce := m.app.source.Current()
	gauge(revision, float64(inForce))
	gauge(problems, float64(len(m.app.source.Problems())))
	for _, p := range m.app.host.Status() {
		gauge(pluginUp, truth(p.State == channel.Running), p.Name)
		count(pluginRestarts, float64(p.Restarts), p.Name)
		count(pluginSpooled, float64(p.Spooled), p.Name)
		for _, c := range p.Calls {
			count(pluginCalls, float64(c.Calls), p.Name, c.Method)
			count(pluginErrors, float64(c.Errors), p.Name, c.Method)
			count(pluginSeconds, c.Total.Seconds(), p.Name, c.Method)
			out <- prometheus.MustNewConstHistogram(pluginDuration, c.Calls, c.Total.Seconds(), cumulative(c), p.Name, c.Method)
		}
		if p.PID > 0 {
			gauge(pluginMemory, float64(processMemory(p.PID)), p.Name)
			gauge(pluginUptime, p.Uptime.Seconds(), p.Name)
		}
		for _, a := range p.Accounts {
			m.account(out, a)
		}
	}
}

// account tells of one account.
func (m *metrics) account(out chan<- prometheus.Metric, a channel.AccountStatus) {
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, a.ID)
	}
	gauge(accountOpen, truth(a.Problem == ""))
	if !a.LastInbound.IsZero() {
		gauge(accountInbound, float64(a.LastInbound.Unix()))
	}
	if !a.LastOutbound.IsZero() {
		gauge(accountOutbound, float64(a.LastOutbound.Unix()))
	}
	if a.Pull != nil {
		gauge(accountFetching, truth(a.Pull.Problem == ""))
	}
}

// cumulative counts the calls that took no longer than the upper end of each bucket, in seconds.
func cumulative(c channel.CallStatus) map[float64]uint64 {
	buckets, sum := make(map[float64]uint64, len(c.Buckets)), uint64(0)
	for i, n := range c.Buckets[:len(c.Buckets)-1] {
		sum += n
		buckets[float64(uint64(1)<<i)/1e6] = sum
	}
	return buckets
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// ready says whether the server takes work.
type ready struct{ since atomic.Int64 }

func (r *ready) set(yes bool) {
	if yes {
		r.since.Store(time.Now().UnixNano())
	} else {
		r.since.Store(0)
	}
}

func (r *ready) is() bool { return r.since.Load() != 0 }
