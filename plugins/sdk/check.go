package sdk

import (
	"fmt"
	"slices"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// CheckState is the result of a check.
type CheckState int

// The results.
const (
	Passed CheckState = iota + 1
	Failed
	Warning
	Skipped
)

// Check is one named check of an account's settings. Its texts are English; a text that holds values is put together with
// Found and Advise, so that it can be translated.
type Check struct {
	Name   string // stable, kebab-case
	Title  string
	State  CheckState
	Detail string // what was found
	Fix    string // what to do
	Field  string // key of the setting it concerns

	found, advice []*channelv1.Sentence
}

// Found adds a sentence to Detail, with the values in the place of {1}, {2} and so on. Translations have it as it is
// written here, with the placeholders.
func (c *Check) Found(text string, values ...any) { add(&c.Detail, &c.found, text, values) }

// Advise adds a sentence to Fix, as Found does to Detail.
func (c *Check) Advise(text string, values ...any) { add(&c.Fix, &c.advice, text, values) }

func add(to *string, sentences *[]*channelv1.Sentence, text string, values []any) {
	switch {
	case *to == "":
		*sentences = nil
	case *to != channelv1.SaidBy(*sentences): // it was set otherwise
		*sentences = []*channelv1.Sentence{{Text: *to}}
	}
	s := &channelv1.Sentence{Text: text}
	for _, v := range values {
		s.Values = append(s.Values, fmt.Sprint(v))
	}
	*sentences = append(slices.Clip(*sentences), s)
	*to = channelv1.SaidBy(*sentences)
}
