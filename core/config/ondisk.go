package config

import (
	"bytes"
	"errors"
	"io/fs"
	"regexp"
	"strings"
)

// OnDisk is the file as it is now, for people to look at.
type OnDisk struct {
	Path     string // "" while there is no file and the built-in defaults stand in for it
	Text     string // every line where it is in the file, and no secret
	ReadOnly bool   // it cannot be edited from here
	Differs  bool   // it is not what is in force
}

// OnDisk reads the file. What is wrong with it is for [Source.Problems].
func (s *Source) OnDisk() (OnDisk, error) {
	path := s.options.Path
	d := OnDisk{Path: path, ReadOnly: writable(path) != nil}
	text, err := readLimited(path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text, d.Path = defaults(s.options.Environment), ""
	case err != nil:
		return d, Problems{readProblem(path, err)}
	}
	current, _ := s.Current()
	d.Differs = current == nil || !bytes.Equal(text, current.text)
	d.Text = string(masked(path, text, s.options.Environment, s.options.History.FingerprintKey()))
	return d, nil
}

// masked returns the text of a file without its secrets, line by line. Where the file cannot be read as a configuration,
// what is a secret is guessed, rather too often than not often enough.
func masked(path string, text []byte, env Environment, key []byte) []byte {
	if c, problems := Decode(path, text, env); problems == nil {
		return c.redacted(key, true)
	}
	lines := strings.SplitAfter(string(text), "\n")
	inSettings, open := false, ""
	for i, line := range lines {
		body, end := strings.TrimRight(line, "\r\n"), line[len(strings.TrimRight(line, "\r\n")):]
		trimmed := strings.TrimSpace(body)
		switch {
		case open != "": // inside a text of several lines
			if strings.Contains(body, open) {
				open = ""
			}
			body = hidden
		case strings.HasPrefix(trimmed, "["):
			inSettings = settingsHeader.MatchString(trimmed)
		case inSettings && trimmed != "" || soundsSecret.MatchString(body) || settingsInline.MatchString(body):
			before, value, assigned := strings.Cut(body, "=")
			for _, quotes := range []string{`"""`, `'''`} {
				if strings.Count(value, quotes)%2 == 1 {
					open = quotes
				}
			}
			switch {
			case !assigned:
				body = hidden
			case !harmless.MatchString(value):
				body = before + "= " + hidden
			}
		}
		lines[i] = body + end
	}
	return []byte(strings.Join(lines, ""))
}

// hidden stands where something may be a secret.
const hidden = `"********"`

var (
	settingsHeader = regexp.MustCompile(`^\[+[^\]]*\bsettings\b`)
	settingsInline = regexp.MustCompile(`\bsettings\s*=\s*\{`)
	// harmless are references to secrets, and values that are none.
	harmless = regexp.MustCompile(`^\s*(\{\s*(env|file|stored)\s*=\s*("[^"]*"|'[^']*')\s*\}|true|false)\s*(#.*)?$`)
)
