package config

import (
	"bytes"
	"errors"
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
		offset := d.syntaxProblem(parsed, err)
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

// syntaxProblem reports one error of the parser about the bytes it parsed and returns its byte offset.
func (d *document) syntaxProblem(parsed []byte, err error) int {
	message, offset := err.Error(), len(parsed)
	var pe *unstable.ParserError
	if errors.As(err, &pe) {
		// A highlight is a part of the parsed bytes, so its capacity tells where it begins.
		offset = min(max(cap(parsed)-cap(pe.Highlight), 0), len(parsed))
	}
	remedy := ""
	switch {
	case strings.Contains(message, "strings must be quoted"), strings.Contains(message, "at start of value"),
		strings.Contains(message, "expected keyword"):
		remedy = `Put texts and durations in double quotes: key = "value".`
	case strings.Contains(message, "to close"):
		remedy = "Write as many closing brackets as opening ones: [server], [[account]]."
	case strings.Contains(message, "expected '=' after key"):
		remedy = "Write settings as key = value."
	}
	d.report(offset, "", "This is not valid TOML: "+message+".", remedy)
	return offset
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
