package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/desk"
)

// pipes is a listener whose connections live in memory, where synctest's clock holds for their deadlines.
type pipes struct {
	conns chan net.Conn
	over  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.over:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.over); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func TestASlowBodyArrivesAndOneThatStandsStillDoesNot(t *testing.T) {
	for name, test := range map[string]struct {
		size, portion int
		every         time.Duration
		status        int
		after         time.Duration // about when it is answered
	}{
		"4 MB at 1 Mbit/s":                        {4 << 20, 16 << 10, 131072 * time.Microsecond, 200, 34 * time.Second},
		"the largest at 1 Mbit/s":                 {maxCallbackBody, 16 << 10, 131072 * time.Microsecond, 200, 133 * time.Second},
		"1 MB at 64 kbit/s":                       {1 << 20, 8 << 10, time.Second, 200, 128 * time.Second},
		"one that stands still now and then":      {1 << 20, 256 << 10, 25 * time.Second, 200, 75 * time.Second},
		"one that trickles":                       {1 << 20, 1 << 10, time.Second, 503, 34 * time.Second},
		"one that stops in the middle":            {1 << 20, 512 << 10, time.Hour, 503, 94 * time.Second},
		"one that never begins":                   {1 << 20, 0, time.Hour, 503, 30 * time.Second},
		"one that takes longer than anything may": {8 << 20, 8 << 10, time.Second, 503, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := 0
				s, err := New(Options{Desk: desk.New(desk.Options{Setup: testSetup()}), Channels: &listeningChannels{
					handle: func(_ string, r channel.Request) (channel.Response, error) {
						got = len(r.Body)
						return channel.Response{Status: 200}, nil
					},
				}})
				check(t, err)
				listener := &pipes{conns: make(chan net.Conn), over: make(chan struct{})}
				served := make(chan error)
				go func() { served <- s.Serve(listener) }()
				client, server := net.Pipe()
				listener.conns <- server
				began := time.Now()
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					_, _ = fmt.Fprintf(client, "POST /channels/shop/callback HTTP/1.1\r\nHost: desk\r\nContent-Length: %d\r\n\r\n", test.size)
					for left := test.size; left > 0; left -= test.portion {
						if _, err := client.Write(make([]byte, min(left, test.portion))); err != nil || test.portion == 0 {
							return
						}
						time.Sleep(test.every)
					}
				}()
				res, err := http.ReadResponse(bufio.NewReader(client), nil)
				check(t, err)
				_, _ = io.Copy(io.Discard, res.Body)
				took := time.Since(began)
				if res.StatusCode != test.status || took < test.after-2*time.Second || took > test.after+2*time.Second {
					t.Errorf("status %d after %s, want %d after %s", res.StatusCode, took, test.status, test.after)
				}
				if want := test.size * (test.status % 503 / 200); got != want {
					t.Errorf("%d bytes were handed on of %d", got, want)
				}
				_ = client.Close()
				<-sent
				check(t, s.Close(context.Background()))
				check(t, <-served)
			})
		})
	}
}

// An agent's file gets its time in the same way, and more of it.
func TestUploadsMayTakeTheirTime(t *testing.T) {
	h := newHouse(t)
	form := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n" + strings.Repeat("words ", 100_000) + "\r\n--x--\r\n"
	r := httptest.NewRequest("POST", "/api/v1/uploads", strings.NewReader(form))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	r.Header.Set("Authorization", "Bearer "+h.keys["ada"])
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	before := time.Now()
	if h.server.ServeHTTP(w, r); w.Code != http.StatusCreated {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	first, last := w.set[0], w.set[0]
	for _, at := range w.set {
		if !at.IsZero() && at.Before(last) {
			t.Errorf("the deadline goes back: %v", w.set)
		}
		if !at.IsZero() {
			last = at
		}
	}
	if earned := last.Sub(first); first.Before(before.Add(bodyGrace)) || earned < time.Duration(len(form)/2)*time.Second/bodyPace {
		t.Errorf("what has arrived earned %s after %s", earned, first.Sub(before))
	}
	late := &patientBody{connection: http.NewResponseController(w), began: before, most: uploadPatience, arrived: 1 << 40}
	if late.wait(); !w.set[len(w.set)-1].Equal(before.Add(uploadPatience)) {
		t.Errorf("in all it may take %s", w.set[len(w.set)-1].Sub(before))
	}
}
