package channel

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// sendLimit is the host's patience with a send when the caller has set none.
const sendLimit = 30 * time.Second

// Send gives one message to the provider through the account's plugin and returns what came of it. It never waits for a
// plugin that is down.
func (h *Host) Send(ctx context.Context, out core.Outgoing) core.Outcome {
	a, l, outcome := h.sender(out.Entry.Account)
	if l == nil {
		return outcome
	}
	request := sendRequestOf(a, &out, time.Now())
	if proto.Size(request) > channelv1.MaxMessageBytes {
		return core.Outcome{Kind: core.OutcomeRejected, Cause: "too-large", Reason: "The message is larger than a plugin can be given."}
	}
	ctx, cancel := patience(ctx, sendLimit)
	defer cancel()
	start := time.Now()
	response, err := l.channel.Send(ctx, request)
	a.supervisor.stats.record(methodSend, time.Since(start), err)
	if err != nil {
		return a.sendFailed(err)
	}
	outcome = outcomeOf(response)
	outcome.Reason = mask(outcome.Reason, a.settings.Load().secrets)
	if outcome.Kind == core.OutcomeAccepted {
		a.lastOutbound.Store(time.Now().UnixMilli())
	}
	return outcome
}

// Reconciles reports whether an account's plugin can find out what became of a send: as it last described itself. It only
// looks at what is in memory, so that it may be asked in a transaction.
func (h *Host) Reconciles(account string) bool {
	a := h.account(account)
	return a != nil && slices.Contains(h.selfDescription(a).GetServices(), channelv1.Reconciler_ServiceDesc.ServiceName)
}

// Reconcile asks the plugin what became of a send whose outcome is unknown; the last of out.Previous is the attempt in
// question. A plugin that was not asked is "not started", one that did not answer "lost".
func (h *Host) Reconcile(ctx context.Context, out core.Outgoing) core.Outcome {
	a, l, outcome := h.sender(out.Entry.Account)
	if l == nil {
		return outcome
	}
	if l.reconciler == nil {
		return core.Outcome{Kind: core.OutcomeUnknown, Reason: fmt.Sprintf("The plugin %s cannot find out.", a.supervisor.name)}
	}
	ctx, cancel := patience(ctx, sendLimit)
	defer cancel()
	start := time.Now()
	response, err := l.reconciler.Reconcile(ctx, &channelv1.ReconcileRequest{Send: sendRequestOf(a, &out, time.Now())})
	a.supervisor.stats.record(methodReconcile, time.Since(start), err)
	if err != nil {
		return a.sendFailed(err)
	}
	outcome = outcomeOf(response)
	outcome.Reason = mask(outcome.Reason, a.settings.Load().secrets)
	return outcome
}

// sender finds the process to ask; a nil one comes with the outcome that says why there is none.
func (h *Host) sender(account string) (*account, *live, core.Outcome) {
	a := h.account(account)
	if a == nil {
		return nil, nil, core.Outcome{Kind: core.OutcomeNotStarted, Reason: fmt.Sprintf("There is no account %q.", account)}
	}
	l := a.supervisor.current.Load()
	if l == nil {
		return a, nil, core.Outcome{
			Kind: core.OutcomeNotStarted, After: a.supervisor.untilNext(), Reason: fmt.Sprintf("The plugin %s is not running.", a.supervisor.name),
		}
	}
	return a, l, core.Outcome{}
}

// sendFailed judges a call that brought no outcome. Only what is known not to have been done is "not started".
func (a *account) sendFailed(err error) core.Outcome {
	reason := mask(status.Convert(err).Message(), a.settings.Load().secrets)
	switch status.Code(err) {
	case codes.Aborted, codes.NotFound:
		// Draining, or the account is not open there: nothing was done.
		if problem := a.openError.Load(); problem != nil {
			reason = *problem
		}
		return core.Outcome{Kind: core.OutcomeNotStarted, Reason: reason}
	case codes.Internal:
		// The plugin lives and failed at this message: asking again would fail again, and might send twice.
		return core.Outcome{Kind: core.OutcomeUnknown, MayDuplicate: true, Reason: reason}
	}
	return core.Outcome{Kind: core.OutcomeLost, Reason: reason}
}

// patience gives a context a deadline where it has none.
func patience(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// untilNext is how long it is until the plugin is started again; 0 when that happens now or is not known.
func (s *supervisor) untilNext() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nextAt.IsZero() {
		return 0
	}
	return max(time.Until(s.nextAt), 0)
}
