package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/auth"
)

// StorageState is how the store is doing.
type StorageState struct {
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // a sentence
}

type diagnosisView struct {
	Time             time.Time     `json:"time"`
	ClientAddress    string        `json:"client_address"`
	Scheme           string        `json:"scheme"` // as the browser sees it, as far as the server can tell
	Host             string        `json:"host"`
	PublicURL        string        `json:"public_url"` // "" where none is configured
	PublicURLMatches bool          `json:"public_url_matches"`
	Forwarded        bool          `json:"forwarded"`     // something stands between the browser and the server
	ProxyTrusted     bool          `json:"proxy_trusted"` // and it is one of trusted_proxies
	Plugins          []pluginState `json:"plugins"`
	Storage          StorageState  `json:"storage"`
	Version          string        `json:"version"`
}

type pluginState struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

// diagnosis tells how this very request reached the server, and whether its parts are well: what people need when
// "it does not connect".
func (s *Server) diagnosis(w http.ResponseWriter, r *http.Request) error {
	address, secure := s.TrustedProxies.Client(r)
	v := diagnosisView{
		Time: time.Now().UTC(), ClientAddress: address, Scheme: "http", Host: r.Host, Forwarded: request.Forwarded(r),
		ProxyTrusted: s.TrustedProxies.Trusted(r), Plugins: []pluginState{}, Storage: StorageState{OK: true}, Version: s.Version,
	}
	if secure {
		v.Scheme = "https"
	}
	if s.Announced {
		v.PublicURL = s.PublicURL
		public, err := url.Parse(s.PublicURL)
		v.PublicURLMatches = err == nil && public.Scheme == v.Scheme && sameHost(public, r.Host)
	}
	for _, p := range s.Channels.Status() {
		v.Plugins = append(v.Plugins, pluginState{ID: p.Name, State: string(p.State)})
	}
	if s.Storage != nil {
		v.Storage = s.Storage()
	}
	w.Header().Set("Cache-Control", "no-store")
	return response.JSON(w, http.StatusOK, v)
}

// sameHost compares hosts as browsers write them: without the port that the scheme has anyway.
func sameHost(u *url.URL, host string) bool {
	usual := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return strings.EqualFold(strings.TrimSuffix(u.Host, usual), strings.TrimSuffix(host, usual))
}

const (
	// echoMost bounds a frame of the trial socket, in bytes.
	echoMost = 1 << 10
	// echoFor is for how long it is open.
	echoFor = 60 * time.Second
)

// diagnosisSocket gives back the texts that it gets, so that a browser can find out whether sockets pass everything that
// stands in between.
func (s *Server) diagnosisSocket(w http.ResponseWriter, r *http.Request) error {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return core.Errorf(core.Invalid, "this address is for WebSockets: connect with ws:// or wss://")
	}
	conn, err := websocket.Accept(w, r, s.socketOptions(request.Who(r)))
	if err != nil {
		s.Log.Debug("a trial socket was refused", "id", request.ScopeOf(r).ID, "error", err)
		return nil // the library has answered
	}
	defer conn.CloseNow() //nolint:errcheck // it may be closed already
	conn.SetReadLimit(echoMost)
	ctx, cancel := context.WithTimeout(s.life, echoFor)
	defer cancel()
	for {
		kind, frame, err := conn.Read(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return nil // the browser has gone, or the library has said why it may not go on
		case kind != websocket.MessageText:
			_ = conn.Close(websocket.StatusUnsupportedData, "only text") // best effort
			return nil
		}
		if err := conn.Write(ctx, kind, frame); err != nil {
			return nil // the browser has gone
		}
	}
}

// socketOptions say which pages may open a socket.
func (s *Server) socketOptions(who *auth.Identity) *websocket.AcceptOptions {
	options := &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled}
	switch {
	case !who.Browser: // an API key is no cookie: no page can send it without knowing it
		options.InsecureSkipVerify = true
	case s.host != "":
		options.OriginPatterns = []string{s.host}
	}
	return options
}
