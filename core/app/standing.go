package app

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api"
	"github.com/guichet/guichet/core/store"
)

// What administrators see of how the server stands: its configuration, its store and its plugins' processes.

// configuration tells how the configuration stands.
func (a *App) configuration() api.Configuration {
	current, revision := a.source.Current()
	c := api.Configuration{Revision: revision}
	for _, p := range a.source.Problems() {
		c.Problems = append(c.Problems, api.ShowProblem(p))
	}
	switch {
	case len(c.Problems) > 0:
		c.Banner = "The configuration file has problems; the last good version is in force."
	case a.allowsTest():
		c.Banner = "Test accounts are allowed although this server is reached over https."
	}
	if current == nil {
		return c
	}
	c.Off = current.SwitchedOff()
	for _, key := range current.RestartNeeded(a.data.config) {
		c.Problems = append(c.Problems, api.ConfigurationProblem{
			Path: key, Problem: "This setting was changed after the start.", Remedy: "It takes effect when Guichet is started again.",
			Severity: api.SeverityWarning, Code: "restart-needed", Params: map[string]string{},
		})
	}
	return c
}

// versionsShown is how many of the versions that were in force are listed.
const versionsShown = 50

// configurationFile reads the file, and which versions of it were in force.
func (a *App) configurationFile(ctx context.Context) (api.ConfigurationFile, error) {
	disk, err := a.source.OnDisk()
	if err != nil {
		return api.ConfigurationFile{}, core.Errorf(core.Unavailable, "the configuration file cannot be read now: %w", err)
	}
	f := api.ConfigurationFile{Text: disk.Text, Path: disk.Path, ReadOnly: disk.ReadOnly, Differs: disk.Differs}
	err = a.data.store.View(ctx, func(tx *store.Tx) error {
		list, err := tx.Configurations(versionsShown)
		for _, v := range list {
			f.History = append(f.History, api.ConfigurationVersion{Version: v.Revision, At: v.At, By: v.By})
		}
		return err
	})
	return f, err
}

// storageState tells how the store is doing, in a sentence.
func (a *App) storageState() api.StorageState {
	status := a.data.db.Status()
	s := api.StorageState{OK: !status.Full, Detail: fmt.Sprintf("%s are used.", size(status.Bytes))}
	switch {
	case status.Full:
		s.Detail = "The disk is full: nothing more can be stored until there is room."
	case status.FreeBytes >= 0:
		s.Detail = fmt.Sprintf("%s are used, %s are free.", size(status.Bytes), size(status.FreeBytes))
	}
	return s
}

// size writes a number of bytes for people.
func size(bytes int64) string {
	value, unit := float64(bytes), "bytes"
	for _, larger := range []string{"KB", "MB", "GB", "TB"} {
		if value < 1000 {
			break
		}
		value, unit = value/1000, larger
	}
	if value >= 100 || unit == "bytes" {
		return fmt.Sprintf("%.0f %s", value, unit)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// processMemory is a process's proportional share of memory in bytes, as Linux tells it; 0 where nobody does.
func processMemory(pid int) int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(raw), "\n") {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "Pss:" {
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			if err == nil {
				return kilobytes << 10
			}
		}
	}
	return 0
}
