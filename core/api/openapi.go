package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/guichet/guichet/core/api/response"
)

// The description of the API (OpenAPI 3.0) is built from the table of routes, so it cannot name an address that is not
// there, and from the schemas in schema.go. Tests check both against what the server really answers.

// object is a piece of the description.
type object = map[string]any

// answers maps a status to the name of the schema of its body; "" for none.
type answers map[int]string

// operation describes what a route does.
type operation struct {
	summary   string
	query     []parameter
	body      string // schema of the JSON body; "" for none
	multipart bool   // the body is a form with a file
	answers   answers
	file      bool  // the answer is a file
	problems  []int // statuses of failures beyond those that any such request may meet
}

type parameter struct {
	name   string
	schema object
}

var (
	cursorParameter = parameter{name: "cursor", schema: object{"type": "string"}}
	limitParameter  = parameter{name: "limit", schema: object{"type": "integer", "minimum": 1, "maximum": pageMost}}
)

func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) error {
	return response.JSON(w, http.StatusOK, s.describe())
}

func (s *Server) describe() object {
	paths := object{}
	for _, route := range s.routes {
		if route.doc == nil {
			continue
		}
		path, parameters := describePath(route.path)
		item, ok := paths[path].(object)
		if !ok {
			item = object{}
			paths[path] = item
		}
		item[strings.ToLower(route.method)] = describeOperation(&route, parameters)
	}
	return object{
		"openapi": "3.0.3",
		"info": object{
			"title": "Guichet", "version": "1",
			"description": "Answer customers on every messaging channel from one place. Names and codes are stable; objects may gain members.",
		},
		"servers": []object{{"url": "/"}},
		"paths":   paths,
		"components": object{
			"schemas": with(schemas(), facesSchemas(), contactsSchemas(), configurationSchemas(), approvalsSchemas()),
			"securitySchemes": object{
				"key":    object{"type": "http", "scheme": "bearer", "description": "An API key, gck_…"},
				"cookie": object{"type": "apiKey", "in": "cookie", "name": cookieName},
			},
		},
		"security": []object{{"key": []string{}}, {"cookie": []string{}}},
	}
}

// describePath turns /a/:b into /a/{b}.
func describePath(path string) (string, []object) {
	var parameters []object
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = "{" + name + "}"
			parameters = append(parameters, object{"name": name, "in": "path", "required": true, "schema": object{"type": "string"}})
		}
	}
	return strings.Join(parts, "/"), parameters
}

func describeOperation(route *route, parameters []object) object {
	doc := route.doc
	for _, p := range doc.query {
		parameters = append(parameters, object{"name": p.name, "in": "query", "schema": p.schema})
	}
	if worded[doc.answers[http.StatusOK]] {
		parameters = append(parameters, wishParameter)
	}
	replies := object{}
	for status, schema := range doc.answers {
		reply := object{"description": http.StatusText(status)}
		if schema != "" {
			reply["content"] = object{"application/json": object{"schema": ref(schema)}}
		}
		replies[strconv.Itoa(status)] = reply
	}
	if doc.file {
		file := object{"description": "the file", "content": object{"*/*": object{"schema": object{"type": "string", "format": "binary"}}}}
		replies["200"], replies["206"] = file, file
		replies["304"], replies["416"] = object{"description": "not modified"}, object{"description": "no such range"}
	}
	problems := append([]int{http.StatusInternalServerError, http.StatusServiceUnavailable}, doc.problems...)
	if !route.public {
		problems = append(problems, http.StatusUnauthorized, http.StatusForbidden)
	}
	if route.method != http.MethodGet {
		problems = append(problems, http.StatusForbidden, http.StatusInsufficientStorage)
	}
	if doc.body != "" {
		problems = append(problems, http.StatusBadRequest, http.StatusRequestEntityTooLarge)
	}
	for _, status := range problems {
		replies[strconv.Itoa(status)] = object{
			"description": http.StatusText(status), "content": object{"application/problem+json": object{"schema": ref("Problem")}},
		}
	}
	op := object{"summary": doc.summary, "operationId": operationID(route), "responses": replies}
	if len(parameters) > 0 {
		op["parameters"] = parameters
	}
	switch {
	case doc.body != "":
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": ref(doc.body)}}}
	case doc.multipart:
		op["requestBody"] = object{"required": true, "content": object{"multipart/form-data": object{"schema": object{
			"type": "object", "required": []string{"file"}, "properties": object{"file": object{"type": "string", "format": "binary"}},
		}}}}
	}
	if route.public {
		op["security"] = []object{}
	}
	return op
}

func operationID(route *route) string {
	words := []string{strings.ToLower(route.method)}
	for part := range strings.SplitSeq(strings.TrimPrefix(route.path, "/api/v1/"), "/") {
		words = append(words, strings.TrimPrefix(part, ":"))
	}
	return strings.NewReplacer(".", "-").Replace(strings.Join(words, "-"))
}

func ref(schema string) object { return object{"$ref": "#/components/schemas/" + schema} }
