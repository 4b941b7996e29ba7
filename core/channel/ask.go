package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

const (
	profileLimit  = 10 * time.Second
	signalLimit   = 5 * time.Second
	validateLimit = 30 * time.Second
)

// MediaError says why content could not be fetched. Any other error of FetchMedia is worth another try.
type MediaError struct {
	State  core.AttachmentState // core.Fetching: not ready yet; core.GoneAtProvider; core.Refused
	After  time.Duration        // with core.Fetching: when to try again; 0 when the provider does not say
	Reason string
}

func (e *MediaError) Error() string {
	return fmt.Sprintf("channel: content is %s: %s", e.State, e.Reason)
}

// running finds an account and its plugin's process, waiting for one that is about to come.
func (h *Host) running(ctx context.Context, account string) (*account, *live, error) {
	a := h.account(account)
	if a == nil {
		return nil, nil, core.Errorf(core.NotFound, "there is no account %q", account)
	}
	l, err := a.supervisor.await(ctx, 0)
	if err != nil {
		return a, nil, core.Errorf(core.Unavailable, "the plugin %s is not running", a.supervisor.name)
	}
	return a, l, nil
}

// failed turns an error of a call into one with a code.
func (a *account) failed(what string, err error) error {
	reason := errors.New(mask(status.Convert(err).Message(), a.settings.Load().secrets))
	switch status.Code(err) {
	case codes.Unimplemented:
		return core.Errorf(core.Invalid, "the plugin %s cannot do that: %w", a.supervisor.name, reason)
	case codes.InvalidArgument:
		return core.Errorf(core.Invalid, "%s: %w", what, reason)
	case codes.Internal, codes.Unknown:
		return core.Errorf(core.Internal, "%s: %w", what, reason)
	}
	return core.Errorf(core.Unavailable, "%s: %w", what, reason)
}

// FetchMedia fetches content from the provider and writes it to sink. It refuses more than maxBytes, whatever the
// plugin sends. What was written before an error is to be thrown away.
func (h *Host) FetchMedia(ctx context.Context, account, handle string, maxBytes int64, sink io.Writer) (MediaHead, error) {
	a, l, err := h.running(ctx, account)
	if err != nil {
		return MediaHead{}, err
	}
	if l.media == nil {
		return MediaHead{}, &MediaError{State: core.Refused, Reason: "the plugin fetches no content"}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start := time.Now()
	head, err := a.fetchMedia(ctx, l, handle, maxBytes, sink)
	a.supervisor.stats.record(methodFetchMedia, time.Since(start), err)
	return head, err
}

func (a *account) fetchMedia(ctx context.Context, l *live, handle string, maxBytes int64, sink io.Writer) (MediaHead, error) {
	stream, err := l.media.FetchMedia(ctx, &channelv1.FetchMediaRequest{
		Account: a.id, Handle: handle, MaxBytes: uint64(max(maxBytes, 0)),
	})
	if err != nil {
		return MediaHead{}, a.failed("fetch content", err)
	}
	var head *MediaHead
	var written int64
	for {
		part, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF) && head == nil:
			return MediaHead{}, core.Errorf(core.Internal, "the plugin %s sent no content", a.supervisor.name)
		case errors.Is(err, io.EOF) && head.Size > 0 && written < head.Size:
			return MediaHead{}, core.Errorf(core.Unavailable, "the content ended after %d of %d bytes", written, head.Size)
		case errors.Is(err, io.EOF):
			head.Size = written
			return *head, nil
		case err != nil:
			return MediaHead{}, a.failed("fetch content", err)
		}
		switch p := part.GetPart().(type) {
		case *channelv1.FetchMediaResponse_Head:
			head = &MediaHead{Type: p.Head.GetType(), Name: p.Head.GetName(), Size: int64(p.Head.GetSize())} //nolint:gosec // a size
		case *channelv1.FetchMediaResponse_NotReady:
			return MediaHead{}, &MediaError{State: core.Fetching, After: p.NotReady.GetAfter().AsDuration(), Reason: "not ready yet"}
		case *channelv1.FetchMediaResponse_Gone:
			return MediaHead{}, &MediaError{State: core.GoneAtProvider, Reason: p.Gone.GetReason()}
		case *channelv1.FetchMediaResponse_Refused:
			return MediaHead{}, &MediaError{State: core.Refused, Reason: p.Refused.GetReason()}
		case *channelv1.FetchMediaResponse_Chunk:
			if head == nil {
				return MediaHead{}, core.Errorf(core.Internal, "the plugin %s sent content without a head", a.supervisor.name)
			}
			written += int64(len(p.Chunk))
			if maxBytes > 0 && written > maxBytes {
				return MediaHead{}, &MediaError{State: core.Refused, Reason: fmt.Sprintf("larger than %d bytes", maxBytes)}
			}
			if _, err := sink.Write(p.Chunk); err != nil {
				return MediaHead{}, fmt.Errorf("channel: keep the content: %w", err)
			}
		}
	}
}

// Profile is what a provider tells about a customer.
type Profile struct {
	Name, Language, Picture string
}

// FetchProfile looks a customer up; found is false where there is no profile to be had.
func (h *Host) FetchProfile(ctx context.Context, account string, identity core.IdentityKey, thread core.Thread) (p Profile, found bool, err error) {
	a, l, err := h.running(ctx, account)
	if err != nil || l.profiles == nil {
		return Profile{}, false, err
	}
	ctx, cancel := patience(ctx, profileLimit)
	defer cancel()
	start := time.Now()
	r, err := l.profiles.FetchProfile(ctx, &channelv1.FetchProfileRequest{
		Account: a.id, Identity: identityTo(identity), Thread: threadTo(thread),
	})
	a.supervisor.stats.record(methodFetchProfile, time.Since(start), err)
	if err != nil {
		return Profile{}, false, a.failed("fetch a profile", err)
	}
	return Profile{Name: r.GetName(), Language: r.GetLanguage(), Picture: r.GetPictureUrl()}, r.GetFound(), nil
}

// Signal is something to pass on that is not a message; the first field that is set counts.
type Signal struct {
	Typing            bool
	TypingStopped     bool
	Read              bool // with ReadMessageID or ReadToken
	ReadMessageID     string
	ReadToken         string
	AgentJoined       string
	AgentLeft         string
	ConversationEnded bool
	EndCode           string
}

// Signal passes something on, best effort: a plugin that is down or cannot is no error.
func (h *Host) Signal(ctx context.Context, account string, thread core.Thread, recipient core.IdentityKey, s Signal) error {
	a := h.account(account)
	if a == nil {
		return core.Errorf(core.NotFound, "there is no account %q", account)
	}
	l := a.supervisor.current.Load()
	if l == nil || l.signals == nil {
		return nil
	}
	r := &channelv1.SignalRequest{Account: a.id, Thread: threadTo(thread), Recipient: identityTo(recipient)}
	switch {
	case (s.Typing || s.TypingStopped) && !l.manifest.GetCapabilities().GetTypingOut():
		return nil
	case s.Typing || s.TypingStopped:
		r.Kind = &channelv1.SignalRequest_Typing{Typing: &channelv1.Typing{Stopped: s.TypingStopped}}
	case s.Read:
		r.Kind = &channelv1.SignalRequest_Read{Read: &channelv1.ReadSignal{MessageId: s.ReadMessageID, ReadToken: s.ReadToken}}
	case s.AgentJoined != "":
		r.Kind = &channelv1.SignalRequest_AgentJoined{AgentJoined: &channelv1.AgentJoined{Name: s.AgentJoined}}
	case s.AgentLeft != "":
		r.Kind = &channelv1.SignalRequest_AgentLeft{AgentLeft: &channelv1.AgentLeft{Name: s.AgentLeft}}
	case s.ConversationEnded:
		r.Kind = &channelv1.SignalRequest_ConversationEnded{ConversationEnded: &channelv1.ConversationEnded{Code: s.EndCode}}
	default:
		return nil
	}
	ctx, cancel := patience(ctx, signalLimit)
	defer cancel()
	start := time.Now()
	_, err := l.signals.Signal(ctx, r)
	a.supervisor.stats.record(methodSignal, time.Since(start), err)
	if err != nil && status.Code(err) != codes.Unimplemented {
		return a.failed("pass a signal on", err)
	}
	return nil
}

var checkStates = map[channelv1.Check_State]core.CheckState{
	channelv1.Check_PASSED: core.CheckPassed, channelv1.Check_FAILED: core.CheckFailed,
	channelv1.Check_WARNING: core.CheckWarning, channelv1.Check_SKIPPED: core.CheckSkipped,
}

// Validate runs the live checks of an account. That the plugin does not run, or could not open the account, is itself a
// failed check.
func (h *Host) Validate(ctx context.Context, account string) []core.Check {
	ctx, cancel := patience(ctx, validateLimit)
	defer cancel()
	a, l, err := h.running(ctx, account)
	if err != nil {
		return []core.Check{{
			Name: "plugin", Title: "Plugin", State: core.CheckFailed, Detail: err.Error(),
			Fix: "See the plugin's state and last output.",
		}}
	}
	var checks []core.Check
	if problem := a.openError.Load(); problem != nil {
		checks = append(checks, core.Check{Name: "open", Title: "Account", State: core.CheckFailed, Detail: *problem})
	}
	start := time.Now()
	r, err := l.channel.Validate(ctx, &channelv1.ValidateRequest{Account: a.settings.Load().wire})
	a.supervisor.stats.record(methodValidate, time.Since(start), err)
	if err != nil {
		return append(checks, core.Check{
			Name: "validate", Title: "Checks", State: core.CheckFailed, Detail: a.failed("the checks could not be run", err).Error(),
		})
	}
	checks = append(checks, checksOf(r.GetChecks())...)
	if l.registration != nil && a.openError.Load() == nil {
		now := a.checkSubscription(ctx, l)
		checks = append(checks, now.Checks...)
		if now.Problem != "" {
			checks = append(checks, core.Check{Name: "registration", Title: "Registration", State: core.CheckFailed, Detail: now.Problem})
		}
	}
	return checks
}

func checksOf(wire []*channelv1.Check) []core.Check {
	checks := make([]core.Check, 0, len(wire))
	for _, c := range wire {
		state, known := checkStates[c.GetState()]
		if !known {
			state = core.CheckSkipped
		}
		checks = append(checks, core.Check{
			Name: c.GetName(), Title: c.GetTitle(), State: state, Detail: c.GetDetail(), Fix: c.GetFix(), Field: c.GetField(),
			DetailSentences: sentencesOf(c.GetDetailSentences()), FixSentences: sentencesOf(c.GetFixSentences()),
		})
	}
	return checks
}

func sentencesOf(wire []*channelv1.Sentence) (sentences []core.Sentence) {
	for _, s := range wire {
		sentences = append(sentences, core.Sentence{Text: s.GetText(), Values: s.GetValues()})
	}
	return sentences
}
