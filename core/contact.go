package core

import "time"

// Contact is a customer.
type Contact struct {
	ID       ID     `json:"id"`
	Version  uint64 `json:"version"`
	Name     string `json:"name"` // "" until a profile or an agent names it
	Email    string `json:"email,omitempty"`
	Phone    string `json:"phone,omitempty"`
	Language string `json:"language,omitempty"`
	Picture  string `json:"picture,omitempty"` // address of a profile picture at the provider
	Company  ID     `json:"company,omitempty"`
	// CompanyName is the company as an agent wrote it, where no Company is kept.
	CompanyName string    `json:"company_name,omitempty"`
	Note        string    `json:"note,omitempty"` // what agents should know of the customer; never shown to them
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	// MergedInto names the contact that survived a merge; this record stays as an alias, so that the merge can be
	// taken back.
	MergedInto ID `json:"merged_into,omitempty"`
}

// Anonymous reports whether nothing is known by which a person would call this customer.
func (c *Contact) Anonymous() bool { return c.Name == "" && c.Email == "" && c.Phone == "" }

// Company is an organisation that contacts may belong to.
type Company struct {
	ID        ID        `json:"id"`
	Version   uint64    `json:"version"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// IdentityKey names a customer on one channel: a LINE user id under an account, a phone number, a verified e-mail.
// Scope is the account for provider-scoped ids, "" for ids that are the same everywhere.
type IdentityKey struct {
	Scope string `json:"scope"`
	Kind  string `json:"kind"` // "line-user", "line-group", "phone", "email" …
	Value string `json:"value"`
}

// Identity attaches a key to a contact. Owner is the contact of its own: the one it was first attached to, or one made
// for it when that one stayed another's. Contact is who it belongs to now, which differs after a merge and when an agent
// has linked it to another.
type Identity struct {
	IdentityKey
	Contact  ID     `json:"contact"`
	Owner    ID     `json:"owner"`
	Name     string `json:"name,omitempty"` // display name at the provider
	Picture  string `json:"picture,omitempty"`
	Language string `json:"language,omitempty"`
	Verified bool   `json:"verified,omitempty"`
	Blocked  bool   `json:"blocked,omitempty"` // the customer blocked us: sending is pointless
	OptedOut bool   `json:"opted_out,omitempty"`
	// LinkedBy names the agent on whose word alone the identity is Contact's; "" when that is beyond doubt. Until it is,
	// one who serves the customer through this identity does not read what they said through others.
	LinkedBy  string    `json:"linked_by,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// ProfileAt is when the provider's profile was last fetched; zero when never.
	ProfileAt time.Time `json:"profile_at,omitzero"`
}

// ContactMove is what is left to do after an identity has changed hands: its conversations follow, in chunks.
type ContactMove struct {
	ID       ID          `json:"id"`
	Identity IdentityKey `json:"identity"`
	To       ID          `json:"to"` // the contact that it went to
	// Rest is whose the other conversations are that lie under an alias which is one no longer.
	Rest ID `json:"rest"`
	// Lists are the contacts under which its conversations may lie, without those that have been gone through.
	Lists  []ID   `json:"lists"`
	Cursor string `json:"cursor,omitempty"` // where the first list goes on
}
