package badgerkv

// Compact flushes nothing but compacts all that is flushed into one level, as Badger might at any time.
func (db *DB) Compact() error { return db.bdg.Flatten(1) }
