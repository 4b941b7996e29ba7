package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/sdk/outbound"
)

const (
	attemptTimeout = 10 * time.Second // of one call of the receiver's, answer included
	maxAnswer      = 64 << 10         // bytes of an answer that are read
	maxExcerpt     = 200              // characters of an answer that are shown
	maxAfter       = time.Hour        // for which a receiver may have us wait
	maxRedirects   = 3
)

// receiver is the program's address. Webhooks are signed as standardwebhooks.com has it: HMAC-SHA256 over the delivery's
// id, the time and the body.
type receiver struct {
	url     *url.URL
	keys    [][]byte
	client  *http.Client
	clock   sdk.Clock
	timeout time.Duration // of one call
}

// newReceiver returns nil where the settings name no address.
func newReceiver(s Settings, test bool, clock sdk.Clock) (*receiver, error) {
	keys, err := s.secrets()
	if err != nil {
		return nil, err
	}
	u, err := s.webhook()
	if err != nil || u == nil {
		return nil, err
	}
	return &receiver{url: u, keys: keys, client: webhookClient(u.Scheme == "http" && !test), clock: clock, timeout: attemptTimeout}, nil
}

func (r *receiver) close() {
	if r != nil {
		r.client.CloseIdleConnections()
	}
}

// webhookClient makes the client for an address that the administrator has set, which may well be within their own
// network. It follows redirects to the same host only.
func webhookClient(ownNetworkOnly bool) *http.Client {
	reach := outbound.Reach(outbound.Anywhere)
	if ownNetworkOnly { // what is not encrypted does not leave
		reach = outbound.OwnNetwork
	}
	return &http.Client{
		Transport: outbound.Transport(reach),
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			first := via[0].URL
			if len(via) > maxRedirects || r.URL.Host != first.Host || r.URL.Scheme != first.Scheme || r.Method != http.MethodPost {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
}

// signature signs a delivery with each of the keys.
func (r *receiver) signature(id, timestamp string, body []byte) string {
	var signatures []string
	for _, key := range r.keys {
		mac := hmac.New(sha256.New, key)
		_, _ = mac.Write([]byte(id + "." + timestamp + "."))
		_, _ = mac.Write(body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(signatures, " ")
}

// result is what came of one call of the receiver's.
type result struct {
	status    int    // 0: no answer
	problem   string // "" when the receiver has it
	permanent bool   // it will never have it
	after     time.Duration
	// The problem as a check tells it, so that it can be translated: a sentence, with {1} in the place of the value.
	sentence, value string
}

// because adds why the receiver does not have it.
func (r result) because(sentence, value string) result {
	r.sentence, r.value = sentence, value
	r.problem = strings.Replace(sentence, "{1}", value, 1)
	return r
}

// post gives a delivery to the receiver.
func (r *receiver) post(ctx context.Context, d delivery) result {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	body, err := json.Marshal(d)
	if err != nil {
		panic("api: " + err.Error()) // a delivery always has a JSON form
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url.String(), bytes.NewReader(body))
	if err != nil {
		return result{permanent: true}.because("webhook_url cannot be called", "")
	}
	timestamp := strconv.FormatInt(r.clock.Now().Unix(), 10)
	for name, value := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "Guichet", "Webhook-Id": d.ID, "Webhook-Timestamp": timestamp,
		"Webhook-Signature": r.signature(d.ID, timestamp, body),
	} {
		request.Header.Set(name, value)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return unreached(err, r.timeout)
	}
	defer func() { _ = response.Body.Close() }()
	said, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // only an excerpt is shown, and a success needs none
	return judge(response.StatusCode, response.Header, said, r.clock.Now())
}

// judge says what an answer means: 2xx that the receiver has it; of 4xx, that it will never have it, but for those that
// speak of now; everything else, that it is tried again.
func judge(status int, header http.Header, said []byte, now time.Time) result {
	out := result{status: status}
	if status >= 200 && status <= 299 {
		return out
	}
	answered := strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
	if text := excerpt(said); text != "" {
		answered += ": " + text
	}
	out = out.because("The receiver answered {1}", answered)
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		out.permanent = status >= 400 && status <= 499
	}
	if !out.permanent {
		out.after = retryAfter(header.Get("Retry-After"), now)
	}
	return out
}

// retryAfter reads for how long a receiver wants to be left alone; 0 where it does not say.
func retryAfter(value string, now time.Time) time.Duration {
	var after time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		after = time.Duration(seconds) * time.Second //nolint:gosec // 31 bits
	} else if at, err := http.ParseTime(value); err == nil {
		after = at.Sub(now)
	}
	return min(max(after, 0), maxAfter)
}

// excerpt is the beginning of what a receiver said, on one line.
func excerpt(said []byte) string {
	text := []rune(strings.Join(strings.FieldsFunc(strings.ToValidUTF8(string(said), "?"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " "))
	if len(text) > maxExcerpt {
		text = append(text[:maxExcerpt], '…')
	}
	return string(text)
}

// unreached says why there was no answer, without the address, which may hold a secret.
func unreached(err error, timeout time.Duration) result {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		if wrapped.Timeout() {
			return result{}.because("The receiver did not answer within {1}.", timeout.String())
		}
		err = wrapped.Err
	}
	return result{}.because("The receiver could not be reached: {1}", err.Error())
}
