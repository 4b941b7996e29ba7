package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a configuration file, said so that whoever wrote the file can mend it at once.
// It never contains the text of a secret.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`             // from 1; 0 when the problem has no place in the file
	Column  int    `json:"column"`           // from 1, in characters
	Path    string `json:"path"`             // account[shop-line].settings.channel_secret; the index where an object has no id
	Message string `json:"message"`          // what is wrong, a full sentence
	Remedy  string `json:"remedy,omitempty"` // what to write instead, a full sentence; may end in lines of TOML
	// Code names what is wrong, and Params what it is about, so that it can be told in other languages. Of problems that are
	// rare, and of those of the syntax, it is "". They never hold the text of a secret either.
	Code   string            `json:"code,omitempty"`
	Params map[string]string `json:"params,omitempty"`
}

// said is a problem that was just reported.
type said struct{ *Problem }

// as gives the problem its code, with names and values in turn of what it is about. What may have been meant, "near", is
// left out where nothing is.
func (s said) as(code string, params ...string) {
	s.Code = code
	for i := 0; i+1 < len(params); i += 2 {
		if params[i] == "near" && params[i+1] == "" {
			continue
		}
		if s.Params == nil {
			s.Params = map[string]string{}
		}
		s.Params[params[i]] = params[i+1]
	}
}

// String returns the problem on one line (more where the remedy contains TOML), in the form editors can jump to.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Remedy != "" {
		b.WriteString(" " + p.Remedy)
	}
	return b.String()
}

// Problems is everything wrong with one file, in the order of the file. It is an error when it is not empty: use
// [Problems.Err].
type Problems []Problem

// Error returns all problems, one below the other.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Err returns ps as an error, nil when there is no problem.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// sort brings the problems into the order of the file and drops repetitions.
func (ps Problems) sort() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
	return slices.CompactFunc(ps, func(a, b Problem) bool {
		return a.Line == b.Line && a.Column == b.Column && a.Path == b.Path && a.Message == b.Message && a.Remedy == b.Remedy
	})
}
