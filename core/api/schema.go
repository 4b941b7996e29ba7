package api

import "github.com/guichet/guichet/core"

// Pieces of schemas. Members that are not marked optional are always there.
var (
	text     = object{"type": "string"}
	whole    = object{"type": "integer"}
	number   = object{"type": "number"}
	yes      = object{"type": "boolean"}
	time_    = object{"type": "string", "format": "date-time"}
	maybe    = object{"type": "string", "format": "date-time", "nullable": true}
	texts    = object{"type": "array", "items": text}
	id       = object{"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{26}$"}
	anything = object{"type": "object"}
)

// record is an object schema. optional lists the members that may be missing.
func record(members object, optional ...string) object {
	missing := make(map[string]bool)
	for _, name := range optional {
		missing[name] = true
	}
	required := []string{}
	for name := range members {
		if !missing[name] {
			required = append(required, name)
		}
	}
	s := object{"type": "object", "properties": members}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func listOf(schema string) object {
	return record(object{"items": object{"type": "array", "items": ref(schema)}, "next": text})
}

func oneOf[T ~string](values ...T) object { return object{"type": "string", "enum": values} }

func orNull(schema string) object { return object{"nullable": true, "allOf": []object{ref(schema)}} }

// with joins the members of several objects.
func with(all ...object) object {
	joined := object{}
	for _, o := range all {
		for k, v := range o {
			joined[k] = v
		}
	}
	return joined
}

func schemas() object {
	presence := oneOf(core.Available, core.Busy, core.DoNotDisturb, core.Away, core.Offline, core.Inactive)
	role := oneOf(core.AgentRole, core.Supervisor, core.Administrator)
	summary := object{
		"id": id, "version": whole, "state": oneOf(core.Open, core.Active, core.Waiting, core.WrappingUp, core.Closed),
		"channel": text, "account": text, "workstream": text, "queue": text, "assignee": text, "former": text, "offered_to": text,
		"contact": ref("Named"), "plugin": text, "queue_name": text, "assignee_name": text, "language": text, "last_seq": whole,
		"read_up_to": whole, "first_words": text, "last_message": orNull("Preview"),
		"last_customer_message": orNull("Preview"), "waiting_since": maybe, "queued_since": maybe, "unread": whole, "window": maybe,
		"no_reply": yes, "created_at": time_, "last_activity": time_, "closed_at": maybe,
	}
	summaryOptional := []string{"former", "offered_to", "language", "no_reply"}
	agent := object{
		"id": text, "name": text, "role": role, "presence": presence, "load": whole, "capacity": whole, "queues": texts,
		"email": text, "has_password": yes, "disabled": yes,
	}
	key := object{"id": id, "name": text, "secrets": yes, "created_at": time_, "seen_at": maybe}
	return object{
		"Anything": anything,
		"Problem": record(object{
			"type": text, "title": text, "status": whole, "detail": text, "code": text, "field": text, "instance": text,
		}, "detail", "field", "instance"),
		"Named":   record(object{"id": text, "name": text, "anonymous": yes}),
		"Preview": record(object{"seq": whole, "from": text, "kind": text, "text": text, "at": time_, "internal": yes}, "kind", "internal"),

		"Setup":          record(object{"token": text, "email": text, "name": text, "password": text}, "name"),
		"SignIn":         record(object{"email": text, "password": text}),
		"Me":             record(object{"id": text, "email": text, "name": text, "role": role, "capacity": whole}),
		"ChangePassword": record(object{"old": text, "new": text}),
		"Presence":       record(object{"presence": presence, "since": maybe, "load": whole, "capacity": whole}),
		"SetPresence":    record(object{"presence": oneOf(core.Available, core.Busy, core.DoNotDisturb, core.Away, core.Offline)}),
		"SignInView": record(object{
			"id": text, "created_at": time_, "seen_at": time_, "address": text, "user_agent": text, "current": yes,
		}),
		"SignIns":   listOf("SignInView"),
		"Key":       record(key),
		"NewKey":    record(with(key, object{"key": text})),
		"Keys":      listOf("Key"),
		"CreateKey": record(object{"name": text, "secrets": yes}, "secrets"),

		"Offer": record(object{
			"id": id, "conversation": id, "queue": text, "contact": ref("Named"), "remaining_ms": object{"type": "integer", "minimum": 0},
		}),
		"Offers":        listOf("Offer"),
		"Conversation":  record(summary, summaryOptional...),
		"Conversations": listOf("Conversation"),
		"ConversationDetail": record(with(summary, object{
			"context":  object{"type": "object", "additionalProperties": record(object{"type": oneOf("text", "number"), "value": text})},
			"sessions": object{"type": "array", "items": ref("Session")}, "identity": record(object{"kind": text, "value": text}), "thread": text,
			"draft": ref("SavedDraft"),
			"attachments": with(record(object{"from_customer": yes, "from_agent": yes}), object{
				"description": "Who may send files on the conversation's channel. Where agents may not, a public message with attachments is refused with 400.",
			}),
			"text_max": with(whole, object{
				"description": "How long a public message may be, counted in text_unit; 0 where the channel sets no limit. A longer one is refused with 400.",
			}),
			"text_unit": with(oneOf(core.Characters, core.UTF16Units, core.Bytes, core.Graphemes), object{
				"description": "What text_max counts: Unicode code points, UTF-16 units, bytes of UTF-8, or characters as people see them.",
			}),
		}), append(summaryOptional, "draft", "text_unit")...),
		"Session": record(object{
			"number": whole, "agent": text, "queue": text, "participants": object{"type": "array", "items": ref("Participant")},
			"offered_at": maybe, "accepted_at": maybe, "closed_at": maybe, "reason": text,
		}),
		"Participant": record(object{"agent": text, "mode": text, "since": time_}),
		"TraceEntry":  record(object{"at": time_, "step": text, "revision": whole, "text": text, "facts": anything}, "facts"),
		"Trace":       listOf("TraceEntry"),
		"Transfer":    record(object{"queue": text, "agent": text}, "queue", "agent"),

		"NewMessage": record(object{
			"id": object{"type": "string", "minLength": 1, "maxLength": 64}, "text": text, "visibility": oneOf(core.Public, core.InternalNote),
			"attachments": texts, "last_seen": object{"type": "integer", "minimum": 0},
		}, "text", "visibility", "attachments", "last_seen"),
		"Message": record(object{
			"id": text, "conversation": id, "seq": whole, "kind": text, "from": record(object{"kind": text, "id": text, "name": text}),
			"visibility": oneOf(core.Public, core.InternalNote), "text": text, "attachments": object{"type": "array", "items": ref("Attachment")},
			"location": anything, "sticker": anything, "contacts": object{"type": "array", "items": record(object{"name": text, "phones": texts, "emails": texts}, "phones", "emails")}, "activity": anything, "quotes": whole,
			"reactions": object{"type": "array", "items": record(object{"emoji": text, "by": text})},
			"state":     oneOf(core.Received, core.Queued, core.Sent, core.Delivered, core.Read, core.Failed, core.Unknown),
			"reason":    orNull("Reason"), "external_ids": texts, "occurred_at": time_, "created_at": time_, "edited_at": time_, "deleted_at": time_,
		}, "location", "sticker", "contacts", "activity", "quotes", "reactions", "edited_at", "deleted_at"),
		"Reason": record(object{"code": text, "text": text, "provider": text}, "provider"),
		"Attachment": record(object{
			"id": id, "state": oneOf(core.Fetching, core.Ready, core.GoneAtProvider, core.Refused), "reason": text, "name": text, "type": text,
			"size": whole, "duration_ms": whole, "url": text,
		}, "reason", "duration_ms", "url"),
		"Messages": listOf("Message"),
		"Upload":   record(object{"id": id, "name": text, "type": text, "size": whole}),

		"Agent":       record(agent, "email", "has_password", "disabled"),
		"Agents":      listOf("Agent"),
		"AddAgent":    record(object{"email": text, "name": text, "role": role, "password": text}, "name", "role", "password"),
		"SetPassword": record(object{"password": text}),
		"Queue":       record(object{"id": text, "name": text, "priority": whole, "members": texts, "mine": yes, "waiting": whole}),
		"Queues":      listOf("Queue"),
		"Plugins":     listOf("Plugin"),
		"Accounts":    listOf("Account"),
		"Check": record(object{
			"name": text, "title": text, "state": oneOf(core.CheckPassed, core.CheckFailed, core.CheckWarning, core.CheckSkipped),
			"detail": text, "fix": text, "field": text,
		}, "detail", "fix", "field"),
		"Checks": listOf("Check"),
		"AuditEntry": record(object{
			"id": id, "at": time_, "actor": text, "act": text, "subject": text, "details": anything, "address": text,
		}),
		"Audit": listOf("AuditEntry"),
	}
}
