package config

import (
	_ "embed"
)

//go:embed example.toml
var exampleText string

//go:embed default.toml
var defaultText []byte

// Example returns a file with every setting, explained, valid as it stands. config.example.toml at the top of the
// source tree is the same text.
func Example() string { return exampleText }

// Default returns what holds without a file: no accounts and one queue, "general", of which everybody is a member.
func Default() *Config {
	c, problems := Decode("built-in defaults", defaultText, Environment{})
	if problems != nil {
		panic("config: the built-in defaults are wrong: " + problems.Error())
	}
	return c
}
