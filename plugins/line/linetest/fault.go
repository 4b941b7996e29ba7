package linetest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// Fault is a failure to play. Without Hang, Drop and Status the call is only delayed.
type Fault struct {
	Path   string          // prefix of the paths it applies to; "" for reply and push
	Times  int             // how many calls; once when 0, for ever when negative
	Delay  time.Duration   // before anything else
	Until  <-chan struct{} // nothing more happens before it is closed
	Accept bool            // carry the call out first, and fail only the answer
	Hang   bool            // never answer
	Drop   bool            // close the connection without an answer
	Status int             // answer with this
	Body   string          // and this
	Header http.Header     // and these
}

// Inject plays a fault on the next calls that it applies to. Faults wait for one another in the order of injection.
func (p *Platform) Inject(fault Fault) {
	if fault.Times == 0 {
		fault.Times = 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, &fault)
}

// Heal takes back the faults that have not been played.
func (p *Platform) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// Held is how many calls a fault's Until holds up.
func (p *Platform) Held() int { return int(p.held.Load()) }

// nextFault takes the fault that applies to a call, if any.
func (p *Platform) nextFault(path string) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, fault := range p.faults {
		if fault.Path == "" && path != "/v2/bot/message/reply" && path != "/v2/bot/message/push" {
			continue
		}
		if !strings.HasPrefix(path, fault.Path) {
			continue
		}
		if fault.Times > 0 {
			if fault.Times--; fault.Times == 0 {
				p.faults = append(p.faults[:i:i], p.faults[i+1:]...)
			}
		}
		return fault
	}
	return nil
}

// fail plays a fault on a call.
func (p *Platform) fail(w http.ResponseWriter, r *http.Request, fault *Fault) {
	if fault.Delay > 0 {
		p.sleep(r.Context(), fault.Delay)
	}
	if fault.Until != nil {
		p.held.Add(1)
		select {
		case <-fault.Until:
		case <-p.closing:
		}
		p.held.Add(-1)
	}
	if !fault.Hang && !fault.Drop && fault.Status == 0 {
		p.mux.ServeHTTP(w, r)
		return
	}
	if fault.Accept {
		unseen := httptest.NewRecorder()
		unseen.Header().Set("X-Line-Request-Id", w.Header().Get("X-Line-Request-Id"))
		p.mux.ServeHTTP(unseen, r)
	} else {
		// Only with the body read does the server notice a client that gives up.
		_, _ = io.Copy(io.Discard, r.Body)
	}
	switch {
	case fault.Hang:
		select {
		case <-r.Context().Done():
		case <-p.closing:
		}
		panic(http.ErrAbortHandler)
	case fault.Drop:
		// The server closes the connection without an answer, and without a word in the log.
		panic(http.ErrAbortHandler)
	default:
		for name, values := range fault.Header {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(fault.Status)
		_, _ = w.Write([]byte(fault.Body)) // a client that has gone away does not need it
	}
}
