package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

// maxSyntaxProblems is how many syntax problems are looked for: beyond a few, the first ones explain the rest.
const maxSyntaxProblems = 10

// syntaxProblems reports err, met in the document, and goes on behind the offending line to find more, as long as that
// line is broken by itself, so that it does not report what only follows from the first.
func (d *document) syntaxProblems(err error) {
	parsed := d.src
	for err != nil && len(d.problems) < maxSyntaxProblems {
		offset := errorOffset(parsed, err)
		if begin, what, found := unclosed(parsed, offset); found {
			last, _ := d.position(offset)
			d.report(begin, "", fmt.Sprintf("The %s that begins here is not closed by line %d.", what, last), "Close it.")
			return
		}
		d.syntaxProblem(offset, err.Error())
		parsed = bytes.Clone(parsed)
		start := bytes.LastIndexByte(parsed[:offset], '\n') + 1
		end := len(parsed)
		if i := bytes.IndexByte(parsed[offset:], '\n'); i >= 0 {
			end = offset + i
		}
		line := parsed[start:end]
		if !brokenByItself(line) {
			return
		}
		for i := range line {
			line[i] = ' '
		}
		var p unstable.Parser
		p.Reset(parsed)
		for p.NextExpression() {
		}
		err = p.Error()
	}
}

// errorOffset returns where in the parsed bytes err was met.
func errorOffset(parsed []byte, err error) int {
	var pe *unstable.ParserError
	if errors.As(err, &pe) {
		// A highlight is a part of the parsed bytes, so its capacity tells where it begins.
		return min(max(cap(parsed)-cap(pe.Highlight), 0), len(parsed))
	}
	return len(parsed)
}

var (
	// statement is a line that is not the inside of a list.
	statement = regexp.MustCompile(`^\s*(\[|[A-Za-z0-9_-]+\s*=)`)
	// opening is the end of a line on which a list or an inline table begins.
	opening = regexp.MustCompile(`=[ \t]*[\[{]`)
)

// maxUnclosedLines is how far back the beginning of an unclosed list is looked for.
const maxUnclosedLines = 200

// unclosed finds the list or inline table that swallowed the statement, or the end of the file, where an error was met:
// the parser complains about the first thing that cannot stand in a list, often far from the missing bracket.
func unclosed(src []byte, offset int) (begin int, what string, found bool) {
	end := bytes.LastIndexByte(src[:offset], '\n') + 1
	switch {
	case len(bytes.TrimSpace(src[offset:])) <= 1:
		end = len(src)
	case !statement.Match(src[end:]):
		return 0, "", false
	}
	for start, lines := end, 0; start > 0 && lines < maxUnclosedLines; lines++ {
		start = bytes.LastIndexByte(src[:start-1], '\n') + 1
		line, _, _ := bytes.Cut(src[start:end], []byte("\n"))
		at := opening.FindIndex(line)
		if at == nil {
			continue
		}
		var p unstable.Parser
		p.Reset(bytes.Clone(src[start:end]))
		for p.NextExpression() {
		}
		switch err := p.Error(); {
		case err == nil:
		case strings.Contains(err.Error(), "array is incomplete"):
			return start + at[1] - 1, "list", true
		case strings.Contains(err.Error(), "inline table is incomplete"):
			return start + at[1] - 1, "inline table", true
		}
	}
	return 0, "", false
}

// syntaxProblem reports one error of the parser.
func (d *document) syntaxProblem(offset int, message string) {
	remedy := ""
	switch {
	case strings.Contains(message, "strings must be quoted"), strings.Contains(message, "at start of value"),
		strings.Contains(message, "expected keyword"):
		remedy = `Put texts and durations in double quotes: key = "value".`
	case strings.Contains(message, "cannot have new lines"):
		remedy = "Close the quotes on the same line."
	case strings.Contains(message, "to close"):
		remedy = "Write as many closing brackets as opening ones: [server], [[account]]."
	case strings.Contains(message, "expected '=' after key"):
		remedy = "Write settings as key = value."
	}
	d.report(offset, "", "This is not valid TOML: "+message+".", remedy)
}

// brokenByItself reports whether a line cannot be read even alone and is not the edge of a text of several lines.
func brokenByItself(line []byte) bool {
	if len(bytes.TrimSpace(line)) == 0 || bytes.Contains(line, []byte(`"""`)) || bytes.Contains(line, []byte(`'''`)) {
		return false
	}
	var p unstable.Parser
	p.Reset(bytes.Clone(line))
	for p.NextExpression() {
	}
	return p.Error() != nil
}

// readable checks what comes before TOML: the encoding. A byte order mark, which some editors write, is blanked.
func readable(file string, src []byte) ([]byte, Problems) {
	if bytes.HasPrefix(src, []byte{0xEF, 0xBB, 0xBF}) {
		src = append([]byte("   "), src[3:]...)
	}
	if bytes.HasPrefix(src, []byte{0xFF, 0xFE}) || bytes.HasPrefix(src, []byte{0xFE, 0xFF}) {
		return nil, Problems{{File: file, Line: 1, Column: 1, Message: "The file is written in UTF-16.",
			Remedy: "Save it as UTF-8."}}
	}
	for offset := 0; offset < len(src); {
		r, size := utf8.DecodeRune(src[offset:])
		if r == utf8.RuneError && size == 1 {
			d := &document{src: src, file: file}
			d.report(offset, "", "The file contains a byte that is not UTF-8.", "Save it as UTF-8.")
			return nil, d.problems
		}
		offset += size
	}
	return src, nil
}
