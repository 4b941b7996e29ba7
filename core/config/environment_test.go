package config

import (
	"errors"
	"io/fs"

	"github.com/guichet/guichet/core"
)

// lineSchema is like the LINE plugin's; wideSchema has a field of every kind.
var (
	lineSchema = core.PluginSchema{
		Plugin:  "line",
		Consent: true,
		Settings: []core.SettingField{
			{Key: "channel_id", Kind: core.SettingString, Title: "Channel ID", Required: true, Pattern: `[0-9]{10}`, Help: "Ten digits."},
			{Key: "channel_secret", Kind: core.SettingSecret, Title: "Channel secret", Required: true, Pattern: `[0-9a-zA-Z-]+`},
			{Key: "channel_access_token", Kind: core.SettingSecret, Required: true},
			{Key: "api_url", Kind: core.SettingURL, TestOnly: true},
			{Key: "data_url", Kind: core.SettingURL},
		},
	}
	wideSchema = core.PluginSchema{
		Plugin: "wide",
		Settings: []core.SettingField{
			{Key: "provider", Kind: core.SettingSelect, Options: []string{"azure", "meta"}, Default: "meta"},
			{Key: "resource_name", Kind: core.SettingString, Required: true, ShowIf: "provider=azure"},
			{Key: "attempts", Kind: core.SettingInt, Default: "3"},
			{Key: "verbose", Kind: core.SettingBool, Default: "true"},
			{Key: "pause", Kind: core.SettingDuration, Default: "90s"},
			{Key: "site", Kind: core.SettingURL},
			{Key: "owner", Kind: core.SettingEmail},
			{Key: "secrets", Kind: core.SettingList, Secret: true},
			{Key: "tags", Kind: core.SettingList, Default: "a, b"},
			{Key: "greeting", Kind: core.SettingText},
			{Key: "service_account", Kind: core.SettingFile, Secret: true},
			{Key: "token_issuer", Kind: core.SettingString},
		},
		Address: []core.SettingField{
			{Key: "brand", Kind: core.SettingString},
			{Key: "number", Kind: core.SettingString, Pattern: `\+?[0-9]+`},
		},
	}
	// needySchema asks for everything, and one of its defaults is wrong.
	needySchema = core.PluginSchema{
		Plugin: "needy",
		Settings: []core.SettingField{
			{Key: "name", Kind: core.SettingString, Required: true, Help: "As customers know it."},
			{Key: "token", Kind: core.SettingSecret, Required: true},
			{Key: "secrets", Kind: core.SettingList, Secret: true, Required: true},
			{Key: "tags", Kind: core.SettingList, Required: true},
			{Key: "attempts", Kind: core.SettingInt, Required: true},
			{Key: "verbose", Kind: core.SettingBool, Required: true},
			{Key: "pause", Kind: core.SettingDuration, Required: true},
			{Key: "key", Kind: core.SettingFile, Required: true},
			{Key: "mode", Kind: core.SettingSelect, Options: []string{"webhook", "poll"}, Required: true},
			{Key: "limit", Kind: core.SettingInt, Default: "many"},
		},
		Address: []core.SettingField{
			{Key: "region", Kind: core.SettingString, Default: "eu"},
			{Key: "number", Kind: core.SettingString, Required: true},
		},
	}
	numberSchema = core.PluginSchema{
		Plugin:  "number",
		Address: []core.SettingField{{Key: "number", Kind: core.SettingString, Required: true, Title: "Phone number"}},
	}
	chatSchema = core.PluginSchema{Plugin: "chat", Live: true}
)

// testEnvironment knows the plugins above and a few secrets.
func testEnvironment() Environment {
	schemas := map[string]core.PluginSchema{"line": lineSchema, "wide": wideSchema, "number": numberSchema, "needy": needySchema, "chat": chatSchema}
	return Environment{
		Env: func(name string) (string, bool) {
			v, ok := map[string]string{"LINE_SECRET": "from-env", "EMPTY": ""}[name]
			return v, ok
		},
		File: func(path string) (string, error) {
			if v, ok := map[string]string{"token": "from-file\n", "key.json": "{}\n", "empty": ""}[path]; ok {
				return v, nil
			}
			return "", &fs.PathError{Op: "open", Path: path, Err: errors.New("no such file or directory")}
		},
		Stored:  func(id string) (string, bool) { return "from-store", id == "s1" },
		Plugin:  func(name string) (core.PluginSchema, bool) { s, ok := schemas[name]; return s, ok },
		Plugins: func() []string { return []string{"wide", "line", "number"} },
	}
}

// lineAccount is an account, channel and workstream without a problem.
const lineAccount = `
[[account]]
id = "shop-line"
plugin = "line"
consent = true
[account.settings]
channel_id = "1234567890"
channel_secret = "s3cret-value"
channel_access_token = { env = "LINE_SECRET" }

[[channel]]
id = "line"
account = "shop-line"
workstream = "messages"

[[workstream]]
id = "messages"
`
