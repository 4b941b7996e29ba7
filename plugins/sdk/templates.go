package sdk

import "context"

// TemplateLister is a Channel whose provider keeps a catalogue of approved messages; for plugins whose manifest says
// Services.Templates.
type TemplateLister interface {
	// ListTemplates returns the whole catalogue.
	ListTemplates(ctx context.Context) ([]MessageTemplate, error)
}

// MessageTemplate is a message that the provider has approved, or not yet.
type MessageTemplate struct {
	Name         string
	Language     string // BCP 47
	Category     string // the provider's word
	Status       TemplateStatus
	Reason       string // why it is not approved
	Text         string // with its placeholders as {{name}}
	Placeholders []string
}

// TemplateStatus is where a template stands at the provider.
type TemplateStatus int

// The states of a template.
const (
	TemplateApproved TemplateStatus = iota + 1
	TemplatePending
	TemplateRejected
	TemplatePaused
)
