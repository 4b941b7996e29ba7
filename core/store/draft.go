package store

import "github.com/guichet/guichet/core"

func draftKey(conversation core.ID, agent string) key {
	return newKey(familyConversation).id(conversation).byte(partDraft).hash(hash16(agent))
}

// Draft reads what an agent has begun to write in a conversation; nil when there is nothing.
func (tx *Tx) Draft(conversation core.ID, agent string) (*core.Draft, error) {
	return get[core.Draft](tx, draftKey(conversation, agent))
}

// PutDraft keeps an agent's draft in place of the former one. It emits nothing: nobody else is concerned.
func (tx *Tx) PutDraft(d *core.Draft) {
	rewrite(tx, draftKey(d.Conversation, d.Agent), d, withoutIndex)
}

// DeleteDraft removes an agent's draft. Removing an absent one does nothing.
func (tx *Tx) DeleteDraft(conversation core.ID, agent string) {
	remove(tx, draftKey(conversation, agent), withoutIndex)
}

func withoutIndex(*core.Draft) map[string]string { return nil }
