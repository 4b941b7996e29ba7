package line

import "strings"

// Settings are an account's settings, as they stand under [account.settings].
type Settings struct {
	ChannelID             string `setting:"channel_id" kind:"string" title:"Channel ID" help:"LINE Developers console, Basic settings tab. Needed when no access token is given, to have short-lived ones issued." group:"Messaging API channel"`
	ChannelSecret         string `setting:"channel_secret" kind:"secret" title:"Channel secret" help:"LINE Developers console, Basic settings tab. It signs every webhook." required:"true" group:"Messaging API channel"`
	PreviousChannelSecret string `setting:"previous_channel_secret" kind:"secret" title:"Previous channel secret" help:"Only while you reissue the channel secret: webhooks signed with either are accepted." group:"Messaging API channel"`
	ChannelAccessToken    string `setting:"channel_access_token" kind:"secret" title:"Channel access token" help:"Messaging API tab, long-lived. Leave it empty to use tokens of 15 minutes that are issued from the channel ID and secret." group:"Messaging API channel"`
	APIURL                string `setting:"api_url" kind:"url" title:"API base address" help:"Instead of https://api.line.me." test:"true" group:"Test"`
	DataURL               string `setting:"data_url" kind:"url" title:"Content base address" help:"Instead of https://api-data.line.me." test:"true" group:"Test"`
}

// apiBase and dataBase are where LINE answers: calls and binary content have hosts of their own.
func (s Settings) apiBase() string {
	return base(s.APIURL, "https://api.line.me")
}

func (s Settings) dataBase() string {
	// One override is enough for a platform that serves both.
	return base(s.DataURL, base(s.APIURL, "https://api-data.line.me"))
}

func base(override, standard string) string {
	if override == "" {
		return standard
	}
	return strings.TrimRight(override, "/")
}

// hide takes the account's secrets out of a text that is about to become an error.
func (s Settings) hide(text string) string {
	for _, secret := range []string{s.ChannelSecret, s.PreviousChannelSecret, s.ChannelAccessToken} {
		if len(secret) >= 4 {
			text = strings.ReplaceAll(text, secret, "[secret]")
		}
	}
	return text
}
