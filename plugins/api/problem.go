package api

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// problem is an error as RFC 9457 shows it. Code is stable; Errors names every field that is wrong.
type problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Code   string       `json:"code"`
	Detail string       `json:"detail"`
	Errors []fieldError `json:"errors,omitempty"`
}

// The codes of problems.
const (
	codeUnauthorized = "unauthorized"
	codeNotFound     = "not-found"
	codeMethod       = "method-not-allowed"
	codeMalformed    = "malformed"
	codeInvalid      = "invalid"
	codeConflict     = "conflict"
	codeUnavailable  = "unavailable"
)

// comeAgain is after how many seconds to try again what cannot be done just now.
const comeAgain = 1

// refuse answers with a problem.
func refuse(w http.ResponseWriter, status int, code, detail string, errors ...fieldError) {
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="guichet"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(comeAgain))
	}
	write(w, status, "application/problem+json", problem{
		Type: "urn:guichet:problem:" + code, Title: http.StatusText(status), Status: status, Code: code, Detail: detail, Errors: errors,
	})
}

func answer(w http.ResponseWriter, status int, body any) { write(w, status, "application/json", body) }

func write(w http.ResponseWriter, status int, contentType string, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		panic("api: " + err.Error()) // what is answered always has a JSON form
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(raw, '\n'))
}
