package telegramtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// Fault is a failure to play. Without Hang, Drop and Status the call is only delayed.
type Fault struct {
	Method string          // which calls: "sendMessage", "send" for all that send, "file" for downloads; "" for sendMessage
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

// TooMany is the fault of a limit that was passed.
func TooMany(method string, after int) Fault {
	return Fault{
		Method: method, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {strconv.Itoa(after)}},
		Body: `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after ` + strconv.Itoa(after) +
			`","parameters":{"retry_after":` + strconv.Itoa(after) + `}}`,
	}
}

// Refusal is the fault of a refused call.
func Refusal(method string, code int, description string) Fault {
	return Fault{
		Method: method, Status: code,
		Body: `{"ok":false,"error_code":` + strconv.Itoa(code) + `,"description":` + strconv.Quote(description) + `}`,
	}
}

// Inject plays a fault on the next calls that it applies to. Faults wait for one another in the order of injection.
func (p *Platform) Inject(fault Fault) {
	if fault.Times == 0 {
		fault.Times = 1
	}
	if fault.Method == "" {
		fault.Method = "sendMessage"
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
func (p *Platform) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

func (p *Platform) nextFault(method string) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	for i, fault := range p.faults {
		if !strings.HasPrefix(method, fault.Method) || fault.Method == "send" && method == "sendChatAction" {
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
func (p *Platform) fail(w http.ResponseWriter, r *http.Request, fault *Fault, carryOut func(http.ResponseWriter)) {
	if fault.Delay > 0 {
		p.sleep(fault.Delay)
	}
	if fault.Until != nil {
		p.hold(1)
		select {
		case <-fault.Until:
		case <-p.closing:
		}
		p.hold(-1)
	}
	if !fault.Hang && !fault.Drop && fault.Status == 0 {
		carryOut(w)
		return
	}
	if fault.Accept {
		carryOut(httptest.NewRecorder())
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
		w.WriteHeader(fault.Status)
		_, _ = w.Write([]byte(fault.Body)) // a client that has gone away does not need it
	}
}

func (p *Platform) hold(n int) {
	p.mu.Lock()
	p.held += n
	p.mu.Unlock()
}

// sleep waits, but not beyond the end of the platform.
func (p *Platform) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.closing:
	}
}

// Requests is how many requests came, whatever became of them.
func (p *Platform) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}
