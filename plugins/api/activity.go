package api

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The kinds of activities.
const (
	kindMessage  = "message"
	kindStart    = "start"
	kindEdit     = "edit"
	kindDelete   = "delete"
	kindPostback = "postback"
	kindTyping   = "typing"
	kindRead     = "read"
	kindEnd      = "end"
)

var kinds = []string{kindMessage, kindStart, kindEdit, kindDelete, kindPostback, kindTyping, kindRead, kindEnd}

// belongs says to which kinds a field belongs; those that are not here belong to all.
var belongs = map[string][]string{
	"text": {kindMessage, kindEdit, kindPostback}, "format": {kindMessage}, "attachments": {kindMessage}, "location": {kindMessage},
	"contacts": {kindMessage}, "reply_to": {kindMessage}, "variables": {kindMessage, kindStart}, "message": {kindEdit, kindDelete},
	"data": {kindPostback}, "params": {kindPostback}, "stopped": {kindTyping}, "up_to": {kindRead}, "reason": {kindEnd},
}

// activity is one thing that a customer said or did. Its JSON form is never shown: its digest is made of it. A field that
// is empty does not count there, so that the digests stay when fields are added.
type activity struct {
	path string // in the request, for what is found wrong later

	ID           string            `json:",omitzero"`
	Type         string            `json:",omitzero"`
	Conversation string            `json:",omitzero"` // the thread's id
	At           time.Time         `json:",omitzero"`
	Customer     customer          `json:",omitzero"`
	Text         string            `json:",omitzero"`
	Format       string            `json:",omitzero"`
	Attachments  []attachment      `json:",omitempty"`
	Location     *location         `json:",omitzero"`
	Contacts     []contact         `json:",omitempty"`
	ReplyTo      string            `json:",omitzero"`
	Variables    map[string]string `json:",omitempty"`
	Message      string            `json:",omitzero"` // that is edited or deleted
	Data         string            `json:",omitzero"`
	Params       map[string]string `json:",omitempty"`
	Stopped      bool              `json:",omitzero"`
	UpTo         string            `json:",omitzero"`
	Reason       string            `json:",omitzero"`
}

type customer struct {
	Kind          string `json:",omitzero"`
	ID            string `json:",omitzero"`
	Name          string `json:",omitzero"`
	Language      string `json:",omitzero"`
	Picture       string `json:",omitzero"`
	Email         string `json:",omitzero"`
	Phone         string `json:",omitzero"`
	EmailVerified bool   `json:",omitzero"`
	PhoneVerified bool   `json:",omitzero"`
}

type attachment struct {
	URL     string `json:",omitzero"`
	Name    string `json:",omitzero"`
	Type    string `json:",omitzero"`
	Content []byte `json:",omitempty"`
}

type location struct {
	Latitude  float64 `json:",omitzero"`
	Longitude float64 `json:",omitzero"`
	Title     string  `json:",omitzero"`
	Address   string  `json:",omitzero"`
}

type contact struct {
	Name   string   `json:",omitzero"`
	Phones []string `json:",omitempty"`
	Emails []string `json:",omitempty"`
}

var (
	kindForm     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	phoneForm    = regexp.MustCompile(`^\+[1-9][0-9]{4,14}$`)
	emailForm    = regexp.MustCompile(`^[^\s@]+@[^\s@]+$`)
	languageForm = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$`)
	typeForm     = regexp.MustCompile(`^[a-zA-Z0-9!#$&^_.+-]{1,60}/[a-zA-Z0-9!#$&^_.+*-]{1,100}$`)
)

// customerKind is the kind of a customer's identity where the request names none.
const customerKind = "customer"

// readActivity reads one activity and finds all that is wrong with it. id is the one that the request's header gives.
func readActivity(o object, id string) *activity {
	a := &activity{path: o.path, ID: o.text("id", maxID), Type: o.oneOf("type", kinds...)}
	switch {
	case id != "" && a.ID != "" && a.ID != id:
		o.wrong("id", "It differs from the header Idempotency-Key: give one of them.")
	case a.ID == "":
		a.ID = id
	}
	if a.ID == "" && a.Type != kindTyping && a.Type != kindRead {
		o.wrong("id", "Give each an id of your own, here or in the header Idempotency-Key, so that one that is sent again counts once.")
	}
	a.Conversation, a.At = o.text("conversation", maxID), o.instant("at")
	a.readCustomer(&o)
	has := func(name string) bool {
		for _, kind := range belongs[name] {
			if kind == a.Type {
				return true
			}
		}
		return false
	}
	for name, read := range map[string]func(){
		"text":        func() { a.Text = o.text("text", maxText) },
		"format":      func() { a.Format = o.oneOf("format", "plain", "markdown") },
		"attachments": func() { a.readAttachments(&o) },
		"location":    func() { a.readLocation(&o) },
		"contacts":    func() { a.readContacts(&o) },
		"reply_to":    func() { a.ReplyTo = o.text("reply_to", maxID) },
		"variables":   func() { a.Variables = o.values("variables", maxVariables, maxVariable) },
		"message":     func() { a.Message = o.text("message", maxID) },
		"data":        func() { a.Data = o.text("data", maxVariable) },
		"params":      func() { a.Params = o.values("params", maxVariables, maxVariable) },
		"stopped":     func() { a.Stopped = o.flag("stopped") },
		"up_to":       func() { a.UpTo = o.text("up_to", maxID) },
		"reason":      func() { a.Reason = o.text("reason", maxName) },
	} {
		if has(name) {
			read()
		}
	}
	a.needs(&o)
	o.end(func(name string) string {
		if of := belongs[name]; of != nil {
			return "It does not belong to the type " + strconv.Quote(a.Type) + "; it does to " + quoted(of) + "."
		}
		return ""
	})
	return a
}

// needs finds what is missing.
func (a *activity) needs(o *object) {
	if a.Customer.ID == "" && (a.Conversation == "" || a.Type == kindMessage || a.Type == kindStart || a.Type == kindPostback) {
		o.wrong("customer.id", "Say who the customer is: an id by which your program knows them.")
	}
	if a.Conversation == "" {
		a.Conversation = a.Customer.Kind + ":" + a.Customer.ID
	}
	empty := strings.TrimSpace(a.Text) == ""
	switch {
	case a.Type == kindMessage && empty && len(a.Attachments) == 0 && a.Location == nil && len(a.Contacts) == 0:
		o.wrong("text", "The message is empty: it needs a text, an attachment, a location or a contact.")
	case a.Type == kindEdit && empty:
		o.wrong("text", "Say what the message reads now; to take it back, use the type \"delete\".")
	case a.Type == kindPostback && a.Data == "":
		o.wrong("data", "Say what the button stands for.")
	}
	if a.Message == "" && (a.Type == kindEdit || a.Type == kindDelete) {
		o.wrong("message", "Say which message: the id that it was posted with.")
	}
}

func (a *activity) readCustomer(o *object) {
	in, ok := o.object("customer")
	if !ok {
		return
	}
	c := &a.Customer
	*c = customer{
		Kind: in.text("kind", maxName), ID: in.text("id", maxID), Name: in.text("name", maxName), Language: in.text("language", maxName),
		Picture: in.text("picture_url", maxURL), Email: in.text("email", maxName), Phone: in.text("phone", maxName),
		EmailVerified: in.flag("email_verified"), PhoneVerified: in.flag("phone_verified"),
	}
	if c.Kind == "" {
		c.Kind = customerKind
	}
	if !kindForm.MatchString(c.Kind) {
		in.wrong("kind", "It is a word of lower-case letters, digits and hyphens, such as \"customer\".")
	}
	if c.Language != "" && !languageForm.MatchString(c.Language) {
		in.wrong("language", "It must be a language tag, such as \"fr\" or \"pt-BR\".")
	}
	if c.Picture != "" && !webAddress(c.Picture) {
		in.wrong("picture_url", "It must be an address that begins with https://.")
	}
	email, phone := c.Email, c.Phone
	switch c.Kind {
	case "email":
		email, c.ID = c.ID, strings.ToLower(c.ID)
	case "phone":
		phone = c.ID
	}
	if email != "" && !emailForm.MatchString(email) {
		in.wrong(fieldOf(c.Kind == "email", "email"), "It must be an e-mail address.")
	}
	if phone != "" && !phoneForm.MatchString(phone) {
		in.wrong(fieldOf(c.Kind == "phone", "phone"), "It must be a number as E.164 has it, such as \"+33612345678\".")
	}
	c.Email = strings.ToLower(c.Email)
	in.end(nil)
}

// fieldOf is where an e-mail address or a phone number stands: it may be the customer's id.
func fieldOf(id bool, name string) string {
	if id {
		return "id"
	}
	return name
}

func webAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

func (a *activity) readAttachments(o *object) {
	for _, in := range o.objects("attachments", maxAttachments) {
		at := attachment{URL: in.text("url", maxURL), Name: fileName(in.text("name", maxName)), Type: in.text("type", maxName)}
		content, inline := decode[string](&in, "content", "a string in base64")
		if inline {
			var err error
			if at.Content, err = base64.StdEncoding.DecodeString(content); err != nil {
				in.wrong("content", "It must be base64, with its padding.")
			} else if len(at.Content) == 0 {
				in.wrong("content", "The file is empty.")
			}
		}
		switch {
		case at.URL == "" && !inline:
			in.wrong("url", "Give the file's address as url, or the file itself as content in base64.")
		case at.URL != "" && inline:
			in.wrong("content", "Give either url or content, not both.")
		case at.URL != "" && !webAddress(at.URL):
			in.wrong("url", "It must be an address that begins with https://, without a user name.")
		}
		if at.Type != "" && !typeForm.MatchString(at.Type) {
			in.wrong("type", "It must be a media type, such as \"image/png\".")
		}
		in.end(nil)
		a.Attachments = append(a.Attachments, at)
	}
}

func (a *activity) readLocation(o *object) {
	in, ok := o.object("location")
	if !ok {
		return
	}
	a.Location = &location{
		Latitude: in.number("latitude", -90, 90), Longitude: in.number("longitude", -180, 180),
		Title: in.text("title", maxName), Address: in.text("address", maxName),
	}
	in.end(nil)
}

func (a *activity) readContacts(o *object) {
	for _, in := range o.objects("contacts", maxContacts) {
		c := contact{Name: in.text("name", maxName), Phones: in.texts("phones", maxListed, maxName), Emails: in.texts("emails", maxListed, maxName)}
		if c.Name == "" && len(c.Phones) == 0 && len(c.Emails) == 0 {
			in.wrong("name", "The contact is empty.")
		}
		in.end(nil)
		a.Contacts = append(a.Contacts, c)
	}
}

// fileName makes a harmless name of what a program calls a file.
func fileName(given string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return -1 // the latter turn "fdp.exe" around
		case strings.ContainsRune(`/\:*?"<>|`, r):
			return '_'
		}
		return r
	}, given))
}
