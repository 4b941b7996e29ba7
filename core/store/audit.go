package store

import "github.com/guichet/guichet/core"

func auditKey(id core.ID) key { return newKey(familySystem, systemAudit).id(id) }

// AddAudit appends an administrative act to the audit log. Make its ID outside the closure.
func (tx *Tx) AddAudit(e *core.AuditEntry) { put(tx, auditKey(e.ID), e) }

// Audit returns the acts before an id, newest first, at most limit; "" means from the newest.
func (tx *Tx) Audit(earlier core.ID, limit int) ([]*core.AuditEntry, error) {
	var end key
	if earlier != "" {
		end = auditKey(earlier)
	}
	return all[core.AuditEntry](tx, before(newKey(familySystem, systemAudit), end, limit))
}
