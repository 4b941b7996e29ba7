package telegram

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
)

// The ways to receive.
const (
	modePoll    = "poll"
	modeWebhook = "webhook"
)

// Settings are an account's settings, as they stand under [account.settings].
type Settings struct {
	BotToken    string `setting:"bot_token" kind:"secret" exclusive:"true" required:"true" pattern:"[A-Za-z0-9:_-]+" title:"Bot token" help:"Write to @BotFather in Telegram, /newbot or /mybots, then API Token. It looks like 123456789:AAE…. A bot can serve one account only." group:"Bot"`
	Mode        string `setting:"mode" options:"poll,webhook" default:"poll" title:"How messages arrive" help:"poll asks Telegram all the time and works behind any firewall. webhook has Telegram call this server, which needs a public https address." group:"Bot"`
	SecretToken string `setting:"secret_token" kind:"secret" pattern:"[A-Za-z0-9_-]{1,256}" show_if:"mode=webhook" title:"Secret token" help:"Telegram sends it with every call, to prove that it is Telegram. Leave it empty: then it is made from the bot token, and there is nothing to remember. It is told to Telegram by itself." group:"Bot"`
	APIURL      string `setting:"api_url" kind:"url" title:"API base address" help:"Instead of https://api.telegram.org." test:"true" group:"Test"`
}

func (s Settings) apiBase() string {
	if s.APIURL == "" {
		return "https://api.telegram.org"
	}
	return strings.TrimRight(s.APIURL, "/")
}

// bot is the bot's id, which is the part of the token before the colon. It stays when the token is issued anew.
func (s Settings) bot() string {
	if id, _, found := strings.Cut(s.BotToken, ":"); found && id != "" {
		return id
	}
	sum := sha256.Sum256([]byte(s.BotToken))
	return hex.EncodeToString(sum[:6])
}

// webhookSecret is what Telegram is to send with every call: the one that is set, or one that is made from the bot token,
// the same at every start and on every machine, and of no use to find the token.
func (s Settings) webhookSecret(account string) string {
	if s.SecretToken != "" {
		return s.SecretToken
	}
	mac := hmac.New(sha256.New, []byte(s.BotToken))
	mac.Write([]byte("guichet telegram webhook of account " + account))
	return hex.EncodeToString(mac.Sum(nil))
}

// hide takes the account's secrets out of a text that is about to become an error: the token is part of every address.
func (s Settings) hide(text string) string {
	for _, secret := range []string{s.BotToken, url.PathEscape(s.BotToken), url.QueryEscape(s.BotToken), s.SecretToken} {
		if len(secret) >= 4 {
			text = strings.ReplaceAll(text, secret, "[secret]")
		}
	}
	return text
}
