package webchat

import (
	"encoding/json"
	"net/http"
	"path"
	"strconv"

	"github.com/guichet/guichet/plugins/sdk"
)

// pathOf returns the last segment of a request's path, which names what is asked for.
func pathOf(r *http.Request) string {
	if r.URL == nil {
		return ""
	}
	return path.Base(r.URL.EscapedPath())
}

// ServeWebhook serves the panel where WebSockets are blocked, and uploads.
func (c *channel) ServeWebhook(w sdk.WebhookWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	serve, method := c.servePoll, http.MethodGet
	switch pathOf(r) {
	case pollPath:
	case framesPath:
		serve, method = c.serveFrames, http.MethodPost
	case uploadsPath:
		serve, method = c.serveUpload, http.MethodPost
	default:
		problem(w, http.StatusNotFound, "not-found", 0)
		return
	}
	if r.Method != method {
		w.Header().Set("Allow", method)
		problem(w, http.StatusMethodNotAllowed, "method", 0)
		return
	}
	serve(w, r)
}

// problem answers with a code of the protocol and, where it helps to come again, after how many seconds.
func problem(w http.ResponseWriter, status int, code string, after int) {
	body := map[string]any{"code": code}
	if after > 0 {
		body["after"] = after
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	answer(w, status, body)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(encode(body))
}

// framesAnswer is the answer to a poll and to posted frames.
type framesAnswer struct {
	Frames []json.RawMessage `json:"frames"`
	Cursor string            `json:"cursor,omitempty"`
}

func frames(list ...[]byte) []json.RawMessage {
	out := make([]json.RawMessage, 0, len(list))
	for _, raw := range list {
		out = append(out, raw)
	}
	return out
}

// speakerOf finds out who asks, for which channel. With required, there must be a token. When it returns false the
// request has been answered.
func (c *channel) speakerOf(w http.ResponseWriter, r *http.Request, name string, required bool) (s speaker, ok bool) {
	s.client, s.agent = clientOf(r), r.UserAgent()
	if s.place, ok = c.place(name); !ok {
		problem(w, http.StatusNotFound, unknownChannel, 0)
		return s, false
	}
	token := bearer(r)
	if token == "" && !required {
		return s, true
	}
	if s.visitor, ok = visitorOf(token); !ok {
		problem(w, http.StatusUnauthorized, badToken, 0)
	}
	return s, ok
}
