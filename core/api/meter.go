package api

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meter counts requests and how long they took, by route.
type meter struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec

	callbackTook prometheus.Observer
	callbacks    sync.Map // status → prometheus.Counter
}

func newMeter(registry *prometheus.Registry) *meter {
	m := &meter{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guichet_http_requests_total", Help: "HTTP requests by route and status.",
		}, []string{"method", "route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "guichet_http_request_seconds", Help: "How long HTTP requests took, by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"method", "route"}),
	}
	if registry != nil {
		registry.MustRegister(m.requests, m.duration)
	}
	m.callbackTook = m.duration.WithLabelValues("ANY", "/channels/")
	return m
}

func (m *meter) observe(method, route string, status int, took time.Duration) {
	if status == 0 {
		status = http.StatusOK
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(method, route).Observe(took.Seconds())
}

func (m *meter) observeCallback(status int, took time.Duration) {
	counter, ok := m.callbacks.Load(status)
	if !ok {
		counter, _ = m.callbacks.LoadOrStore(status, m.requests.WithLabelValues("ANY", "/channels/", strconv.Itoa(status)))
	}
	counter.(prometheus.Counter).Inc()
	m.callbackTook.Observe(took.Seconds())
}
