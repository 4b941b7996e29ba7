package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// nearest returns the candidate that was probably meant by word, "" when none is near enough.
func nearest(word string, candidates []string) string {
	best, bestDistance := "", 1+max(1, utf8.RuneCountInString(word)/3)
	w := strings.ToLower(word)
	for _, c := range candidates {
		lower := strings.ToLower(c)
		d := distance(w, lower)
		if strings.ReplaceAll(w, "-", "_") == strings.ReplaceAll(lower, "-", "_") || w+"s" == lower || w == lower+"s" {
			d = 0
		}
		if len(w) >= 3 && strings.HasPrefix(lower, w) {
			d = min(d, 1)
		}
		if d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the number of letters to add, drop, replace or swap with their neighbour to turn a into b. Long words
// are compared by their first 64 letters.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	x, y = x[:min(len(x), 64)], y[:min(len(y), 64)]
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}

// choice is the remedy for a name that is not one of a known few.
func choice(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return fmt.Sprintf("Did you mean %q?", near)
	}
	return oneOf(known)
}

// oneOf lists what can be written.
func oneOf(known []string) string {
	if len(known) == 0 {
		return ""
	}
	quoted := make([]string, len(known))
	for i, k := range known {
		quoted[i] = fmt.Sprintf("%q", k)
	}
	if len(quoted) == 1 {
		return "Write " + quoted[0] + "."
	}
	return "Write one of " + strings.Join(quoted, ", ") + "."
}

// sorted returns a sorted copy.
func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return names
}
