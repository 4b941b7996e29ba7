// Package config turns one TOML file into the desk's setup: it decodes strictly, reports every problem at once with
// its place and its remedy, keeps the last good version in force, and edits the file without disturbing it.
//
// It knows core and TOML. It must not know storage engines, HTTP or the plugin protocol: what it needs of them comes
// through [Environment] (secrets, plugin schemas), [History] (applied versions) and the apply function of [Source].
//
// Start reading at [Config], which mirrors the file, then [Decode]; example.toml explains every setting to people. [Amend]
// edits a text by object and field; [Editor] is everything around it.
package config

import (
	"github.com/guichet/guichet/core"
)

// Config is one decoded and validated file, with defaults filled in. Struct tags name the keys of the file and say what
// may be written: options lists the values of a text, min and max bound numbers and durations, never allows "never".
type Config struct {
	Server       Server       `toml:"server"`
	Organization Organization `toml:"organization"`
	Storage      Storage      `toml:"storage"`
	Mail         Mail         `toml:"mail"`
	Accounts     []Account    `toml:"account"`
	Channels     []Channel    `toml:"channel"`
	Workstreams  []Workstream `toml:"workstream"`
	Queues       []Queue      `toml:"queue"`
	Agents       []Agent      `toml:"agent"`

	doc      *document
	text     []byte
	resolved map[string]string // what references to variables and files gave, by "env:NAME" and "file:PATH"
	secrets  []span            // literal secrets in text
	live     map[string]bool   // the channels whose plugin is of a live channel
}

// Server is how the process is reached. A change of Listen or TLS takes effect at the next start.
type Server struct {
	Listen         string   `toml:"listen"`          // host:port
	PublicURL      string   `toml:"public_url"`      // scheme and host, no trailing slash; empty: derived from Listen
	TrustedProxies []string `toml:"trusted_proxies"` // addresses or CIDR networks whose forwarding headers are believed
	AllowTest      bool     `toml:"allow_test"`      // test accounts are allowed although PublicURL is https
	TLS            TLS      `toml:"tls"`
}

// TLS is the server's certificate; without files it speaks plain HTTP.
type TLS struct {
	CertFile string `toml:"cert_file"` // PEM, the leaf first
	KeyFile  string `toml:"key_file"`  // PEM
}

// Organization is the business that runs the desk.
type Organization struct {
	ID            string `toml:"id"`
	Name          string `toml:"name"`
	Language      string `toml:"language"`  // BCP 47
	TimeZone      string `toml:"time_zone"` // IANA name
	PrivacyNotice string `toml:"privacy_notice"`
}

// Storage is where the desk keeps what people produce. A change takes effect at the next start.
type Storage struct {
	Engine     string `toml:"engine" options:"badger"`
	Dir        string `toml:"dir"` // relative to the working directory
	Durability string `toml:"durability" options:"group each none"`
}

// Mail is the SMTP server that sends transcripts and invitations; without Host nothing is sent.
type Mail struct {
	Host     string `toml:"host"`
	Port     int    `toml:"port" min:"1" max:"65535"`
	Security string `toml:"security" options:"starttls tls none"`
	Username string `toml:"username"`
	Password Secret `toml:"password"`
	From     string `toml:"from"`
}

// Account is a set of credentials at a provider, handled by one plugin.
type Account struct {
	ID       string   `toml:"id"`
	Plugin   string   `toml:"plugin"`
	Name     string   `toml:"name"`    // the id where omitted
	Consent  bool     `toml:"consent"` // data may be shared with the provider
	Test     bool     `toml:"test"`
	Enabled  bool     `toml:"enabled"`
	Retired  bool     `toml:"retired"`
	Settings Settings `toml:"settings"`
}

// Settings are an account's settings as its plugin's schema reads them, defaults filled in and secrets resolved: int64
// for int, bool for bool, []string for list, string for every other kind. A duration is in the form that
// [time.ParseDuration] reads. A key that is not set and has no default is absent. Secrets of an account that is
// switched off are not resolved and absent too.
type Settings map[string]any

// Channel is one reachable address under an account.
type Channel struct {
	ID          string            `toml:"id"`
	Account     string            `toml:"account"`
	Workstream  string            `toml:"workstream"`
	Language    string            `toml:"language"` // the organization's where omitted
	Address     map[string]string `toml:"address"`
	Attachments Attachments       `toml:"attachments"`
	Widget      Widget            `toml:"widget"` // of live channels only
	Enabled     bool              `toml:"enabled"`
	Retired     bool              `toml:"retired"`
}

// Attachments says who may send files on a channel.
type Attachments struct {
	FromCustomer bool `toml:"from_customer"`
	FromAgent    bool `toml:"from_agent"`
}

// Widget is how the chat of a live channel looks, and where it may be shown.
type Widget struct {
	Title     string   `toml:"title"` // the organization's name where omitted
	Subtitle  string   `toml:"subtitle"`
	Color     string   `toml:"color"` // #rrggbb or one of the names in widgetColors
	Position  string   `toml:"position" options:"bottom-right bottom-left"`
	LogoURL   string   `toml:"logo_url"`
	Hidden    bool     `toml:"hidden"`
	Domains   []string `toml:"domains"`   // hosts without a scheme; none: every page may show it
	Languages []string `toml:"languages"` // BCP 47; the channel's alone where omitted
}

// Workstream says how conversations of its channels are distributed and closed.
type Workstream struct {
	ID               string          `toml:"id"`
	Plugin           string          `toml:"plugin"` // its channels' where omitted
	Enabled          bool            `toml:"enabled"`
	Persistent       bool            `toml:"persistent"`
	Distribution     string          `toml:"distribution" options:"push pick"`
	PickFromPush     bool            `toml:"pick_from_push"`
	Capacity         int             `toml:"capacity" min:"0" max:"1000"`
	FallbackQueue    string          `toml:"fallback_queue"` // where omitted: the only queue, else "general"
	Affinity         bool            `toml:"affinity"`
	AllowedPresences []core.Presence `toml:"allowed_presences" options:"available busy do-not-disturb away offline"`
	OfferTimeout     Duration        `toml:"offer_timeout" min:"5s" max:"1h"`
	DeclinesAllowed  int             `toml:"declines_allowed" min:"1" max:"5"`
	// InactiveAfterMissed makes an agent who misses an offer inactive, until they are available again.
	InactiveAfterMissed bool      `toml:"inactive_after_missed"`
	AutoClose           AutoClose `toml:"auto_close"`
	WrapUp              WrapUp    `toml:"wrap_up"`
}

// AutoClose is after how much inactivity a conversation closes by itself, per state; 0, written "never", is never.
type AutoClose struct {
	Open    Duration `toml:"open" min:"1m" never:"true"`
	Active  Duration `toml:"active" min:"1m" never:"true"`
	Waiting Duration `toml:"waiting" min:"1m" never:"true"`
	WrapUp  Duration `toml:"wrap_up" min:"1m" never:"true"`
}

// WrapUp says for how long an ended conversation still takes capacity.
type WrapUp struct {
	Block string   `toml:"block" options:"always custom none"`
	For   Duration `toml:"for" min:"30s" max:"30d"` // with "custom"
}

// Queue is a line of waiting conversations.
type Queue struct {
	ID         string   `toml:"id"`
	Name       string   `toml:"name"` // the id where omitted
	Enabled    bool     `toml:"enabled"`
	Priority   int      `toml:"priority" min:"0" max:"1000000"` // smaller wins
	Members    []string `toml:"members"`                        // ids or e-mails of agents; nil where omitted: every agent
	Assignment string   `toml:"assignment" options:"highest-capacity"`
}

// Agent is a person who answers customers.
type Agent struct {
	ID       string        `toml:"id"`
	Email    string        `toml:"email"`
	Name     string        `toml:"name"` // the e-mail's part before the @ where omitted
	Role     core.Role     `toml:"role" options:"administrator supervisor agent"`
	Capacity int           `toml:"capacity" min:"0" max:"1000"`
	Presence core.Presence `toml:"presence" options:"available busy do-not-disturb away offline"`
	Enabled  bool          `toml:"enabled"`
}

// name is the file's, as it was given to [Decode].
func (c *Config) name() string { return c.doc.file }

// RestartNeeded returns the keys whose change from old to c takes effect only when the process starts again.
func (c *Config) RestartNeeded(old *Config) []string {
	var keys []string
	add := func(key string, same bool) {
		if !same {
			keys = append(keys, key)
		}
	}
	add("server.listen", c.Server.Listen == old.Server.Listen)
	add("server.tls", c.Server.TLS == old.Server.TLS)
	add("storage.engine", c.Storage.Engine == old.Storage.Engine)
	add("storage.dir", c.Storage.Dir == old.Storage.Dir)
	add("storage.durability", c.Storage.Durability == old.Storage.Durability)
	return keys
}
