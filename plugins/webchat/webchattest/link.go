package webchattest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

const (
	pingEvery = 20 * time.Second
	maxFrame  = 32 << 10
)

// live is a WebSocket.
type live struct {
	conn *websocket.Conn
	stop context.CancelFunc
}

func (p *Panel) openLive(ctx context.Context) error {
	conn, answer, err := websocket.Dial(ctx, p.url("live"), &websocket.DialOptions{HTTPClient: p.client, HTTPHeader: p.header()})
	if answer != nil && answer.Body != nil {
		_ = answer.Body.Close()
	}
	if err != nil {
		return fmt.Errorf("webchattest: %w", err)
	}
	conn.SetReadLimit(maxFrame)
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := &live{conn: conn, stop: stop}
	hello := map[string]any{
		"t": "hello", "v": 1, "channel": p.opts.Channel, "since": p.newest(), "from": p.oldest(), "language": p.opts.Language, "page": p.opts.Page,
	}
	p.mu.Lock()
	if p.named {
		hello["token"] = p.opts.Token
	}
	p.link = l
	p.mu.Unlock()
	if err := l.say(ctx, hello); err != nil {
		p.cut(l, err)
		return err
	}
	go func() {
		for {
			_, raw, err := conn.Read(life)
			if err == nil {
				err = p.take(l, raw)
			}
			if err != nil {
				p.cut(l, err)
				return
			}
		}
	}()
	go func() {
		ticker := time.NewTicker(pingEvery)
		defer ticker.Stop()
		for {
			select {
			case <-life.Done():
				return
			case now := <-ticker.C:
				_ = l.say(life, map[string]any{"t": "ping", "at": now.UnixMilli()})
			}
		}
	}()
	return nil
}

func (l *live) say(ctx context.Context, frame map[string]any) error {
	raw, err := json.Marshal(frame)
	if err != nil {
		return fmt.Errorf("webchattest: %w", err)
	}
	if err := l.conn.Write(ctx, websocket.MessageText, raw); err != nil {
		return fmt.Errorf("webchattest: %w", err)
	}
	return nil
}

func (l *live) close() {
	l.stop()
	_ = l.conn.CloseNow()
}

// poll is the same over HTTP.
type poll struct {
	panel *Panel
	stop  context.CancelFunc
}

// answer is what polls and posted frames are answered with.
type answer struct {
	Frames []json.RawMessage `json:"frames"`
	Cursor string            `json:"cursor"`
	Code   string            `json:"code"`
	After  int               `json:"after"`
}

func (p *Panel) openPoll(ctx context.Context) error {
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := &poll{panel: p, stop: stop}
	p.mu.Lock()
	p.link = l
	p.mu.Unlock()
	go func() {
		for cursor := ""; ; {
			query := url.Values{
				"channel": {p.opts.Channel}, "since": {p.newest()}, "from": {p.oldest()}, "cursor": {cursor},
				"wait": {strconv.FormatFloat(p.opts.Wait.Seconds(), 'f', -1, 64)},
			}
			p.mu.Lock()
			named := p.named
			p.mu.Unlock()
			got, err := l.ask(life, http.MethodGet, "poll?"+query.Encode(), nil, named)
			var bye *Bye
			if errors.As(err, &bye) && !fatal(err) {
				if pause(life, bye.After) == nil {
					continue
				}
			}
			if err != nil {
				p.cut(l, err)
				return
			}
			cursor = got.Cursor
			for _, raw := range got.Frames {
				if err := p.take(l, raw); err != nil {
					p.cut(l, err)
					return
				}
			}
			if len(got.Frames) == 0 || !named {
				if pause(life, 50*time.Millisecond) != nil {
					return
				}
			}
		}
	}()
	return nil
}

func (l *poll) say(ctx context.Context, frame map[string]any) error {
	p := l.panel
	body, err := json.Marshal(map[string]any{
		"channel": p.opts.Channel, "language": p.opts.Language, "page": p.opts.Page, "frames": []any{frame},
	})
	if err != nil {
		return fmt.Errorf("webchattest: %w", err)
	}
	got, err := l.ask(ctx, http.MethodPost, "frames", body, true)
	if err != nil {
		return err
	}
	for _, raw := range got.Frames {
		if err := p.take(l, raw); err != nil {
			return err
		}
	}
	return nil
}

func (l *poll) ask(ctx context.Context, method, path string, body []byte, named bool) (answer, error) {
	return l.panel.ask(ctx, method, path, body, named, nil)
}

// ask makes one request.
func (p *Panel) ask(ctx context.Context, method, path string, body []byte, named bool, header http.Header) (answer, error) {
	raw, err := p.request(ctx, method, path, body, named, header)
	var got answer
	if err == nil {
		if err = json.Unmarshal(raw, &got); err != nil {
			err = fmt.Errorf("webchattest: %w", err)
		}
	}
	return got, err
}

// request makes one request and returns its answer; what is not a success is a *Bye.
func (p *Panel) request(ctx context.Context, method, path string, body []byte, named bool, header http.Header) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, p.url(path), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("webchattest: %w", err)
	}
	r.Header = p.header()
	for name, values := range header {
		r.Header[name] = values
	}
	if named {
		r.Header.Set("Authorization", "Bearer "+p.opts.Token)
	}
	res, err := p.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("webchattest: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("webchattest: %w", err)
	}
	if res.StatusCode >= 300 {
		var refused answer
		_ = json.Unmarshal(raw, &refused)
		if refused.Code == "" || refused.Code == "unavailable" {
			refused.Code = "restart" // the host's own answer while the plugin is away
		}
		return nil, &Bye{Code: refused.Code, After: max(seconds(refused.After), 100*time.Millisecond)}
	}
	return raw, nil
}

func (l *poll) close() { l.stop() }

// Upload gives the server a file; the handle is for Send. A file that is not taken is a *Refused.
func (p *Panel) Upload(ctx context.Context, name string, content []byte) (handle string, err error) {
	raw, err := p.request(ctx, http.MethodPost, "uploads?"+url.Values{"channel": {p.opts.Channel}}.Encode(), content, true,
		http.Header{"X-File-Name": {url.PathEscape(name)}, "Content-Type": {"application/octet-stream"}})
	var bye *Bye
	if errors.As(err, &bye) {
		return "", &Refused{Code: bye.Code, After: bye.After}
	}
	if err != nil {
		return "", err
	}
	var file struct {
		Handle string `json:"handle"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return "", fmt.Errorf("webchattest: %w", err)
	}
	return file.Handle, nil
}
