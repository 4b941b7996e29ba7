package config

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"slices"
)

//go:embed example.toml
var exampleText string

// defaultText stands in for a file that is not there; defaultChatText follows it where there is a plugin for web chats.
var (
	//go:embed default.toml
	defaultText []byte
	//go:embed default-chat.toml
	defaultChatText []byte
)

// chatPlugin is the plugin of the web chat that the defaults have.
const chatPlugin = "webchat"

// formerDefaults are the SHA-256 of what stood in for a file in earlier versions. A desk that ran with one of them gets
// today's; it is not one whose file is gone.
var formerDefaults = map[string]bool{
	"481b9ba019a7793eb954403b72b9a04629cac1339fd389a879f35c0cb5eb9baf": true,
}

func isFormerDefault(text []byte) bool {
	sum := sha256.Sum256(text)
	return formerDefaults[hex.EncodeToString(sum[:])]
}

// defaults returns what stands in for a file that is not there.
func defaults(env Environment) []byte {
	if schema, ok := env.plugin(chatPlugin); ok && schema.Live {
		return slices.Concat(defaultText, defaultChatText)
	}
	return defaultText
}

// Example returns a file with every setting, explained, valid as it stands. config.example.toml at the top of the
// source tree is the same text.
func Example() string { return exampleText }

// Default returns what holds without a file and without plugins: no accounts and one queue, "general", of which
// everybody is a member. With plugins there is a web chat too.
func Default() *Config {
	c, problems := Decode("built-in defaults", defaultText, Environment{})
	if problems != nil {
		panic("config: the built-in defaults are wrong: " + problems.Error())
	}
	return c
}
