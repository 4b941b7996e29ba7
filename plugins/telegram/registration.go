package telegram

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

const (
	// connections is how many calls Telegram may make at once; 40 is its own choice where none is given.
	connections = 40
	// recently is how long ago a failed call still says something about now.
	recently = time.Hour
)

// The names of the checks are stable: texts and scripts refer to them.
const (
	checkToken     = "token"
	checkGroups    = "groups"
	checkPublicURL = "public-url"
	checkWebhook   = "webhook"
	checkDelivery  = "delivery"
)

// webhookInfo is how Telegram has the bot's webhook.
type webhookInfo struct {
	URL            string   `json:"url"` // empty for none
	Pending        int      `json:"pending_update_count"`
	LastErrorDate  int64    `json:"last_error_date"` // s
	LastError      string   `json:"last_error_message"`
	MaxConnections int      `json:"max_connections"`
	Allowed        []string `json:"allowed_updates"`
}

func (c *client) webhookInfo(ctx context.Context) (webhookInfo, error) {
	var info webhookInfo
	err := c.call(ctx, "getWebhookInfo", nil, &info)
	return info, err
}

// deleteWebhook ends the webhook and keeps what is waiting.
func (c *client) deleteWebhook(ctx context.Context) error {
	return c.call(ctx, "deleteWebhook", struct {
		Drop bool `json:"drop_pending_updates"`
	}{false}, nil)
}

// ours says whether a webhook is this account's.
func (c *channel) ours(address string) bool { return address == c.callback() }

// Register has Telegram call this account, or, where the account polls, no longer call it. What waits is kept.
func (c *channel) Register(ctx context.Context) error {
	if c.settings.Mode == modePoll {
		return c.Unregister(ctx)
	}
	if check := publicCheck(c.account); check.State == sdk.Failed {
		return &sdk.Rejected{Cause: sdk.RejectedContent, Reason: check.Detail}
	}
	err := c.api.call(ctx, "setWebhook", struct {
		URL         string   `json:"url"`
		Secret      string   `json:"secret_token"`
		Connections int      `json:"max_connections"`
		Allowed     []string `json:"allowed_updates"` // left out, the former list would stay
	}{c.callback(), c.settings.webhookSecret(c.account.ID), connections, handled}, nil)
	if err != nil {
		return fmt.Errorf("set the webhook: %w", pullOutcome(err))
	}
	return nil
}

// Unregister takes the account's webhook away, and leaves somebody else's alone.
func (c *channel) Unregister(ctx context.Context) error {
	info, err := c.api.webhookInfo(ctx)
	if err != nil {
		return fmt.Errorf("look at the webhook: %w", pullOutcome(err))
	}
	if info.URL == "" || !c.ours(info.URL) {
		return nil
	}
	if err := c.api.deleteWebhook(ctx); err != nil {
		return fmt.Errorf("take the webhook away: %w", pullOutcome(err))
	}
	return nil
}

// CheckSubscription compares what Telegram has with what this account needs.
func (c *channel) CheckSubscription(ctx context.Context) (sdk.Subscription, error) {
	info, err := c.api.webhookInfo(ctx)
	if err != nil {
		return sdk.Subscription{}, fmt.Errorf("look at the webhook: %w", pullOutcome(err))
	}
	return subscription(c.account, c.settings, info, c.now()), nil
}

// subscription judges what getWebhookInfo tells.
func subscription(account sdk.Account, settings Settings, info webhookInfo, now time.Time) sdk.Subscription {
	if settings.Mode == modePoll {
		return pollSubscription(account, info)
	}
	own := callbackOf(account)
	check := sdk.Check{Name: checkWebhook, Title: "Webhook"}
	public := publicCheck(account)
	var out sdk.Subscription
	switch {
	case info.URL == "":
		check.State, check.Detail = sdk.Failed, "No webhook is set at Telegram, so it delivers nothing."
		check.Fix, out.Register = "It is set by itself within minutes.", true
	case info.URL != own:
		check.State = sdk.Failed
		check.Found("Telegram delivers this bot's messages to {1} instead of {2}.", hostOf(info.URL), own)
		check.Advise("It is set to this server by itself.")
		check.Advise("If it changes back, another program uses the same bot: stop it.")
		out.Register = true
	case !sameList(info.Allowed, handled):
		check.State, check.Detail = sdk.Failed, "Telegram delivers other kinds of updates than are needed."
		check.Fix, out.Register = "It is put right by itself within minutes.", true
	case info.MaxConnections != 0 && info.MaxConnections != connections:
		check.State = sdk.Warning
		check.Found("Telegram makes at most {1} calls at once.", info.MaxConnections)
		check.Fix, out.Register = "It is put right by itself within minutes.", true
	default:
		check.State = sdk.Passed
		check.Found("Telegram calls {1}.", own)
	}
	delivery := deliveryCheck(info, now)
	if info.LastErrorDate > 0 {
		out.LastFailureAt, out.LastFailure = time.Unix(info.LastErrorDate, 0).UTC(), info.LastError
	}
	if delivery.State != sdk.Passed && strings.Contains(info.LastError, "401") {
		out.Register = true // it calls with another secret than ours
	}
	if public.State == sdk.Failed {
		out.Register = false // Telegram would not take the address
	}
	out.Checks = []sdk.Check{public, check, delivery}
	return out
}

// pollSubscription: an account that polls needs that no webhook is set.
func pollSubscription(account sdk.Account, info webhookInfo) sdk.Subscription {
	check := sdk.Check{Name: checkWebhook, Title: "Webhook", State: sdk.Passed, Detail: "No webhook is set, as polling needs it."}
	out := sdk.Subscription{}
	switch {
	case info.URL == "":
	case info.URL == callbackOf(account):
		check.State, check.Detail = sdk.Warning, "The webhook of this account is still set."
		check.Fix, out.Register = "It is taken away by itself.", true
	default:
		check.State, check.Field = sdk.Failed, "mode"
		check.Detail = ""
		check.Found("Telegram delivers this bot's messages to {1}, so that they cannot be fetched.", hostOf(info.URL))
		check.Fix = "Remove the webhook there, or set mode = \"webhook\" to have them delivered here."
	}
	out.Checks = []sdk.Check{check}
	return out
}

// deliveryCheck tells how the last calls went, and what waits.
func deliveryCheck(info webhookInfo, now time.Time) sdk.Check {
	check := sdk.Check{Name: checkDelivery, Title: "Deliveries", State: sdk.Passed}
	if info.LastErrorDate > 0 && now.Sub(time.Unix(info.LastErrorDate, 0)) < recently {
		check.State = sdk.Warning
		check.Found("Telegram's last failed delivery was at {1}: {2}.", time.Unix(info.LastErrorDate, 0).UTC().Format("15:04 MST"), info.LastError)
		check.Advise("Telegram repeats what failed for 24 hours.")
		check.Advise("If it goes on, see that this server is reachable from the internet with a certificate of a public authority.")
	} else {
		check.Found("No failed delivery in the last hour.")
	}
	if info.Pending > 0 {
		check.Found("{1} updates wait to be delivered.", info.Pending)
	}
	return check
}

// ports are those that Telegram calls.
var ports = []string{"", "443", "80", "88", "8443"}

// publicCheck says whether Telegram would call the account's address at all.
func publicCheck(account sdk.Account) sdk.Check {
	check := sdk.Check{Name: checkPublicURL, Title: "Public address", State: sdk.Passed, Detail: callbackOf(account)}
	if problem, about := publicProblem(account); problem != "" {
		check.State, check.Detail, check.Field = sdk.Failed, "", "mode"
		check.Found(problem, about)
		check.Fix = "Set public_url of [server] to this server's https address, or set mode = \"poll\", which needs none."
	}
	return check
}

// publicProblem is why Telegram would not call the account's address: a sentence, and the value in it. A test account has a
// platform that calls any.
func publicProblem(account sdk.Account) (problem, about string) {
	if account.Test {
		return "", ""
	}
	u, err := url.Parse(callbackOf(account))
	switch {
	case err != nil || u.Hostname() == "":
		return "The public_url is not an address.", ""
	case u.Scheme != "https":
		return "Telegram calls https addresses only, and public_url is not one.", ""
	case !slices.Contains(ports, u.Port()):
		return "Telegram calls the ports 443, 80, 88 and 8443 only, and public_url names {1}.", u.Port()
	case private(u.Hostname()):
		return "Telegram cannot reach {1}, which is an address of this network only.", u.Hostname()
	}
	return "", ""
}

func private(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".local") || !strings.Contains(host, ".")
}

// sameList compares without regard to order.
func sameList(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// unreachable says how a check ends whose call failed: only Telegram's own refusal fails it.
func unreachable(check sdk.Check, err error) sdk.Check {
	var refused *apiError
	switch {
	case errors.As(err, &refused) && refused.foreign:
		check.Found("{1} was answered, but not in Telegram's form.", refused.status)
	case errors.As(err, &refused):
		check.Found("Telegram answered {1}", refused.said())
	default:
		check.Found("Telegram did not answer: {1}", err.Error())
	}
	switch code := status(err); {
	case code == http.StatusTooManyRequests:
		check.State, check.Fix = sdk.Skipped, "Telegram limits how often this may be asked; try again later."
	case code >= 400 && code < 500 && !foreign(err):
		check.State = sdk.Failed
	default:
		check.State, check.Fix = sdk.Warning, "Telegram could not be asked; see that this server reaches the internet and try again."
	}
	return check
}
