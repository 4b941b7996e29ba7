package auth

import (
	"strings"
	"unicode/utf8"

	"github.com/guichet/guichet/core"
)

// The length of a password: in characters at least, in bytes at most (hashing costs time).
const (
	passwordMin = 10
	passwordMax = 1024
)

// common are passwords of ten or more characters that every attacker tries first.
var common = map[string]bool{
	"1234567890": true, "0123456789": true, "0987654321": true, "12345678910": true, "123456789012": true,
	"qwertyuiop": true, "qwertzuiop": true, "azertyuiop": true, "1q2w3e4r5t": true, "1qaz2wsx3edc": true,
	"password12": true, "password123": true, "password1234": true, "passw0rd123": true, "passwordpassword": true,
	"administrator": true, "adminadmin": true, "admin12345": true, "changeme123": true, "changemenow": true,
	"letmein123": true, "welcome123": true, "iloveyou123": true, "motdepasse": true, "motdepasse1": true,
	"motdepasse123": true, "guichetguichet": true, "guichet123": true, "abcdefghij": true, "abcd123456": true,
	"qwerty1234": true, "qwerty12345": true, "azerty1234": true, "azerty12345": true,
}

// CheckPassword says whether a password is good enough for a person with this e-mail address and name.
func CheckPassword(password, email, name string) error {
	weak := func(sentence string) error { return core.FieldErrorf("password", "%s", sentence) }
	switch {
	case !utf8.ValidString(password):
		return weak("The password is not valid text.")
	case utf8.RuneCountInString(password) < passwordMin:
		return weak("The password is too short: take ten characters or more. A few words are easiest to remember.")
	case len(password) > passwordMax:
		return weak("The password is too long: take at most a thousand characters.")
	}
	low := strings.ToLower(strings.TrimSpace(password))
	email = core.NormalizeEmail(email)
	local, _, _ := strings.Cut(email, "@")
	name = strings.ToLower(strings.TrimSpace(name))
	switch {
	case low == email, low == local, name != "" && low == name, strings.ReplaceAll(name, " ", "") == low:
		return weak("The password must not be your own name or e-mail address.")
	case common[low]:
		return weak("This password is among the first that attackers try. Take another.")
	case strings.Count(low, firstRune(low)) == utf8.RuneCountInString(low):
		return weak("The password is one character repeated. Take another.")
	}
	return nil
}

func firstRune(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}
