package line

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

const (
	// callPatience bounds a call whose context has no nearer deadline.
	callPatience = 20 * time.Second
	// maxAnswer bounds what is read of an answer that is not content; LINE's are a few hundred bytes.
	maxAnswer = 1 << 20

	retryKeyHeader  = "X-Line-Retry-Key"
	requestIDHeader = "X-Line-Request-Id"
	acceptedHeader  = "X-Line-Accepted-Request-Id" // on 409: the id of the request that had been accepted
)

// client makes the calls of one account. Errors are *callError (no answer came) or *apiError (LINE refused).
type client struct {
	settings Settings
	api      string
	data     string
	http     *http.Client
	tokens   *tokens
}

func newClient(settings Settings, now func() time.Time) *client {
	c := &client{
		settings: settings,
		api:      settings.apiBase(),
		data:     settings.dataBase(),
		http: &http.Client{
			Transport: &http.Transport{
				Proxy:                 http.ProxyFromEnvironment,
				DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
				TLSHandshakeTimeout:   5 * time.Second,
				ResponseHeaderTimeout: 15 * time.Second,
				IdleConnTimeout:       30 * time.Second,
				MaxIdleConns:          64,
				MaxIdleConnsPerHost:   32,
				ForceAttemptHTTP2:     true,
			},
			// LINE redirects nowhere; a redirect is somebody else's answer, and must not be given the token.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	c.tokens = &tokens{fixed: settings.ChannelAccessToken, issue: c.issueToken, now: now}
	return c
}

func (c *client) close() { c.http.CloseIdleConnections() }

// request is one call. Body, when not nil, is sent as JSON; form as a form.
type request struct {
	method   string
	url      string
	body     any
	form     url.Values
	retryKey string // "" for none: LINE answers 400 to a retry key where it takes none
	open     bool   // without Authorization
}

// response is an answer below 400 (or 409 where asked for), read completely.
type response struct {
	status int
	header http.Header
	body   []byte
}

// callError says that no answer came. NotSent is true when the request certainly never left this machine.
type callError struct {
	notSent bool
	timeout bool
	err     error
}

func (e *callError) Error() string { return e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// apiError is an answer of LINE that is not a success.
type apiError struct {
	status       int
	message      string
	details      []detail
	sentMessages []sentMessage // on 409: what had been accepted
	requestID    string
	acceptedID   string
	retryAfter   time.Duration
}

// detail is one complaint about a request.
type detail struct {
	Message  string `json:"message"`
	Property string `json:"property"`
}

// sentMessage is an accepted message object.
type sentMessage struct {
	ID string `json:"id"`
}

// Error shows what LINE said, with its details: they are what tells an agent or an administrator what to change.
func (e *apiError) Error() string { return "LINE answered " + e.said() }

// said is what LINE said: the status, its words, its details.
func (e *apiError) said() string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(e.status))
	if e.message != "" {
		b.WriteString(": " + e.message)
	}
	for i, d := range e.details {
		if i == 0 {
			b.WriteString(" (")
		} else {
			b.WriteString("; ")
		}
		if d.Property != "" && d.Message != "" {
			b.WriteString(d.Property + ": " + d.Message)
		} else {
			b.WriteString(d.Property + d.Message)
		}
		if i == len(e.details)-1 {
			b.WriteString(")")
		}
	}
	return b.String()
}

// call makes a call with the account's token. A refused token that was issued here is replaced once.
func (c *client) call(ctx context.Context, req request) (*response, error) {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	res, err := c.answer(ctx, req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		// The status is LINE's decision already; only the particulars are lost.
		body = nil
	}
	return &response{status: res.StatusCode, header: res.Header, body: body}, nil
}

// answer returns the open answer of a successful call.
func (c *client) answer(ctx context.Context, req request) (*http.Response, error) {
	if req.open {
		return c.once(ctx, req, "")
	}
	for again := false; ; again = true {
		token, err := c.tokens.get(ctx)
		if err != nil {
			return nil, err
		}
		res, err := c.once(ctx, req, token)
		var refused *apiError
		if !again && errors.As(err, &refused) && refused.status == http.StatusUnauthorized && c.tokens.drop(token) {
			continue
		}
		return res, err
	}
}

// once sends the request a single time.
func (c *client) once(ctx context.Context, req request, token string) (*http.Response, error) {
	var body io.Reader
	contentType := ""
	switch {
	case req.form != nil:
		body, contentType = strings.NewReader(req.form.Encode()), "application/x-www-form-urlencoded"
	case req.body != nil:
		encoded, err := json.Marshal(req.body)
		if err != nil {
			return nil, &callError{notSent: true, err: fmt.Errorf("encode the request: %w", err)}
		}
		body, contentType = bytes.NewReader(encoded), "application/json"
	}
	// A connection is got only after dialling and the TLS handshake: before that, nothing of the request has left.
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	out, err := http.NewRequestWithContext(ctx, req.method, req.url, body)
	if err != nil {
		return nil, &callError{notSent: true, err: errors.New("the address of LINE is not valid")}
	}
	out.Header.Set("User-Agent", "Guichet-line/"+sdk.Version)
	if contentType != "" {
		out.Header.Set("Content-Type", contentType)
	}
	if token != "" {
		out.Header.Set("Authorization", "Bearer "+token)
	}
	if req.retryKey != "" {
		out.Header.Set(retryKeyHeader, req.retryKey)
	}
	res, err := c.http.Do(out)
	if err != nil {
		var urlErr *url.Error
		if errors.As(err, &urlErr) {
			// The address may carry a token; the cause does not.
			err = urlErr.Err
		}
		var netErr net.Error
		timeout := errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &netErr) && netErr.Timeout())
		return nil, &callError{notSent: !connected.Load(), timeout: timeout, err: errors.New(c.settings.hide(err.Error()))}
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	return nil, c.refusal(res)
}

// refusal reads an answer that is not a success. LINE's token endpoints word it differently from the others.
func (c *client) refusal(res *http.Response) *apiError {
	e := &apiError{
		status:     res.StatusCode,
		requestID:  res.Header.Get(requestIDHeader),
		acceptedID: res.Header.Get(acceptedHeader),
		retryAfter: seconds(res.Header.Get("Retry-After")),
	}
	var said struct {
		Message          string        `json:"message"`
		Details          []detail      `json:"details"`
		SentMessages     []sentMessage `json:"sentMessages"`
		Error            string        `json:"error"`
		ErrorDescription string        `json:"error_description"`
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil || json.Unmarshal(raw, &said) != nil {
		return e
	}
	e.message, e.details, e.sentMessages = said.Message, said.Details, said.SentMessages
	if e.message == "" {
		e.message = strings.TrimPrefix(said.Error+": "+said.ErrorDescription, ": ")
		e.message = strings.TrimSuffix(e.message, ": ")
	}
	e.message = c.settings.hide(e.message)
	for i := range e.details {
		e.details[i].Message = c.settings.hide(e.details[i].Message)
	}
	return e
}

// decode makes a call and reads the JSON it answers into v.
func (c *client) decode(ctx context.Context, req request, v any) error {
	res, err := c.call(ctx, req)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(res.body, v); err != nil {
		return fmt.Errorf("LINE's answer could not be read: %w", err)
	}
	return nil
}

// seconds reads a Retry-After of whole seconds; LINE documents none, gateways before it may send one.
func seconds(value string) time.Duration {
	d, err := time.ParseDuration(value + "s")
	if err != nil || d < 0 || d > time.Hour {
		return 0
	}
	return d
}

// status returns the HTTP status of a refusal, and 0 for any other error.
func status(err error) int {
	var refused *apiError
	if errors.As(err, &refused) {
		return refused.status
	}
	return 0
}
