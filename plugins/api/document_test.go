package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestTheDocumentIsServed: with the account's own address, and all that it names is there.
func TestTheDocumentIsServed(t *testing.T) {
	h := openHouse(t, nil)
	response, _ := h.callAs(http.MethodGet, documentPath, "")
	loaded, err := openapi3.NewLoader().LoadFromData(response.GetBody())
	if err != nil {
		t.Fatal(err)
	}
	if err := loaded.Validate(t.Context()); err != nil {
		t.Errorf("it is not valid: %v", err)
	}
	if len(loaded.Servers) != 1 || loaded.Servers[0].URL != accountURL {
		t.Errorf("it names the servers %v", loaded.Servers)
	}
	operations := 0
	for path, item := range loaded.Paths.Map() {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch} {
			response, _ := h.callAs(method, strings.ReplaceAll(strings.TrimPrefix(path, "/"), "{id}", "x"), "")
			described := item.GetOperation(method) != nil
			if described {
				operations++
			}
			if served := response.GetStatus() != http.StatusMethodNotAllowed && response.GetStatus() != http.StatusNotFound; served != described {
				t.Errorf("%s %s: described %t, served %t (%d)", method, path, described, served, response.GetStatus())
			}
		}
	}
	if operations != 7 {
		t.Errorf("it describes %d operations", operations)
	}
	// What a field may hold is the same here and there.
	properties := loaded.Components.Schemas["Activity"].Value.Properties
	for name, of := range belongs {
		if properties[name] == nil {
			t.Errorf("the field %s of %v is not described", name, of)
		}
	}
	for name := range properties {
		if belongs[name] == nil && !slices.Contains([]string{"id", "type", "conversation", "at", "customer"}, name) {
			t.Errorf("the field %s is described and does not exist", name)
		}
	}
}
