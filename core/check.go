package core

// CheckState is the result of a check.
type CheckState string

// The results of checks.
const (
	CheckPassed  CheckState = "passed"
	CheckFailed  CheckState = "failed"
	CheckWarning CheckState = "warning"
	CheckSkipped CheckState = "skipped" // not run; the detail says why
)

// Check is one named check of an account's settings against the provider.
type Check struct {
	Name   string     `json:"name"` // stable, kebab-case: "token", "webhook-url"
	Title  string     `json:"title"`
	State  CheckState `json:"state"`
	Detail string     `json:"detail,omitempty"` // what was found
	Fix    string     `json:"fix,omitempty"`    // what to do
	Field  string     `json:"field,omitempty"`  // key of the setting that it concerns
}
