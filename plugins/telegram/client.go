package telegram

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
	// callPatience bounds an ordinary call whose context has no nearer deadline.
	callPatience = 20 * time.Second
	// maxAnswer bounds what is read of an answer: a hundred updates of a few kilobytes each.
	maxAnswer = 32 << 20
)

// client makes the calls of one bot. Errors are *callError (no answer came) or *apiError (Telegram refused); neither shows
// an address.
type client struct {
	settings Settings
	calls    string // base address of the calls, with the token
	files    string // base address of files, with the token
	http     *http.Client
}

func newClient(settings Settings) *client {
	token := url.PathEscape(settings.BotToken)
	return &client{
		settings: settings,
		calls:    settings.apiBase() + "/bot" + token + "/",
		files:    settings.apiBase() + "/file/bot" + token + "/",
		http: &http.Client{
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
				TLSHandshakeTimeout: 5 * time.Second,
				IdleConnTimeout:     30 * time.Second,
				MaxIdleConns:        64,
				MaxIdleConnsPerHost: 32,
				ForceAttemptHTTP2:   true,
			},
			// A redirect is somebody else's answer, and following it would show the token's address as its referrer.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// callError says that no answer came that can be relied upon. Executed is false when Telegram certainly has not carried
// the request out, because not all of it left this machine.
type callError struct {
	executed bool
	err      error
}

func (e *callError) Error() string { return e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// apiError is a refusal: Telegram's own, or, where foreign is true, that of something before it.
type apiError struct {
	status      int
	description string
	retryAfter  time.Duration
	migrateTo   int64
	foreign     bool
}

func (e *apiError) Error() string {
	if e.foreign {
		return fmt.Sprintf("%d was answered, but not in Telegram's form", e.status)
	}
	return "Telegram answered " + e.said()
}

// said is what Telegram said: the status, and its words.
func (e *apiError) said() string {
	if e.description == "" {
		return strconv.Itoa(e.status)
	}
	return fmt.Sprintf("%d: %s", e.status, e.description)
}

// said is what Telegram said of a call that failed, or why it did not come to that.
func said(err error) string {
	var refused *apiError
	if errors.As(err, &refused) {
		return refused.said()
	}
	return err.Error()
}

// status returns the code of a refusal, and 0 for any other error.
func status(err error) int {
	var refused *apiError
	if errors.As(err, &refused) {
		return refused.status
	}
	return 0
}

// says tells whether Telegram refused with words that contain this one. Letter case does not count.
func says(err error, word string) bool {
	var refused *apiError
	return errors.As(err, &refused) && strings.Contains(strings.ToLower(refused.description), word)
}

// envelope is the form of every answer.
type envelope struct {
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	ErrorCode   int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		MigrateToChatID int64 `json:"migrate_to_chat_id"`
		RetryAfter      int64 `json:"retry_after"` // s
	} `json:"parameters"`
}

// call makes a call with parameters as JSON and reads its result into result, which may be nil.
func (c *client) call(ctx context.Context, method string, params, result any) error {
	return c.callWithin(ctx, callPatience, method, params, result)
}

func (c *client) callWithin(ctx context.Context, patience time.Duration, method string, params, result any) error {
	if params == nil {
		params = struct{}{}
	}
	encoded, err := json.Marshal(params)
	if err != nil {
		return &callError{err: fmt.Errorf("encode %s: %w", method, err)}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.post(ctx, method, "application/json", bytes.NewReader(encoded), int64(len(encoded)), result)
}

// post sends a body once. Length is -1 where it is not known.
func (c *client) post(ctx context.Context, method, contentType string, body io.Reader, length int64, result any) error {
	var written atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) { written.Store(info.Err == nil) },
	})
	out, err := http.NewRequestWithContext(traced, http.MethodPost, c.calls+method, body)
	if err != nil {
		return &callError{err: errors.New("the address of Telegram is not valid")}
	}
	out.ContentLength = length
	out.Header.Set("Content-Type", contentType)
	out.Header.Set("User-Agent", "Guichet-telegram/"+sdk.Version)
	res, err := c.http.Do(out)
	if err != nil {
		return &callError{executed: written.Load(), err: c.bare(err)}
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return &callError{executed: true, err: fmt.Errorf("the answer broke off: %w", c.bare(err))}
	}
	return c.read(method, res, raw, result)
}

// read takes an answer apart.
func (c *client) read(method string, res *http.Response, raw []byte, result any) error {
	var said envelope
	if json.Unmarshal(raw, &said) != nil || !said.OK && said.Description == "" && said.ErrorCode == 0 {
		if res.StatusCode >= 200 && res.StatusCode < 300 {
			return &callError{executed: true, err: errors.New("the answer was not in Telegram's form")}
		}
		return &apiError{status: res.StatusCode, foreign: true, retryAfter: seconds(res.Header.Get("Retry-After"))}
	}
	if !said.OK {
		refused := &apiError{
			status: said.ErrorCode, description: c.settings.hide(said.Description),
			retryAfter: time.Duration(min(max(said.Parameters.RetryAfter, 0), 86400)) * time.Second,
			migrateTo:  said.Parameters.MigrateToChatID,
		}
		if refused.status == 0 {
			refused.status = res.StatusCode
		}
		if refused.retryAfter == 0 {
			refused.retryAfter = seconds(res.Header.Get("Retry-After"))
		}
		return refused
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(said.Result, result); err != nil {
		return &callError{executed: true, err: fmt.Errorf("the result of %s could not be read: %w", method, err)}
	}
	return nil
}

// download opens a file of Telegram's.
func (c *client) download(ctx context.Context, path string) (*http.Response, error) {
	segments := strings.Split(strings.TrimLeft(path, "/"), "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	in, err := http.NewRequestWithContext(ctx, http.MethodGet, c.files+strings.Join(segments, "/"), nil)
	if err != nil {
		return nil, &callError{err: errors.New("the address of the file is not valid")}
	}
	in.Header.Set("User-Agent", "Guichet-telegram/"+sdk.Version)
	res, err := c.http.Do(in)
	if err != nil {
		return nil, &callError{err: c.bare(err)}
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil {
		raw = nil // the status says enough
	}
	if err := c.read("download", res, raw, nil); err != nil {
		return nil, err
	}
	return nil, &apiError{status: res.StatusCode, foreign: true}
}

// bare is what went wrong without where: the address holds the token.
func (c *client) bare(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer came in time")
	}
	return errors.New(c.settings.hide(err.Error()))
}

// seconds reads a Retry-After of whole seconds.
func seconds(value string) time.Duration {
	d, err := time.ParseDuration(value + "s")
	if err != nil || d < 0 || d > 24*time.Hour {
		return 0
	}
	return d
}
