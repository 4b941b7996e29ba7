package line

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// The names of the checks are stable: texts and scripts refer to them.
const (
	checkToken       = "token"
	checkSecret      = "channel-secret"
	checkBotInfo     = "bot-info"
	checkWebhookURL  = "webhook-url"
	checkWebhookTest = "webhook-test"
	checkRedelivery  = "redelivery"
	checkQuota       = "quota"
)

// validation is one run of the checks.
type validation struct {
	account  sdk.Account
	settings Settings
	api      *client
	seen     *sightings
	now      func() time.Time
	checks   []sdk.Check
}

// validate runs the live checks in the order in which they depend on one another.
func validate(ctx context.Context, account sdk.Account, settings Settings, seen *sightings, now func() time.Time) []sdk.Check {
	v := &validation{account: account, settings: settings, api: newClient(settings, now), seen: seen, now: now}
	defer v.api.close()
	good := v.token(ctx)
	v.secret(ctx)
	if good {
		v.botInfo(ctx)
		if v.webhookURL(ctx) {
			v.webhookTest(ctx)
		} else {
			v.skip(checkWebhookTest, "LINE can reach the webhook", "The webhook URL has to be right first.")
		}
	} else {
		const why = "The access token has to be right first."
		v.skip(checkBotInfo, "Official account", why)
		v.skip(checkWebhookURL, "Webhook URL", why)
		v.skip(checkWebhookTest, "LINE can reach the webhook", why)
	}
	v.redelivery(ctx)
	if good {
		v.quota(ctx)
	} else {
		v.skip(checkQuota, "Monthly quota", "The access token has to be right first.")
	}
	return v.checks
}

func (v *validation) add(check sdk.Check) { v.checks = append(v.checks, check) }

func (v *validation) skip(name, title, why string) {
	v.add(sdk.Check{Name: name, Title: title, State: sdk.Skipped, Detail: why})
}

// unreachable completes a check whose call failed. Only LINE's own refusal fails it; a lost call says nothing.
func (v *validation) unreachable(check sdk.Check, err error) {
	var refused *apiError
	var noToken *tokenError
	switch {
	case errors.As(err, &noToken) && errors.As(err, &refused):
		check.Found("No access token was issued: LINE answered {1}", v.settings.hide(refused.said()))
	case errors.As(err, &refused):
		check.Found("LINE answered {1}", v.settings.hide(refused.said()))
	default:
		check.Found("LINE did not answer: {1}", v.settings.hide(err.Error()))
	}
	switch {
	case errors.As(err, &refused) && refused.status == http.StatusTooManyRequests:
		check.State = sdk.Skipped
		check.Fix = "LINE limits how often this may be asked; try again later."
	case errors.As(err, &refused) && refused.status < 500:
		check.State = sdk.Failed
		if check.Fix == "" {
			check.Fix = "Check in the LINE Developers console that this is a Messaging API channel and that its plan allows this call."
		}
	default:
		check.State = sdk.Warning
		check.Fix = "LINE could not be asked; check this server's way to the internet and try again."
	}
	v.add(check)
}

// token checks the access token and that it belongs to the channel. Long- and short-lived tokens are verified at one
// address, those of version 2.1 at another; a stateless one proves itself by being issued.
func (v *validation) token(ctx context.Context) bool {
	check := sdk.Check{Name: checkToken, Title: "Access token", Field: "channel_access_token"}
	if v.settings.ChannelAccessToken == "" {
		check.Field = "channel_id"
		if v.settings.ChannelID == "" {
			check.State, check.Detail = sdk.Failed, "Neither an access token nor a channel ID is set."
			check.Fix = "Set channel_access_token, or channel_id to have tokens issued."
			v.add(check)
			return false
		}
		if _, err := v.api.tokens.get(ctx); err != nil {
			check.Fix = "Compare the channel ID and the channel secret with the Basic settings tab of the LINE Developers console."
			v.refusedToken(check, err)
			return false
		}
		check.State, check.Detail = sdk.Passed, "LINE issues tokens for this channel."
		v.add(check)
		return true
	}
	var found struct {
		ClientID  string `json:"client_id"`
		ExpiresIn int64  `json:"expires_in"` // s
	}
	token := v.settings.ChannelAccessToken
	err := v.api.decode(ctx, request{method: http.MethodPost, url: v.api.api + "/v2/oauth/verify", open: true,
		form: url.Values{"access_token": {token}}}, &found)
	if status(err) == http.StatusBadRequest {
		err = v.api.decode(ctx, request{method: http.MethodGet, open: true,
			url: v.api.api + "/oauth2/v2.1/verify?access_token=" + url.QueryEscape(token)}, &found)
	}
	if err != nil {
		check.Fix = "Issue a new channel access token in the Messaging API tab of the LINE Developers console and paste it."
		v.refusedToken(check, err)
		return false
	}
	if v.settings.ChannelID != "" && found.ClientID != v.settings.ChannelID {
		check.State = sdk.Failed
		check.Found("The token belongs to channel {1}, not to {2}.", found.ClientID, v.settings.ChannelID)
		check.Fix = "Use the ID, the secret and the token of one and the same channel."
		v.add(check)
		return false
	}
	check.State = sdk.Passed
	// A long-lived token is announced with a life of many years.
	if left := time.Duration(min(found.ExpiresIn, 1<<31)) * time.Second; found.ExpiresIn > 0 && left < 7*24*time.Hour {
		check.State = sdk.Warning
		check.Found("The token ends in {1} hours.", int(left.Hours()))
		check.Fix = "Use a long-lived token, or leave the token empty to have short-lived ones issued."
	} else {
		check.Found("The token is valid for channel {1}.", found.ClientID)
	}
	v.add(check)
	return true
}

// refusedToken completes the token check: LINE words a wrong token or secret as 400.
func (v *validation) refusedToken(check sdk.Check, err error) {
	fix := check.Fix
	v.unreachable(check, err)
	if last := &v.checks[len(v.checks)-1]; last.State == sdk.Failed {
		last.Fix = fix
	}
}

// secret checks the channel secret, without which every webhook would be refused. LINE has no call for it, but issues a
// stateless token only for the right one.
func (v *validation) secret(ctx context.Context) {
	check := sdk.Check{Name: checkSecret, Title: "Channel secret", Field: "channel_secret"}
	if v.settings.ChannelID == "" {
		v.skip(checkSecret, check.Title, "Set channel_id to have the secret checked.")
		return
	}
	if v.settings.ChannelAccessToken == "" {
		if v.checks[len(v.checks)-1].State != sdk.Passed {
			v.skip(checkSecret, check.Title, "It is checked together with the access token.")
			return
		}
	} else if _, _, err := v.api.issueToken(ctx); err != nil {
		check.Fix = "Copy the channel secret again from the Basic settings tab of the LINE Developers console."
		v.refusedToken(check, err)
		return
	}
	check.State, check.Detail = sdk.Passed, "The secret belongs to the channel."
	v.add(check)
}

func (v *validation) botInfo(ctx context.Context) {
	check := sdk.Check{Name: checkBotInfo, Title: "Official account", Field: "channel_access_token"}
	var bot struct {
		UserID         string `json:"userId"`
		BasicID        string `json:"basicId"`
		DisplayName    string `json:"displayName"`
		ChatMode       string `json:"chatMode"`
		MarkAsReadMode string `json:"markAsReadMode"`
	}
	err := v.api.decode(ctx, request{method: http.MethodGet, url: v.api.api + "/v2/bot/info"}, &bot)
	if err != nil {
		v.unreachable(check, err)
		return
	}
	check.State = sdk.Passed
	check.Found("{1} ({2}), bot user {3}.", bot.DisplayName, bot.BasicID, bot.UserID)
	if bot.ChatMode == "chat" && bot.MarkAsReadMode == "auto" {
		check.Found("Messages are marked as read by LINE itself; set the read mode to manual to have agents do it.")
	}
	v.add(check)
}

// webhookURL compares what is set at LINE with our own address, and says whether its use is switched on.
func (v *validation) webhookURL(ctx context.Context) bool {
	check := sdk.Check{Name: checkWebhookURL, Title: "Webhook URL"}
	own := v.callback()
	var set struct {
		Endpoint string `json:"endpoint"`
		Active   bool   `json:"active"`
	}
	err := v.api.decode(ctx, request{method: http.MethodGet, url: v.api.api + "/v2/bot/channel/webhook/endpoint"}, &set)
	paste := func() {
		check.Advise("Set the webhook URL in the Messaging API tab of the LINE Developers console to {1}.", own)
	}
	switch {
	case status(err) == http.StatusNotFound:
		check.State, check.Detail = sdk.Failed, "No webhook URL is set at LINE."
		paste()
	case err != nil:
		v.unreachable(check, err)
		return false
	case set.Endpoint != own:
		check.State = sdk.Failed
		check.Found("LINE calls {1} instead of {2}.", set.Endpoint, own)
		paste()
	case !set.Active:
		check.State, check.Detail = sdk.Failed, "The webhook URL is right, but its use is switched off."
		check.Fix = "Switch on \"Use webhook\" in the Messaging API tab of the LINE Developers console."
	case !v.account.Test && !strings.HasPrefix(own, "https://"):
		check.State, check.Detail = sdk.Failed, "LINE calls https addresses only."
		check.Fix = "Set public_url to the https address of this server."
	default:
		check.State = sdk.Passed
		check.Found("LINE calls {1}.", own)
	}
	v.add(check)
	return check.State == sdk.Passed
}

func (v *validation) callback() string {
	return strings.TrimRight(v.account.PublicURL, "/") + "/" + callbackPath
}

// webhookTest has LINE send an empty request to us. LINE allows 60 of these an hour.
func (v *validation) webhookTest(ctx context.Context) {
	check := sdk.Check{Name: checkWebhookTest, Title: "LINE can reach the webhook"}
	body := struct {
		Endpoint string `json:"endpoint"`
	}{v.callback()}
	var result struct {
		Success    bool   `json:"success"`
		StatusCode int    `json:"statusCode"` // 0 or less when there was no response
		Reason     string `json:"reason"`
		Detail     string `json:"detail"`
	}
	err := v.api.decode(ctx, request{method: http.MethodPost, url: v.api.api + "/v2/bot/channel/webhook/test", body: body}, &result)
	switch {
	case err != nil:
		v.unreachable(check, err)
		return
	case result.Success:
		check.State, check.Detail = sdk.Passed, "LINE called the webhook and was answered."
	case result.StatusCode == http.StatusUnauthorized:
		check.State, check.Field = sdk.Failed, "channel_secret"
		check.Detail = "LINE called the webhook, but its signature did not match."
		check.Fix = "Copy the channel secret again from the Basic settings tab of the LINE Developers console."
	default:
		check.State = sdk.Failed
		check.Found("LINE called the webhook without success: {1} ({2}, {3}).", result.Reason, result.StatusCode, result.Detail)
		check.Advise("Make sure that {1} is reachable from the internet with a certificate of a public authority.", v.callback())
	}
	v.add(check)
}

// redeliverySeen is the key of the state that keeps when a redelivered event was last received.
const redeliverySeen = "redelivery-seen"

// redelivery tells what can be known about the switch: LINE has no call for it, and does not mention it in the answers
// about the endpoint. It is on when a redelivered event has been received.
func (v *validation) redelivery(ctx context.Context) {
	check := sdk.Check{Name: checkRedelivery, Title: "Webhook redelivery switched on"}
	last := v.seen.get(v.account.ID)
	if host := v.account.Host; host != nil {
		if !last.IsZero() {
			// Kept for the next start; the result does not depend on it.
			if _, err := host.SetState(ctx, redeliverySeen, []byte(last.UTC().Format(time.RFC3339))); err != nil && v.account.Log != nil {
				v.account.Log.Warn("the last redelivery could not be remembered", "error", err)
			}
		} else if kept, _, err := host.GetState(ctx, redeliverySeen); err == nil {
			if at, err := time.Parse(time.RFC3339, string(kept)); err == nil {
				last = at
			}
		}
	}
	if !last.IsZero() {
		check.State = sdk.Passed
		check.Found("LINE last redelivered an event on {1}.", last.UTC().Format("2006-01-02, 15:04 MST"))
	} else {
		check.State = sdk.Warning
		check.Found("LINE has no way to ask whether redelivery is on, and none has been received yet.")
		check.Found("It is off by default: messages that arrive while this server is unreachable would be lost.")
		check.Advise("Switch on \"Webhook redelivery\" in the Messaging API tab of the LINE Developers console.")
		check.Advise("If it is on already, there is nothing to do.")
	}
	v.add(check)
}

// quota shows how much of the month's messages is left. Replies do not count.
func (v *validation) quota(ctx context.Context) {
	check := sdk.Check{Name: checkQuota, Title: "Monthly quota"}
	var limit struct {
		Type  string `json:"type"` // "none" or "limited"
		Value int64  `json:"value"`
	}
	var used struct {
		TotalUsage int64 `json:"totalUsage"`
	}
	err := v.api.decode(ctx, request{method: http.MethodGet, url: v.api.api + "/v2/bot/message/quota"}, &limit)
	if err == nil {
		err = v.api.decode(ctx, request{method: http.MethodGet, url: v.api.api + "/v2/bot/message/quota/consumption"}, &used)
	}
	switch {
	case err != nil:
		v.unreachable(check, err)
		return
	case limit.Type != "limited":
		check.State = sdk.Passed
		check.Found("No limit; {1} messages sent this month.", used.TotalUsage)
	default:
		check.State = sdk.Passed
		check.Found("{1} of {2} messages sent this month.", used.TotalUsage, limit.Value)
		if used.TotalUsage*10 >= limit.Value*9 {
			check.State = sdk.Warning
			check.Fix = "Choose a larger plan in LINE Official Account Manager; answers within a minute still go out free of charge."
		}
	}
	v.add(check)
}
