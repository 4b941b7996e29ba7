package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Settings are an account's settings, as they stand under [account.settings].
type Settings struct {
	Token           string `setting:"token" kind:"secret" required:"true" pattern:"[!-~]{16,512}" title:"Token" help:"Your program sends it with every request, as Authorization: Bearer. Make a long random one: openssl rand -hex 32." group:"Requests"`
	PreviousToken   string `setting:"previous_token" kind:"secret" pattern:"[!-~]{16,512}" title:"Previous token" help:"It is good as well, for as long as it stands here: set the former token while you replace it." group:"Requests"`
	WebhookURL      string `setting:"webhook_url" kind:"url" title:"Webhook address" help:"Where your program hears what agents say. Leave it empty to fetch it instead." group:"Webhooks"`
	WebhookSecret   string `setting:"webhook_secret" kind:"secret" pattern:"[!-~]{16,512}" title:"Webhook secret" help:"Signs every webhook. At least 16 characters; one that begins with whsec_ holds the key in base64, as Standard Webhooks has it." group:"Webhooks"`
	PreviousWebhook string `setting:"previous_webhook_secret" kind:"secret" pattern:"[!-~]{16,512}" title:"Previous webhook secret" help:"Signs every webhook as well, for as long as it stands here: set the former secret while you replace it." group:"Webhooks"`
}

// secrets returns the keys that webhooks are signed with, the present one first.
func (s Settings) secrets() ([][]byte, error) {
	var keys [][]byte
	for _, secret := range []string{s.WebhookSecret, s.PreviousWebhook} {
		if secret == "" {
			continue
		}
		encoded, standard := strings.CutPrefix(secret, "whsec_")
		if !standard {
			keys = append(keys, []byte(secret))
			continue
		}
		key, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(key) == 0 {
			return nil, errors.New("api: a webhook secret that begins with whsec_ goes on in base64")
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// webhook takes the address apart; nil where there is none.
func (s Settings) webhook() (*url.URL, error) {
	if s.WebhookURL == "" {
		return nil, nil
	}
	u, err := url.Parse(s.WebhookURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("api: webhook_url must be an address that begins with https:// (http:// within your own network)")
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("api: webhook_url holds no user name and no fragment; a secret belongs in webhook_secret")
	case s.WebhookSecret == "":
		return nil, errors.New("api: set webhook_secret too: your program has to know that a webhook comes from here")
	}
	return u, nil
}
