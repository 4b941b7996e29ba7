package api

import "github.com/guichet/guichet/core"

// contactsSchemas are the schemas of customers, of searching them, and of what agents keep beside a conversation.
func contactsSchemas() object {
	identity := record(object{
		"id": text, "kind": text, "value": text, "account": text, "plugin": text, "channel": text, "name": text, "verified": yes,
		"blocked": yes, "opted_out": yes,
	})
	fields := object{"name": text, "email": text, "phone": text, "language": text, "company": text, "note": text}
	return object{
		"Contact": record(with(fields, object{
			"id": id, "version": whole, "anonymous": yes, "created_at": time_, "identities": object{"type": "array", "items": identity},
		})),
		"Contacts":      listOf("Contact"),
		"ContactFields": record(fields, "name", "email", "phone", "language", "company", "note"),
		"ChangeContact": record(with(fields, object{"version": whole}), "name", "email", "phone", "language", "company", "note", "version"),
		"LinkContact":   record(object{"contact": id}),
		"MergeContact":  record(object{"into": id}),
		"Found": record(object{
			"contacts":      object{"type": "array", "items": ref("Contact")},
			"conversations": object{"type": "array", "items": ref("Conversation")},
		}),
		"Counts":    record(object{"mine": whole, "waiting": whole, "all": whole}, "all"),
		"SaveDraft": record(object{"text": text, "visibility": oneOf(core.Public, core.InternalNote)}, "visibility"),
		"SavedDraft": record(object{
			"text": text, "visibility": oneOf(core.Public, core.InternalNote), "updated_at": time_,
		}),
		"SetVariables": record(object{"variables": object{
			"type": "object", "additionalProperties": object{"nullable": true, "oneOf": []object{text, {"type": "number"}}},
		}}),
	}
}
