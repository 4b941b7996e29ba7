package badgerkv

import (
	"errors"
	"time"
)

// Compact waits until the logs before the active one are flushed, and compacts all that is flushed, as Badger might at
// any time.
func (db *DB) Compact() error {
	for deadline := time.Now().Add(time.Minute); exists(db.space.logName(newestLog(db.opt.Dir) - 1)); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("a log was not flushed in a minute")
		}
	}
	return db.bdg.Flatten(1)
}
