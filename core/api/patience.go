package api

import (
	"io"
	"net/http"
	"time"
)

const (
	// bodyGrace is how long the sender of a body may be silent at first, or in all beyond what its pace has earned.
	bodyGrace = 30 * time.Second
	// bodyPace is the slowest pace at which a body may arrive, in bytes a second: 64 kbit/s.
	bodyPace = 8 << 10
	// callbackPatience is how long the body of a callback may take to arrive at the most. Whoever sends it is a stranger.
	callbackPatience = 5 * time.Minute
	// uploadPatience is how long an agent's file may take: at 1 Mbit/s the largest one takes 14 minutes.
	uploadPatience = 30 * time.Minute
)

// patientBody gives a body that arrives steadily the time it needs, and none that does not: each portion that has
// arrived moves the deadline of reading on.
type patientBody struct {
	from       io.Reader
	connection *http.ResponseController
	began      time.Time
	most       time.Duration
	arrived    int64
	over       bool
}

// patiently starts to read a body of a request that came at began.
func patiently(w http.ResponseWriter, body io.Reader, began time.Time, most time.Duration) *patientBody {
	b := &patientBody{from: body, connection: http.NewResponseController(w), began: began, most: most}
	b.wait()
	return b
}

// wait sets until when the next portion may take.
func (b *patientBody) wait() {
	earned := time.Duration(float64(b.arrived) / bodyPace * float64(time.Second))
	_ = b.connection.SetReadDeadline(b.began.Add(min(bodyGrace+earned, b.most))) // a connection without deadlines has the server's
}

// Read implements io.Reader. The deadline moves when more is asked for, so that a body that comes at once costs nothing.
func (b *patientBody) Read(p []byte) (int, error) {
	if b.arrived > 0 && !b.over {
		b.wait()
	}
	n, err := b.from.Read(p)
	b.arrived += int64(n)
	if err == io.EOF {
		b.done()
	}
	return n, err
}

// done is called when all of the body is there. It takes the deadline away: net/http goes on reading, to see whether the
// client hangs up, and would take the deadline for that.
func (b *patientBody) done() {
	if !b.over {
		b.over = true
		_ = b.connection.SetReadDeadline(time.Time{})
	}
}
