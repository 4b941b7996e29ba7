package channel

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// linesOf returns the line on which each key of a TOML document is written: "id", "command.file", and, for the elements of
// an array of tables, "file.0.path".
func linesOf(text []byte) map[string]int {
	lines := map[string]int{"": 1}
	counts := map[string]int{}
	parser := unstable.Parser{}
	parser.Reset(text)
	table := ""
	at := func(offset uint32) int { return 1 + bytes.Count(text[:offset], []byte("\n")) }
	for parser.NextExpression() {
		e := parser.Expression()
		var parts []string
		line := 0
		for keys := e.Key(); keys.Next(); {
			if line == 0 {
				line = at(keys.Node().Raw.Offset)
			}
			parts = append(parts, string(keys.Node().Data))
		}
		name := strings.Join(parts, ".")
		switch e.Kind {
		case unstable.Table:
			table = name + "."
		case unstable.ArrayTable:
			if counts[name] == 0 {
				lines[name] = line
			}
			name = fmt.Sprintf("%s.%d", name, counts[name])
			counts[strings.Join(parts, ".")]++
			table = name + "."
		default:
			name = table + name
		}
		if _, written := lines[name]; !written {
			lines[name] = line
		}
	}
	return lines
}
