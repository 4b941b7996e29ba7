package api

import (
	"encoding/json"
	"slices"
)

// Description returns the OpenAPI document of this version, indented, as /api/v1/openapi.json says it. Clients are
// generated from it.
func Description() ([]byte, error) {
	s := &Server{}
	s.routes = slices.Concat(s.table(), s.configurationTable(), s.approvalsTable())
	return json.MarshalIndent(s.describe(), "", "  ")
}
