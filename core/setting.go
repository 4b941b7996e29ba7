package core

// SettingKind is the type of a plugin setting's value.
type SettingKind string

// The kinds of settings. A list is a list of strings; a select has options; a file is the content of a file.
const (
	SettingString   SettingKind = "string"
	SettingText     SettingKind = "text"
	SettingSecret   SettingKind = "secret"
	SettingInt      SettingKind = "int"
	SettingBool     SettingKind = "bool"
	SettingDuration SettingKind = "duration"
	SettingURL      SettingKind = "url"
	SettingEmail    SettingKind = "email"
	SettingSelect   SettingKind = "select"
	SettingList     SettingKind = "list"
	SettingFile     SettingKind = "file"
)

// SettingField describes one field of a plugin's settings. Plugins declare a flat list of them; the configuration is
// validated against it, TOML names the keys, and the admin center renders it as a form.
type SettingField struct {
	Key      string
	Kind     SettingKind
	Title    string
	Help     string
	Required bool
	Secret   bool   // masked when read back, sealed at rest
	Default  string // in the form in which TOML would write a string of it
	Pattern  string // a regular expression (RE2) that the whole value must match
	Options  []string
	Group    string
	ShowIf   string // "key=value": asked for and required only then
	TestOnly bool   // only in an account marked test = true
}

// PluginSchema is what the configuration needs to know of a plugin without running it.
type PluginSchema struct {
	Plugin   string
	Settings []SettingField // of an account
	Address  []SettingField // of a channel's address
	Consent  bool           // the account must carry consent = true
	// Live says that both sides are there at once, as in a web chat: a conversation that its agent leaves goes back in
	// line. Elsewhere it waits for the customer, who may answer days later.
	Live bool
}
