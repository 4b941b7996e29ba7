package auth

import "github.com/guichet/guichet/core"

// Action is something that a role may do or not.
type Action string

// The actions. Whether a person may touch one particular conversation is the desk's question; these are what no role
// below may do at all.
const (
	Answer        Action = "answer"        // take, read and answer conversations in one's sight; see colleagues and queues
	Oversee       Action = "oversee"       // see every conversation, every presence, accounts and plugins
	ValidateSetup Action = "validate"      // run the live checks of an account
	Configure     Action = "configure"     // see problems of the configuration, change it
	ManagePeople  Action = "manage-people" // add, disable, set passwords of others
	ReadAudit     Action = "read-audit"
	WriteSecrets  Action = "write-secrets" // write secrets, say where they are kept and sent, and see their fingerprints
)

var permissions = map[core.Role]map[Action]bool{
	core.AgentRole:     {Answer: true},
	core.Supervisor:    {Answer: true, Oversee: true},
	core.Administrator: {Answer: true, Oversee: true, ValidateSetup: true, Configure: true, ManagePeople: true, ReadAudit: true, WriteSecrets: true},
}

// May reports whether a role allows an action. An unknown role may nothing.
func May(role core.Role, action Action) bool { return permissions[role][action] }

// Require is May as an error: Forbidden, with a sentence.
func Require(role core.Role, action Action) error {
	if May(role, action) {
		return nil
	}
	return &core.Error{Code: core.Forbidden, Message: "Your role (" + string(role) + ") does not allow this."}
}
