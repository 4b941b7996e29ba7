package api

import "encoding/json"

// Description returns the OpenAPI document of this version, indented, as /api/v1/openapi.json says it. Clients are
// generated from it.
func Description() ([]byte, error) {
	s := &Server{}
	s.routes = s.table()
	return json.MarshalIndent(s.describe(), "", "  ")
}
