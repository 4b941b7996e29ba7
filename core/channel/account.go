package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// account is one configured account for as long as it is configured. Its settings are replaced when they change.
type account struct {
	id         string
	host       *Host
	supervisor *supervisor
	settings   atomic.Pointer[accountSettings]
	slots      chan struct{} // webhook requests being handled
	keyURLs    atomic.Pointer[[]string]
	openError  atomic.Pointer[string] // nil while it is open in the running process
	spooled    spooled
	ledger     ledger      // of the spool
	removed    atomic.Bool // no longer configured

	lastInbound, lastOutbound atomic.Int64 // Unix milliseconds

	pulling      pulling
	subscription subscription
}

// accountSettings is how an account is configured; immutable.
type accountSettings struct {
	wire     *channelv1.Account
	plain    map[string]any // the settings as in wire
	verifier *verifier      // nil where the host cannot verify requests itself
	address  map[string]map[string]string
	secrets  []string
	refusal  string // why the account may not be opened; "" when it may
}

// configured makes the settings of an account. The revision is what tells a plugin that they changed.
func (h *Host) configured(setup *core.Setup, ac *core.Account, manifest *channelv1.Manifest) (*accountSettings, error) {
	plain := make(map[string]any, len(ac.Settings))
	for key, value := range ac.Settings {
		if d, ok := value.(time.Duration); ok {
			value = d.String() // durations are texts on the wire
		} else if s, ok := value.(fmt.Stringer); ok {
			value = s.String()
		}
		plain[key] = value
	}
	document, err := json.Marshal(plain)
	if err != nil {
		return nil, fmt.Errorf("the settings of account %s: %w", ac.ID, err)
	}
	s := &accountSettings{
		wire: &channelv1.Account{
			Id: ac.ID, SettingsJson: document, PublicUrl: h.options.PublicURL + "/channels/" + ac.ID, Test: ac.Test,
		},
		address: map[string]map[string]string{},
	}
	for _, id := range slices.Sorted(maps.Keys(setup.Channels)) {
		if ch := setup.Channels[id]; ch.Account == ac.ID {
			s.wire.Channels = append(s.wire.Channels, &channelv1.ChannelAddress{
				Channel: id, Address: ch.Address, AttachmentsFromCustomer: proto.Bool(ch.FromCustomer),
			})
			s.address[id] = ch.Address
		}
	}
	s.plain = plain
	return s.under(manifest), nil
}

// under returns the settings as they are read with a manifest: which of them are secrets, how requests are verified.
func (s *accountSettings) under(manifest *channelv1.Manifest) *accountSettings {
	out := *s
	out.secrets = nil
	for _, setting := range manifest.GetSettings() {
		if text, ok := s.plain[setting.GetKey()].(string); ok && setting.GetSecret() && text != "" {
			out.secrets = append(out.secrets, text)
		}
	}
	out.verifier = newVerifier(manifest.GetVerification(), s.plain)
	return &out
}

// configuredAll makes the settings of all accounts. One that cannot be made is missing, and a problem.
func (h *Host) configuredAll(setup *core.Setup) (all map[string]*accountSettings, problems []error) {
	all = make(map[string]*accountSettings, len(setup.Accounts))
	for id, configured := range setup.Accounts {
		manifest, _ := h.manifest(configured.Plugin)
		settings, err := h.configured(setup, configured, manifest)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		all[id] = settings
	}
	h.refuseTwins(setup, all)
	return all, problems
}

// refuseTwins marks the accounts whose credential serves one consumer and is another account's too. The first by id may
// have it.
func (h *Host) refuseTwins(setup *core.Setup, all map[string]*accountSettings) {
	holders := map[[3]string]string{} // plugin, setting, value → account
	for _, id := range slices.Sorted(maps.Keys(all)) {
		settings, plugin := all[id], setup.Accounts[id].Plugin
		manifest, _ := h.manifest(plugin)
		for _, setting := range manifest.GetSettings() {
			value := fmt.Sprint(settings.plain[setting.GetKey()])
			if !setting.GetExclusive() || settings.plain[setting.GetKey()] == nil || value == "" {
				continue
			}
			key := [3]string{plugin, setting.GetKey(), value}
			if holder, taken := holders[key]; taken {
				settings.refusal = fmt.Sprintf("it has the same %s as the account %s, and only one account can use it", setting.GetKey(), holder)
				continue
			}
			holders[key] = id
		}
	}
}

// same reports whether the plugin would see no difference.
func (s *accountSettings) same(other *accountSettings) bool {
	if other == nil || string(s.wire.GetSettingsJson()) != string(other.wire.GetSettingsJson()) ||
		s.wire.GetPublicUrl() != other.wire.GetPublicUrl() || s.wire.GetTest() != other.wire.GetTest() ||
		len(s.wire.GetChannels()) != len(other.wire.GetChannels()) || s.refusal != other.refusal {
		return false
	}
	for i, ch := range s.wire.GetChannels() { // both are in the order of their ids
		if !proto.Equal(ch, other.wire.GetChannels()[i]) {
			return false
		}
	}
	return true
}

// open opens the account in a process. A failure is kept for people to see and is not the process's fault.
func (a *account) open(ctx context.Context, l *live) {
	a.endPull()
	urls, err := a.openIn(ctx, l)
	if err != nil {
		text := err.Error()
		former := a.openError.Swap(&text)
		if former == nil || *former != text {
			a.host.log.Error("an account could not be opened", "account", a.id, "plugin", a.supervisor.name, "error", text)
			a.host.options.Alert(Alert{
				Plugin: a.supervisor.name, Account: a.id, Code: "account-not-open",
				Text: fmt.Sprintf("The account %s could not be opened: %s.", a.id, strings.TrimSuffix(text, ".")),
			})
		}
		return
	}
	a.opened(urls)
	a.wakeSpool()
	a.beginPull(l)
	a.watchSubscription(l)
}

// openIn asks a process to open the account. The error is a sentence for people, without secrets.
func (a *account) openIn(ctx context.Context, l *live) (keyURLs []string, err error) {
	settings := a.settings.Load()
	l.hide(a.host.secrets(a.supervisor.name))
	if settings.refusal != "" {
		a.leaveSubscription()
		_, _ = l.channel.Close(ctx, &channelv1.CloseRequest{Account: a.id}) // it may be open from before
		return nil, errors.New(mask(settings.refusal, settings.secrets))
	}
	r, err := l.channel.Open(ctx, &channelv1.OpenRequest{Account: settings.wire})
	if err != nil {
		return nil, errors.New(mask(status.Convert(err).Message(), settings.secrets))
	}
	return r.GetKeyUrls(), nil
}

// opened notes that the account is open.
func (a *account) opened(keyURLs []string) {
	a.openError.Store(nil)
	a.keyURLs.Store(&keyURLs)
	for _, url := range keyURLs {
		a.host.keys.prefetch(url, a.settings.Load().wire.GetTest())
	}
}

// closeIn closes the account in a process, best effort.
func (a *account) closeIn(ctx context.Context, l *live) {
	a.endPull()
	a.unregister(ctx, l)
	l.link.closeAccount(a.id, closeRestart, "this channel has been removed")
	if _, err := l.channel.Close(ctx, &channelv1.CloseRequest{Account: a.id}); err != nil {
		a.host.log.Warn("closing an account", "account", a.id, "error", err)
	}
}

func (a *account) namesKeys(url string) bool {
	urls := a.keyURLs.Load()
	return urls != nil && slices.Contains(*urls, url)
}

// mask takes secrets out of a text.
func mask(text string, secrets []string) string {
	for _, secret := range secrets {
		if len(secret) >= 6 {
			text = strings.ReplaceAll(text, secret, "•••")
		}
	}
	return text
}

// secrets returns the secrets of all accounts of a plugin.
func (h *Host) secrets(plugin string) []string {
	var all []string
	for _, a := range *h.accounts.Load() {
		if a.supervisor.name == plugin {
			all = append(all, a.settings.Load().secrets...)
		}
	}
	return all
}
