package sdktest

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"

	"google.golang.org/protobuf/proto"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Outcome is a message and what the provider makes of it.
type Outcome struct {
	// Settings lead an account to where this happens; they go over those of the suite.
	Settings map[string]any
	// Send is the message. The content of the attachment with the handle "a/1" is a short text.
	Send *channelv1.SendRequest
}

// outcomeNames are what fixtures call the outcomes.
var outcomeNames = []string{
	"accepted", "already-accepted", "rejected", "window-closed", "quota-exhausted", "rate-limited", "retryable", "authentication-failed",
	"account-blocked", "unknown",
}

// Sends names a message that is sent with an outcome: accepted, already-accepted, rejected, window-closed,
// quota-exhausted, rate-limited, retryable, authentication-failed, account-blocked or unknown.
func Sends(outcome string, o Outcome) Option {
	return func(s *suite) { s.outcome[outcome] = o }
}

// outcomes sends what its author has named.
func (s *suite) outcomes(t T) {
	if len(s.outcome) == 0 {
		t.Skip("no messages were given: name one for each outcome that the provider knows (in the fixtures: \"outcomes\")")
	}
	s.Host.AddMedia("a", "text/plain", "sample.txt", []byte("a sample"))
	var left []string
	for _, name := range outcomeNames {
		o, given := s.outcome[name]
		if !given {
			left = append(left, name)
			continue
		}
		settings := maps.Clone(s.settings)
		maps.Copy(settings, o.Settings)
		s.Open(t, "a", settings)
		send := proto.CloneOf(o.Send)
		send.Account = "a"
		if send.GetOutboxId() == "" {
			send.OutboxId = "00000000-0000-4000-8000-000000000001"
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		r, err := s.Channel.Send(ctx, send)
		cancel()
		if err != nil {
			t.Errorf("Send of the message for %s failed as a call: %v; an outcome is an answer, not an error", name, err)
			continue
		}
		if got := outcomeOf(r); got != name {
			t.Errorf("Send of the message for %s: the outcome was %s: %.300v", name, got, r)
		}
		if name == "accepted" && len(r.GetExternalIds()) == 0 {
			t.Errorf("Send was accepted without an id of the provider's: statuses, edits and quotes refer to it")
		}
	}
	for _, name := range inOrder(s.outcome) {
		if !strings.Contains(" "+strings.Join(outcomeNames, " ")+" ", " "+name+" ") {
			t.Errorf("there is no outcome %q; there are %s", name, strings.Join(outcomeNames, ", "))
		}
	}
	if len(left) > 0 {
		t.Logf("no message was given for %s", strings.Join(left, ", "))
	}
}

func outcomeOf(r *channelv1.SendResponse) string {
	if a := r.GetAccepted(); a != nil && a.GetAlready() {
		return "already-accepted"
	}
	m := r.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("outcome"))
	if field == nil {
		return "none"
	}
	return strings.ReplaceAll(string(field.Name()), "_", "-")
}

// Contents names attachments at the provider, each by the handle that an event would carry; "" where there is none such.
type Contents struct {
	// Settings lead an account to the provider; they go over those of the suite.
	Settings map[string]any
	Fetch    string // there, of 2 bytes at least
	Gone     string // no longer there
	Refused  string // there, and not to be had
}

// Holds names attachments for the suite to fetch.
func Holds(c Contents) Option { return func(s *suite) { s.media = &c } }

// fetchMedia fetches what there is.
func (s *suite) fetchMedia(t T) {
	if !s.serves(channelv1.Media_ServiceDesc.ServiceName) {
		t.Skip("the plugin fetches no attachments")
	}
	if s.media == nil {
		t.Skip("no attachments were given: name some (in the fixtures: \"media\")")
	}
	settings := maps.Clone(s.settings)
	maps.Copy(settings, s.media.Settings)
	s.Open(t, "a", settings)
	if s.media.Fetch == "" {
		t.Logf("no attachment was given that is there")
	} else {
		s.fetchWhole(t, s.media.Fetch)
	}
	for _, c := range []struct{ handle, want string }{{s.media.Gone, "gone"}, {s.media.Refused, "refused"}} {
		if c.handle == "" {
			t.Logf("no attachment was given that is %s", c.want)
			continue
		}
		if got := s.fetch(t, c.handle, 1<<20); got.end != c.want {
			t.Errorf("FetchMedia of content that is %s: it ended with %q: %v", c.want, got.end, got.err)
		}
	}
}

func (s *suite) fetchWhole(t T, handle string) {
	whole := s.fetch(t, handle, 64<<20)
	switch {
	case whole.err != nil || whole.end != "" || whole.head == nil:
		t.Errorf("FetchMedia: it ended with %q, and the head %v: %v", whole.end, whole.head, whole.err)
		return
	case whole.head.GetType() == "":
		t.Errorf("FetchMedia: the head names no MIME type")
	case whole.head.GetSize() != 0 && whole.head.GetSize() != uint64(whole.bytes): //nolint:gosec // a size
		t.Errorf("FetchMedia: the head says %d bytes, and %d came", whole.head.GetSize(), whole.bytes)
	}
	if whole.largest > channelv1.MaxChunkBytes {
		t.Errorf("FetchMedia: a chunk had %d bytes; at most 256 KiB", whole.largest)
	}
	if whole.bytes < 2 {
		t.Errorf("FetchMedia: %d bytes came, at least 2 are needed to see what becomes of too many", whole.bytes)
		return
	}
	// One byte more than allowed tells the host that there is more; beyond that nobody reads.
	limit := whole.bytes / 2
	cut := s.fetch(t, handle, uint64(limit)) //nolint:gosec // a size
	if cut.err != nil || cut.bytes > limit+1 || cut.bytes <= limit && cut.end != "refused" {
		t.Errorf("FetchMedia of %d bytes with at most %d allowed: %d came, and it ended with %q: %v", whole.bytes, limit, cut.bytes, cut.end, cut.err)
	}
}

// fetched is what became of FetchMedia.
type fetched struct {
	head           *channelv1.MediaHead
	bytes, largest int
	end            string // "gone", "refused", "not-ready"
	err            error
}

func (s *suite) fetch(t T, handle string, limit uint64) (f fetched) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := s.Media.FetchMedia(ctx, &channelv1.FetchMediaRequest{Account: "a", Handle: handle, MaxBytes: limit})
	for err == nil {
		var part *channelv1.FetchMediaResponse
		if part, err = stream.Recv(); err != nil {
			break
		}
		switch p := part.GetPart().(type) {
		case *channelv1.FetchMediaResponse_Head:
			f.head = p.Head
		case *channelv1.FetchMediaResponse_Chunk:
			if f.head == nil {
				t.Errorf("FetchMedia: a chunk came before the head")
			}
			f.bytes += len(p.Chunk)
			f.largest = max(f.largest, len(p.Chunk))
		case *channelv1.FetchMediaResponse_Gone:
			f.end = "gone"
		case *channelv1.FetchMediaResponse_Refused:
			f.end = "refused"
		case *channelv1.FetchMediaResponse_NotReady:
			f.end = "not-ready"
		}
	}
	if !errors.Is(err, io.EOF) {
		f.err = err
	}
	return f
}
