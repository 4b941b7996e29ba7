package badgerkv

import (
	"fmt"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// badgerLog passes Badger's messages on, one level lower than Badger thinks of them: its "info" is what only someone who
// looks into Badger wants to read.
type badgerLog struct {
	log   hclog.Logger
	space *space
}

// tableBuilt begins the message that a compaction logs, on its own goroutine and without locks, when it has built a
// table in memory and is about to copy it into a memory-mapped file.
const tableBuilt = "[%d] LOG Compact. Added"

func (l badgerLog) Errorf(format string, args ...any)   { l.log.Error(text(format, args)) }
func (l badgerLog) Warningf(format string, args ...any) { l.log.Warn(text(format, args)) }

func (l badgerLog) Infof(format string, args ...any) {
	if l.log.IsDebug() {
		l.log.Debug(text(format, args))
	}
}

func (l badgerLog) Debugf(format string, args ...any) {
	if strings.HasPrefix(format, tableBuilt) {
		l.space.beforeTable()
	}
	if l.log.IsTrace() {
		l.log.Trace(text(format, args))
	}
}

func text(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}
