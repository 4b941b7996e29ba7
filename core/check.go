package core

import (
	"strconv"
	"strings"
)

// CheckState is the result of a check.
type CheckState string

// The results of checks.
const (
	CheckPassed  CheckState = "passed"
	CheckFailed  CheckState = "failed"
	CheckWarning CheckState = "warning"
	CheckSkipped CheckState = "skipped" // not run; the detail says why
)

// Check is one named check of an account's settings against the provider.
type Check struct {
	Name   string     `json:"name"` // stable, kebab-case: "token", "webhook-url"
	Title  string     `json:"title"`
	State  CheckState `json:"state"`
	Detail string     `json:"detail,omitempty"` // what was found
	Fix    string     `json:"fix,omitempty"`    // what to do
	Field  string     `json:"field,omitempty"`  // key of the setting that it concerns
	// What Detail and Fix consist of where they hold values, for translations; see [Wording]. They may be empty.
	DetailSentences []Sentence `json:"-"`
	FixSentences    []Sentence `json:"-"`
}

// Sentence is a text with {1}, {2} … in the place of values.
type Sentence struct {
	Text   string // in English
	Values []string
}

// Fill puts the values into the text, or into a translation of it.
func (s Sentence) Fill(text string) string {
	pairs := make([]string, 0, 2*len(s.Values))
	for i, v := range s.Values {
		pairs = append(pairs, "{"+strconv.Itoa(i+1)+"}", v)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
