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
	return slices.Compact(ps)
}
