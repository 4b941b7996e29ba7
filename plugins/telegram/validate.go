package telegram

import (
	"context"
	"net/http"

	"github.com/guichet/guichet/plugins/sdk"
)

// bot is what getMe tells.
type bot struct {
	ID             int64  `json:"id"`
	FirstName      string `json:"first_name"`
	Username       string `json:"username"`
	JoinsGroups    bool   `json:"can_join_groups"`
	ReadsAllGroups bool   `json:"can_read_all_group_messages"`
}

// validate runs the live checks. It does not fetch updates: that would throw the running account out, or be thrown out by it.
func validate(ctx context.Context, account sdk.Account, settings Settings) []sdk.Check {
	api := newClient(settings)
	defer api.close()

	check := sdk.Check{Name: checkToken, Title: "Bot token", Field: "bot_token"}
	var me bot
	if err := api.call(ctx, "getMe", nil, &me); err != nil {
		check.Fix = "Copy the token again from @BotFather: /mybots, the bot, API Token."
		check = unreachable(check, err)
		if code := status(err); !foreign(err) && (code == http.StatusUnauthorized || code == http.StatusNotFound) {
			check.Detail = ""
			check.Found("Telegram does not know this token ({1}).", said(err))
		}
		return []sdk.Check{
			check,
			skipped(checkGroups, "Groups", "The token has to be right first."),
			publicOf(account, settings),
			skipped(checkWebhook, "Webhook", "The token has to be right first."),
		}
	}
	check.State = sdk.Passed
	check.Found("{1} (@{2}).", me.FirstName, me.Username)
	checks := []sdk.Check{check, groupsCheck(me)}

	info, err := api.webhookInfo(ctx)
	if err != nil {
		return append(checks, publicOf(account, settings), unreachable(sdk.Check{Name: checkWebhook, Title: "Webhook"}, err))
	}
	found := subscription(account, settings, info, account.Clock.Now())
	if settings.Mode == modePoll {
		checks = append(checks, publicOf(account, settings))
	}
	return append(checks, found.Checks...)
}

func skipped(name, title, why string) sdk.Check {
	return sdk.Check{Name: name, Title: title, State: sdk.Skipped, Detail: why}
}

func publicOf(account sdk.Account, settings Settings) sdk.Check {
	if settings.Mode == modePoll {
		return skipped(checkPublicURL, "Public address", "Polling needs none.")
	}
	return publicCheck(account)
}

// groupsCheck explains what the bot sees in groups. A bot in privacy mode, as all are at first, gets commands and answers to
// its own messages only.
func groupsCheck(me bot) sdk.Check {
	check := sdk.Check{Name: checkGroups, Title: "Groups", State: sdk.Passed}
	switch {
	case !me.JoinsGroups:
		check.Detail = "The bot cannot be added to groups, only written to."
	case me.ReadsAllGroups:
		check.Detail = "The bot sees all messages of the groups that it is in."
	default:
		check.Detail = "In groups the bot sees only commands and answers to its own messages (privacy mode). Private chats are complete."
		check.Fix = "To serve groups, switch privacy off with @BotFather: /setprivacy, Disable; then take the bot out of its groups and add it again."
	}
	return check
}
