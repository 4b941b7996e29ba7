package channel

import (
	"sync"
	"time"
)

// journalLines is how many of the last lines that a plugin wrote can be read back.
const journalLines = 2000

// Line is something that a plugin wrote, secrets masked.
type Line struct {
	Number uint64 // from 1, over all processes of the plugin since the host's start
	At     time.Time
	Text   string
}

// journal keeps the last lines of one plugin over its restarts.
type journal struct {
	mu    sync.Mutex
	lines []Line // a ring once it is full
	last  uint64
}

func (j *journal) add(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	line := Line{Number: j.last, At: time.Now(), Text: firstBytes(text, journalLineBytes)}
	if len(j.lines) < journalLines {
		j.lines = append(j.lines, line)
		return
	}
	j.lines[(j.last-1)%journalLines] = line
}

// journalLineBytes is where a line of the journal is cut, so that a flood cannot fill the memory.
const journalLineBytes = 2 << 10

// after returns at most limit lines after a number, the oldest of them first.
func (j *journal) after(number uint64, limit int) []Line {
	j.mu.Lock()
	defer j.mu.Unlock()
	first := j.last - uint64(len(j.lines)) + 1 //nolint:gosec // a count
	from := max(number+1, first)
	if number == 0 && j.last >= uint64(limit) { //nolint:gosec // a count
		from = max(from, j.last-uint64(limit)+1) //nolint:gosec // a count
	}
	var lines []Line
	for n := from; n <= j.last && len(lines) < limit; n++ {
		lines = append(lines, j.lines[(n-1)%journalLines])
	}
	return lines
}

func firstBytes(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xC0 == 0x80 { // not in the middle of a character
		n--
	}
	return text[:n] + "…"
}

func (h *Host) journalOf(plugin string) *journal {
	j, _ := h.journals.LoadOrStore(plugin, &journal{})
	return j.(*journal)
}

// Log returns at most limit lines that a plugin wrote after the line with a number; 0 stands for the newest ones. found
// is false for a plugin that has not run since the host's start.
func (h *Host) Log(plugin string, after uint64, limit int) (lines []Line, found bool) {
	j, found := h.journals.Load(plugin)
	if !found {
		return nil, false
	}
	return j.(*journal).after(after, limit), true
}
