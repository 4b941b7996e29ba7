package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// table is what was measured.
type table struct {
	rows  []row
	notes []string
}

type row struct{ what, measured, floor, budget, verdict string }

func (t *table) begin() {
	model := "unknown processor"
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.SplitSeq(string(raw), "\n") {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	t.note("%d cores, %s; %s; load average before the run %s: anything above 0.5 means that others shared the cores", runtime.NumCPU(), model,
		runtime.Version(), loadAverage())
}

// loadAverage is that of the last minute.
func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	load, _, _ := strings.Cut(string(raw), " ")
	return load
}

func (t *table) add(what, measured, floor, budget string, ok bool) {
	verdict := "met"
	if !ok {
		verdict = "**missed**"
	}
	if budget == "" {
		verdict = ""
	}
	t.rows = append(t.rows, row{what, measured, floor, budget, verdict})
	say("%s: %s (floor %s, budget %s) %s", what, measured, floor, budget, verdict)
}

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

func (t *table) print() {
	fmt.Println("| what | measured | floor | budget | |")
	fmt.Println("|---|---|---|---|---|")
	for _, r := range t.rows {
		fmt.Printf("| %s | %s | %s | %s | %s |\n", r.what, r.measured, r.floor, r.budget, r.verdict)
	}
	fmt.Println()
	for _, n := range t.notes {
		fmt.Println("* " + n)
	}
}

// median of an odd number of values; of an even number the lower one of the middle.
func median[T int | int64 | float64 | time.Duration](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[(len(sorted)-1)/2]
}

// quantile of a sorted list.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }

func mb(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }
