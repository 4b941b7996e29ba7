package webchat

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// frame is what the panel says, of any type. The fields are those of PROTOCOL.md; parseFrame has cleaned all texts.
type frame struct {
	T           string                     `json:"t"`
	Channel     string                     `json:"channel"`
	Token       string                     `json:"token"`
	Since       string                     `json:"since"`
	From        string                     `json:"from"`
	Language    string                     `json:"language"`
	Page        page                       `json:"page"`
	ID          string                     `json:"id"`
	Text        string                     `json:"text"`
	Attachments []string                   `json:"attachments"`
	Context     map[string]json.RawMessage `json:"context"`
	On          bool                       `json:"on"`
	Delivered   string                     `json:"delivered"`
	Read        string                     `json:"read"`
	Before      string                     `json:"before"`
	At          json.Number                `json:"at"`
	variables   map[string]string          // of Context
}

// page is where the visitor is.
type page struct {
	URL      string `json:"url"`
	Title    string `json:"title"`
	Referrer string `json:"referrer"`
}

var (
	errTooLarge = errors.New("webchat: the frame is too large")
	errNotText  = errors.New("webchat: the frame is not UTF-8")
	errNotJSON  = errors.New("webchat: the frame is not a JSON object of the protocol")
)

var (
	idForm       = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)
	languageForm = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$`)
)

// parseFrame takes one frame apart. What it returns is valid UTF-8 without control characters, and within the limits
// that can be kept by cutting; the others (a text too long, a bad id) are the caller's to refuse.
func parseFrame(raw []byte) (frame, error) {
	var f frame
	switch {
	case len(raw) > maxFrame:
		return f, errTooLarge
	case !utf8.Valid(raw):
		return f, errNotText
	}
	if trimmed := bytes.TrimLeft(raw, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return f, errNotJSON
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return frame{}, errNotJSON
	}
	f.T = cutText(plain(f.T), maxID)
	f.Channel = cutText(plain(f.Channel), maxName)
	f.Since, f.From, f.Before = positionOf(f.Since), positionOf(f.From), positionOf(f.Before)
	f.Delivered, f.Read = positionOf(f.Delivered), positionOf(f.Read)
	if !languageForm.MatchString(f.Language) {
		f.Language = ""
	}
	f.Page = f.Page.clean()
	f.Text = cleanText(f.Text)
	f.variables = variablesOf(f.Context)
	f.Context = nil
	return f, nil
}

// positionOf returns a position as the panel gives it back; one that cannot be ours counts as none.
func positionOf(text string) string {
	if len(text) > maxPosition || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return text
}

func (p page) clean() page {
	return page{URL: webAddress(p.URL), Title: cutText(plain(p.Title), maxVariable), Referrer: webAddress(p.Referrer)}
}

// webAddress returns an address of the web, cut to the length of a variable, and "" for anything else: agents see it as
// a link.
func webAddress(text string) string {
	text = plain(text)
	if !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") {
		return ""
	}
	return cutText(text, maxVariable)
}

// cleanText takes out of a visitor's text what is no text: control characters but line ends and tabs, and the white
// space around it.
func cleanText(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimSpace(text)
}

// plain makes one line of a text.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimSpace(text)
}

// cutText returns at most limit characters.
func cutText(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	n := 0
	for i := range text {
		if n == limit {
			return text[:i]
		}
		n++
	}
	return text
}

// variablesOf makes context variables of what the page gave: texts, numbers and truth values by name. The rest is
// dropped, and so is what is beyond the limits, last names first.
func variablesOf(given map[string]json.RawMessage) map[string]string {
	if len(given) == 0 {
		return nil
	}
	names := make([]string, 0, len(given))
	for name := range given {
		names = append(names, name)
	}
	slices.Sort(names)
	variables := map[string]string{}
	for _, name := range names {
		value, ok := variableOf(given[name])
		name = cutText(plain(name), maxName)
		if !ok || name == "" {
			continue
		}
		if len(variables) == maxVariables {
			break
		}
		variables[name] = value
	}
	return variables
}

func variableOf(raw json.RawMessage) (string, bool) {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return "", false
	}
	switch v := value.(type) {
	case string:
		return cutText(cleanText(v), maxVariable), true
	case json.Number:
		if f, err := v.Float64(); err != nil || math.IsInf(f, 0) || len(v) > maxID {
			return "", false
		}
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// encode writes a frame of ours as JSON. Only this package's types come here; they always can be written.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it is never part of a page, and would make texts longer
	if err := e.Encode(v); err != nil {
		panic("webchat: a frame that is not JSON: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
