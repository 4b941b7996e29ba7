package api

import (
	"net/http"

	"github.com/guichet/guichet/core/auth"
)

// configurationTable lists the routes with which the configuration is edited.
func (s *Server) configurationTable() []route {
	const get, post, patch = http.MethodGet, http.MethodPost, http.MethodPatch
	v1 := func(method, path string, action auth.Action, handle func(http.ResponseWriter, *http.Request) error, doc operation) route {
		return route{method: method, path: "/api/v1" + path, action: action, handle: handle, doc: &doc}
	}
	plugin := parameter{name: "plugin", schema: text}
	return []route{
		v1(get, "/configuration/file", auth.Configure, s.configurationFile, operation{
			summary: "The configuration file as it is now, without secrets, and whether it can be edited.", answers: answers{200: "ConfigurationFile"},
		}),
		v1(get, "/configuration/objects/:kind", auth.Configure, s.configurationObjects, operation{
			summary: "The accounts, channels, workstreams, queues or agents (in the singular), or the server, organization, storage or mail, as they " +
				"are written: every field with its value, default and line. blank is a new one; plugin says of which plugin it is to be.",
			query: []parameter{plugin}, answers: answers{200: "ConfigurationObjects"}, problems: []int{404, 409},
		}),
		v1(get, "/configuration/objects/:kind/:object", auth.Configure, s.configurationObject, operation{
			summary: "One object as it is written.", answers: answers{200: "ConfigurationObjectDetail"}, problems: []int{404, 409},
		}),
		v1(patch, "/configuration", auth.Configure, s.editConfiguration, operation{
			summary: "Edit the file, as a whole or not at all, and put it in force. Nothing is written when there are problems with the result, in " +
				"a dry run, when the file is no longer the one that base names (409), or when it is read-only (403).",
			body: "EditConfiguration", answers: answers{200: "ConfigurationEdited"}, problems: []int{404, 409},
		}),
		v1(get, "/configuration/versions", auth.Configure, s.configurationVersions, operation{
			summary: "The versions that were in force, newest first; the last 200 are kept.", answers: answers{200: "ConfigurationVersions"},
		}),
		v1(get, "/configuration/versions/:version", auth.Configure, s.configurationVersion, operation{
			summary: "One version, with what it changed and what has changed since.", answers: answers{200: "ConfigurationVersionDetail"}, problems: []int{404},
		}),
		v1(post, "/configuration/versions/:version/rollback", auth.Configure, s.rollBack, operation{
			summary: "Put a version back, with its secrets, as a new version.", body: "RollBack", answers: answers{200: "ConfigurationEdited"},
			problems: []int{404, 409},
		}),
		v1(get, "/plugin-schemas", auth.Oversee, s.pluginSchemas, operation{
			summary: "The plugins that an account can be made of, with what each asks of it.", answers: answers{200: "PluginSchemas"},
		}),
		v1(get, "/plugins/:plugin/schema", auth.Oversee, s.pluginSchema, operation{
			summary: "What a plugin asks of an account: its settings, addresses and callbacks, whether consent is needed.",
			answers: answers{200: "PluginSchema"}, problems: []int{404},
		}),
		v1(post, "/plugins/:plugin/validate", auth.ValidateSetup, s.validateDraft, operation{
			summary: "Check settings against the provider before they are saved. Settings that are not given are those of the saved account with this id.",
			body:    "ValidateDraft", answers: answers{200: "DraftChecks"}, problems: []int{404},
		}),
	}
}

// configurationSchemas are the schemas of what editing the configuration reads and writes.
func configurationSchemas() object {
	problems := object{"type": "array", "items": ref("ConfigurationProblem")}
	nullable := object{"nullable": true}
	reference := object{"nullable": true, "allOf": []object{record(object{"kind": oneOf("env", "file", "stored"), "name": text})}}
	kind := oneOf("string", "text", "secret", "int", "bool", "duration", "url", "email", "select", "list", "file")
	described := object{
		"kind": kind, "title": text, "help": text, "required": yes, "secret": yes, "test_only": yes, "options": texts, "pattern": text,
		"group": text, "show_if": text, "labels": object{
			"type": "object", "additionalProperties": text, "description": "What options are called, of those that are called otherwise than they are written.",
		},
	}
	version := object{"version": whole, "at": time_, "by": text, "in_force": yes}
	configured := object{"kind": text, "id": text, "line": whole, "fields": object{"type": "array", "items": ref("ConfigurationField")}}
	return object{
		"ConfigurationProblem": record(object{
			"path": text, "line": whole, "column": whole, "problem": text, "remedy": text, "severity": oneOf(SeverityError, SeverityWarning),
			"code": text, "params": object{"type": "object", "additionalProperties": text},
		}, "code", "params"),
		"ConfigurationFile": record(object{
			"path": text, "text": text, "base": text, "editable": yes, "reason": text, "reason_code": text, "on_disk_differs": yes, "problems": problems, "secrets": yes,
		}),
		"ConfigurationField": record(with(described, object{
			"path": text, "min": text, "max": text, "default": nullable, "written": yes, "line": whole, "value": nullable, "reference": reference,
			"items": object{"type": "array", "items": record(object{"value": nullable, "reference": reference, "mark": text})},
			"mark":  text,
		}), "labels"),
		"ConfigurationObject":       record(configured),
		"ConfigurationObjectDetail": record(with(configured, object{"base": text})),
		"ConfigurationObjects": record(object{
			"items": object{"type": "array", "items": ref("ConfigurationObject")}, "blank": ref("ConfigurationObject"), "base": text,
		}),
		"ConfigurationChange": with(record(object{
			"op": oneOf("set", "remove", "add"), "object": text, "id": text, "field": text, "value": nullable,
		}, "id", "field", "value"), object{
			"description": "set gives a field a value. remove takes a field, or without one the object, out. add appends an object, whose fields are the " +
				"value. The text of a secret is stored sealed; {env}, {file} and {stored} say where a value is kept; in a list of secrets {keep: N} " +
				"is the element that is there now.",
		}),
		"EditConfiguration": record(object{
			"base": text, "changes": object{"type": "array", "minItems": 1, "maxItems": 500, "items": ref("ConfigurationChange")}, "dry_run": yes,
		}, "dry_run"),
		"ConfigurationEdited":        record(object{"applied": yes, "revision": whole, "base": text, "diff": text, "problems": problems}),
		"ConfigurationVersion":       record(version),
		"ConfigurationVersions":      listOf("ConfigurationVersion"),
		"ConfigurationVersionDetail": record(with(version, object{"text": text, "diff": text, "diff_since": text})),
		"RollBack":                   record(object{"base": text, "dry_run": yes}, "dry_run"),
		"Setting":                    record(with(described, object{"key": text, "default": text}), "labels"),
		"PluginSchema": record(object{
			"plugin": text, "name": text, "version": text, "built_in": yes, "settings": object{"type": "array", "items": ref("Setting")},
			"address":   object{"type": "array", "items": ref("Setting")},
			"callbacks": object{"type": "array", "items": record(object{"path": text, "url": text, "title": text, "help": text})},
			"consent":   yes, "live": yes, "retirement_notice": text, "documentation_url": text, "verification": text, "services": texts,
		}),
		"PluginSchemas": listOf("PluginSchema"),
		"ValidateDraft": record(object{"id": text, "test": yes, "settings": anything}, "id", "test", "settings"),
		"DraftChecks":   record(object{"items": object{"type": "array", "items": ref("Check")}, "problems": problems}),
	}
}
