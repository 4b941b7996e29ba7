package channel

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc/status"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// ValidateDraft runs the live checks of an account that is not configured yet, or with other settings than it has. A
// plugin that no account needs so far is started for it, and ended again.
func (h *Host) ValidateDraft(ctx context.Context, draft *core.Account) []core.Check {
	ctx, cancel := patience(ctx, validateLimit)
	defer cancel()
	failed := func(name, title, detail, fix string, values ...string) []core.Check {
		sentence := core.Sentence{Text: detail, Values: values}
		return []core.Check{{
			Name: name, Title: title, State: core.CheckFailed, Detail: sentence.Fill(detail), DetailSentences: []core.Sentence{sentence}, Fix: fix,
		}}
	}
	manifest, known := h.manifest(draft.Plugin)
	if !known {
		return failed("plugin", "Plugin", "There is no such plugin.", "")
	}
	settings, err := h.configured(&core.Setup{}, draft, manifest)
	if err != nil {
		return failed("settings", "Settings", err.Error(), "")
	}
	settings.wire.Revision = h.nextRevision()
	h.mu.Lock()
	supervisor, stopped := h.supervisors[draft.Plugin], h.stopped
	h.mu.Unlock()
	if stopped {
		return failed("plugin", "Plugin", "The server is stopping.", "")
	}
	var ask *clients
	if supervisor != nil {
		l, err := supervisor.await(ctx, 0)
		if err != nil {
			return failed("plugin", "Plugin", err.Error(), "See the plugin's state and last output.")
		}
		l.hide(append(h.secrets(draft.Plugin), settings.secrets...))
		ask = l.clients
	} else {
		p, err := h.launcher(draft.Plugin).launch(ctx)
		if err != nil {
			return failed("plugin", "Plugin", "It could not be started: {1}", "", mask(err.Error(), settings.secrets))
		}
		defer p.end(true)
		p.hide(settings.secrets)
		ask = p.clients()
	}
	start := time.Now()
	r, err := ask.channel.Validate(ctx, &channelv1.ValidateRequest{Account: settings.wire})
	if supervisor != nil {
		supervisor.stats.record(methodValidate, time.Since(start), err)
	}
	if err != nil {
		return failed("validate", "Checks", "The checks could not be run: {1}", "", mask(status.Convert(err).Message(), settings.secrets))
	}
	checks := checksOf(r.GetChecks())
	for i := range checks {
		c := &checks[i]
		c.Detail, c.Fix = mask(c.Detail, settings.secrets), mask(c.Fix, settings.secrets)
		for _, s := range slices.Concat(c.DetailSentences, c.FixSentences) {
			for j := range s.Values {
				s.Values[j] = mask(s.Values[j], settings.secrets)
			}
		}
	}
	return checks
}
