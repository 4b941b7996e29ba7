package api

import "github.com/guichet/guichet/core/channel"

// facesSchemas are the schemas of what the workspace and the admin center read beside the conversations.
func facesSchemas() object {
	problems := object{"type": "array", "items": record(object{
		"path": text, "line": whole, "column": whole, "problem": text, "remedy": text, "severity": oneOf(SeverityError, SeverityWarning),
	})}
	return object{
		"Plugin": record(object{
			"name": text, "version": text, "kind": oneOf(channel.KindBuiltIn, channel.KindThirdParty), "sha256": text,
			"enforced": texts, "not_enforced": texts, "state": text, "since": maybe, "uptime_ms": whole, "memory_bytes": whole,
			"restarts": whole, "next_start": maybe, "last_exit": orNull("Exit"), "spooled": whole, "accounts": texts, "notice": text,
			"calls": object{"type": "array", "items": record(object{
				"method": text, "calls": whole, "errors": whole, "mean_ms": number, "p50_ms": number, "p99_ms": number,
			})},
		}),
		"PluginLog": record(object{
			"items": object{"type": "array", "items": record(object{"number": whole, "at": time_, "text": text})}, "next": whole,
		}),
		"Fetching": record(object{"reached_at": maybe, "problem": text, "next": maybe}),
		"Subscription": record(object{
			"at": time_, "problem": text, "checks": object{"type": "array", "items": ref("Check")}, "registered_at": maybe,
			"last_failure": text, "failed_at": maybe,
		}),
		"Exit": record(object{"at": time_, "after_ms": whole, "reason": text, "output": text}, "output"),
		"Account": record(object{
			"id": text, "plugin": text, "name": text, "enabled": yes, "test": yes, "retired": yes, "state": text, "problem": text,
			"last_inbound": maybe, "last_outbound": maybe, "kept_back": whole, "problems": problems,
			"fetching": orNull("Fetching"), "subscription": orNull("Subscription"),
			"callbacks": object{"type": "array", "items": record(object{"path": text, "url": text, "title": text, "help": text})},
			"channels": object{"type": "array", "items": record(object{
				"id": text, "workstream": text, "language": text, "retired": yes, "live": yes,
				"address": object{"type": "object", "additionalProperties": text},
			})},
		}),
		"Configuration": record(object{
			"revision": whole, "banner": text, "problems": problems, "applied_at": maybe, "applied_by": text, "text": text, "path": text,
			"read_only": yes, "on_disk_differs": yes,
			"history": object{"type": "array", "items": record(object{"version": whole, "at": time_, "by": text})},
		}),
		"About":      record(object{"id": text, "name": text, "language": text, "version": text, "setup_needed": yes}),
		"Invitation": record(object{"url": text, "expires_at": time_}),
		"Invited":    record(object{"name": text, "email": text}),

		"LookAtInvitation": record(object{"token": text}),
		"AcceptInvitation": record(object{"token": text, "password": text}),

		"Diagnosis": record(object{
			"time": time_, "client_address": text, "scheme": oneOf("http", "https"), "host": text, "public_url": text, "public_url_matches": yes,
			"forwarded": yes, "proxy_trusted": yes, "plugins": object{"type": "array", "items": record(object{"id": text, "state": text})},
			"storage": record(object{"ok": yes, "detail": text}), "version": text,
		}),
	}
}
