package telegram

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/guichet/guichet/plugins/sdk"
)

// parseMarkdown turns the Markdown that the contract names (emphasis, strong, code, links, lists) into a text and Telegram's
// marks. Whatever is not well-formed stays as it was typed: nothing that somebody wrote is ever lost.
func parseMarkdown(source string) words {
	w := &marker{}
	lines := strings.Split(strings.ReplaceAll(source, "\r\n", "\n"), "\n")
	var paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			w.inline(strings.Join(paragraph, "\n"))
			paragraph = nil
		}
	}
	newline := func() {
		if w.b.Len() > 0 {
			w.write("\n")
		}
	}
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if fence := fenceOf(line); fence != "" {
			if end := slices.IndexFunc(lines[i+1:], func(l string) bool { return closes(l, fence) }); end > 0 && strings.TrimSpace(strings.Join(lines[i+1:i+1+end], "")) != "" {
				flush()
				newline()
				w.code(strings.Join(lines[i+1:i+1+end], "\n"), strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), fence[:1])))
				i += end + 1
				continue
			}
		}
		if m := listItem.FindStringSubmatch(line); m != nil {
			flush()
			newline()
			bullet := m[2]
			if len(bullet) == 1 {
				bullet = "•"
			}
			w.write(m[1] + bullet + " ")
			w.inline(m[3])
			continue
		}
		if strings.TrimSpace(line) == "" {
			flush()
			newline()
			continue
		}
		if len(paragraph) == 0 {
			newline()
		}
		paragraph = append(paragraph, line)
	}
	flush()
	return words{text: w.b.String(), entities: w.entities}
}

var listItem = regexp.MustCompile(`^(\s*)([-*+]|\d{1,9}[.)])\s+(\S.*)$`)

// fenceOf is the fence that a line opens, "" for none.
func fenceOf(line string) string {
	line = strings.TrimSpace(line)
	for _, mark := range []string{"`", "~"} {
		if n := len(line) - len(strings.TrimLeft(line, mark)); n >= 3 && !(mark == "`" && strings.Contains(line[n:], "`")) {
			return line[:n]
		}
	}
	return ""
}

func closes(line, fence string) bool {
	line = strings.TrimSpace(line)
	return len(line) >= len(fence) && strings.Trim(line, fence[:1]) == ""
}

// marker gathers text and marks.
type marker struct {
	b        strings.Builder
	units    int
	entities []entity
}

func (w *marker) write(text string) {
	w.b.WriteString(text)
	w.units += sdk.UTF16Len(text)
}

func (w *marker) code(text, language string) {
	from := w.units
	w.write(text)
	w.mark(entity{Type: "pre", Language: language}, from)
}

// mark notes what was written since from.
func (w *marker) mark(e entity, from int) {
	if e.Offset, e.Length = from, w.units-from; e.Length > 0 {
		w.entities = append(w.entities, e)
	}
}

// inline writes one paragraph.
func (w *marker) inline(text string) {
	for text != "" {
		i := strings.IndexAny(text, "\\`*_[")
		if i < 0 {
			w.write(text)
			return
		}
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		w.write(text[:i])
		text = w.special(text[i:], before)
	}
}

// special writes what begins with a special character and returns the rest.
func (w *marker) special(text string, before rune) string {
	switch text[0] {
	case '\\':
		if len(text) > 1 && strings.IndexByte("\\`*_{}[]()#+-.!|~>\"'$%&,/:;<=?@^", text[1]) >= 0 {
			w.write(text[1:2])
			return text[2:]
		}
	case '`':
		n := len(text) - len(strings.TrimLeft(text, "`"))
		if end := closingTicks(text[n:], n); end >= 0 {
			from := w.units
			inner := strings.ReplaceAll(text[n:n+end], "\n", " ")
			if len(inner) > 2 && inner[0] == ' ' && inner[len(inner)-1] == ' ' && strings.TrimSpace(inner) != "" {
				inner = inner[1 : len(inner)-1]
			}
			w.write(inner)
			w.mark(entity{Type: "code"}, from)
			return text[n+end+n:]
		}
		w.write(text[:n])
		return text[n:]
	case '[':
		if label, address, rest, ok := link(text); ok {
			from := w.units
			w.inline(label)
			w.mark(entity{Type: "text_link", URL: address}, from)
			return rest
		}
	case '*', '_':
		return w.emphasis(text, before)
	}
	w.write(text[:1])
	return text[1:]
}

// emphasis writes a stretch that is emphasised or strong, or the marks as they are.
func (w *marker) emphasis(text string, before rune) string {
	mark := text[:1]
	n := len(text) - len(strings.TrimLeft(text, mark))
	after, _ := utf8.DecodeRuneInString(text[n:])
	opens := n <= 3 && n < len(text) && !unicode.IsSpace(after) && !(mark == "_" && wordly(before))
	if opens {
		for _, e := range []struct {
			width int
			kinds []string
		}{{3, []string{"bold", "italic"}}, {2, []string{"bold"}}, {1, []string{"italic"}}} {
			if e.width > n {
				continue
			}
			if end := closing(text[n:], mark, e.width); end >= 0 && e.width == n {
				from := w.units
				w.inline(text[n : n+end])
				for _, kind := range e.kinds {
					w.mark(entity{Type: kind}, from)
				}
				return text[n+end+n:]
			}
		}
	}
	w.write(text[:n])
	return text[n:]
}

// closing finds where a stretch ends that n marks have opened; -1 where it does not. Code within is passed over.
func closing(text, mark string, n int) int {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i += 2
		case c == '`':
			run := len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
			i += run
			if end := closingTicks(text[i:], run); end >= 0 {
				i += end + run
			}
		case string(c) == mark:
			run := len(text[i:]) - len(strings.TrimLeft(text[i:], mark))
			last, _ := utf8.DecodeLastRuneInString(text[:i])
			next, _ := utf8.DecodeRuneInString(text[i+run:])
			if run == n && i > 0 && !unicode.IsSpace(last) && !(mark == "_" && wordly(next)) {
				return i
			}
			i += run
		default:
			i++
		}
	}
	return -1
}

// closingTicks finds the run of exactly n backticks; -1 for none.
func closingTicks(text string, n int) int {
	for i := 0; i < len(text); {
		if text[i] != '`' {
			i++
			continue
		}
		run := len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
		if run == n {
			return i
		}
		i += run
	}
	return -1
}

func wordly(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// link takes [label](address "title") apart. Only addresses that people can open are links.
func link(text string) (label, address, rest string, ok bool) {
	depth, end := 0, -1
	for i := 0; i < len(text) && end < 0; i++ {
		switch text[i] {
		case '\\':
			i++
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				end = i
			}
		}
	}
	if end < 2 || end+1 >= len(text) || text[end+1] != '(' {
		return "", "", "", false
	}
	depth = 1
	for i := end + 2; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth > 0 {
			continue
		}
		address, _, _ = strings.Cut(strings.TrimSpace(text[end+2:i]), " ")
		address = strings.TrimSuffix(strings.TrimPrefix(address, "<"), ">")
		lower := strings.ToLower(address)
		for _, scheme := range []string{"https://", "http://", "mailto:", "tel:", "tg://"} {
			if strings.HasPrefix(lower, scheme) {
				return text[1:end], address, text[i+1:], true
			}
		}
		return "", "", "", false
	}
	return "", "", "", false
}
