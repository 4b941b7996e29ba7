package config

import (
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones are checked also on machines without a database of them
)

// check reports what the types alone do not say, and completes the defaults on its way.
func (d *decoder) check(c *Config) {
	d.checkServer(&c.Server)
	d.checkOrganization(&c.Organization)
	d.checkMail(&c.Mail)

	accounts := make(ids, len(c.Accounts))
	for i, a := range c.Accounts {
		accounts[i] = a.ID
	}
	channels := make(ids, len(c.Channels))
	for i, ch := range c.Channels {
		channels[i] = ch.ID
	}
	workstreams := make(ids, len(c.Workstreams))
	for i, w := range c.Workstreams {
		workstreams[i] = w.ID
	}
	queues := make(ids, len(c.Queues))
	for i, q := range c.Queues {
		queues[i] = q.ID
	}
	agents := make(ids, len(c.Agents))
	for i, a := range c.Agents {
		agents[i] = a.ID
	}
	d.checkIDs("account", accounts)
	d.checkIDs("channel", channels)
	d.checkIDs("workstream", workstreams)
	d.checkIDs("queue", queues)
	d.checkIDs("agent", agents)

	d.checkAgents(c)
	for i := range c.Accounts {
		d.checkAccount(c, i)
	}
	d.checkChannels(c, accounts, workstreams)
	d.checkAddresses(c)
	d.checkWidgets(c)
	c.complete()
	d.persist(c)
	d.checkWorkstreams(c)
	d.checkQueues(c)
	d.checkAttached(c)
}

// persist makes the workstreams of channels that are not live persistent: only a live conversation can be one that does
// not go on where it was left.
func (d *decoder) persist(c *Config) {
	for i := range c.Workstreams {
		w := &c.Workstreams[i]
		if schema, ok := d.env.plugin(w.Plugin); ok && !schema.Live {
			w.Persistent = true
		}
	}
}

// ids are the ids of the objects of one kind, by index.
type ids []string

// wellFormed is kebab-case.
var wellFormed = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func wellFormedID(s string) bool { return len(s) <= 64 && wellFormed.MatchString(s) }

// kebab turns a text into a well-formed id, "" when nothing of it can stay.
func kebab(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return strings.TrimRight(firstBytes(strings.Join(words, "-"), 64), "-")
}

func firstBytes(s string, n int) string { return s[:min(n, len(s))] }

// element returns the node of the object of a kind at an index, nil for one that is not in the file.
func (d *decoder) element(kind string, i int) *node { return d.nodes[fmt.Sprintf("%s[%d]", kind, i)] }

// listed reports whether the objects of a kind could be read as a list, so that references to them can be judged.
func (d *decoder) listed(kind string) bool {
	n := d.root.child(kind)
	return n == nil || n.kind == kindArray
}

func (d *decoder) checkIDs(kind string, list ids) {
	first := map[string]*node{}
	for i, id := range list {
		n := d.element(kind, i)
		if n == nil || n.kind != kindTable {
			continue
		}
		at := n.child("id")
		switch {
		case at == nil:
			d.missing(n, "id", fmt.Sprintf("This %s has no id.", kind), fmt.Sprintf("Give it one: id = \"my-%s\".", kind)).as("id-missing")
		case at.kind != kindString:
		case !wellFormedID(id):
			remedy, near := "Use lower-case letters, digits and single hyphens between them, 64 at most.", ""
			if k := kebab(id); 2*len(k) > len([]rune(id)) {
				near = k
				remedy = fmt.Sprintf("Write %q: lower-case letters, digits and single hyphens between them.", k)
			}
			d.say(at, fmt.Sprintf("%q is not an id.", id), remedy).as("not-id", "given", id, "near", near)
		case first[id] != nil:
			d.report(at.start, at.path, fmt.Sprintf("There is another %s %q on line %d.", kind, id, d.line(first[id])),
				"Ids are unique: rename or remove one of the two.").as("id-taken", "id", id, "line", strconv.Itoa(d.line(first[id])))
		default:
			first[id] = at
		}
	}
}

func (d *decoder) checkServer(s *Server) {
	server := d.root.child("server")
	if n := server.child("listen"); n != nil && n.kind == kindString {
		_, port, err := net.SplitHostPort(s.Listen)
		number, portErr := strconv.Atoi(port)
		if err != nil || portErr != nil || number < 0 || number > 65535 {
			d.say(n, fmt.Sprintf("%q is not an address to listen on.", s.Listen), `Write host:port, such as "127.0.0.1:8080", or ":8080" for every interface.`)
		}
	}
	if n := server.child("public_url"); n != nil && n.kind == kindString && s.PublicURL != "" {
		u, err := url.Parse(s.PublicURL)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil:
			d.say(n, fmt.Sprintf("%q is not an address a browser can open.", s.PublicURL), `Write something like "https://desk.example.com".`)
		case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
			d.say(n, "Guichet needs a host name of its own; the address cannot have a path.", fmt.Sprintf("Write \"%s://%s\".", u.Scheme, u.Host))
		default:
			s.PublicURL = u.Scheme + "://" + u.Host
		}
	}
	for i, p := range s.TrustedProxies {
		_, addrErr := netip.ParseAddr(p)
		_, netErr := netip.ParsePrefix(p)
		if n := d.nodes[fmt.Sprintf("server.trusted_proxies[%d]", i)]; n.kind == kindString && addrErr != nil && netErr != nil {
			d.say(n, fmt.Sprintf("%q is neither an address nor a network.", p), `Write "127.0.0.1" or "10.0.0.0/8".`)
		}
	}
	if tls := server.child("tls"); tls != nil && (s.TLS.CertFile == "") != (s.TLS.KeyFile == "") {
		d.say(tls, "A certificate needs both its file and its key's file.", "Set both cert_file and key_file, or neither.")
	}
}

// languageTag is the common part of BCP 47: a language and subtags.
var languageTag = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$`)

func (d *decoder) checkLanguage(n *node) {
	if n != nil && n.kind == kindString && !languageTag.MatchString(n.text) {
		d.say(n, fmt.Sprintf("%q is not a language tag.", n.text), `Write something like "en", "fr" or "pt-BR".`).as("not-language", "given", n.text)
	}
}

func (d *decoder) checkOrganization(o *Organization) {
	organization := d.root.child("organization")
	if n := organization.child("id"); n != nil && n.kind == kindString && !wellFormedID(o.ID) {
		d.say(n, fmt.Sprintf("%q is not an id.", o.ID), "Use lower-case letters, digits and single hyphens between them, 64 at most.")
	}
	if n := organization.child("name"); n != nil && n.kind == kindString && o.Name == "" {
		d.say(n, "The organization's name is empty.", "Write the name your customers know.")
	}
	d.checkLanguage(organization.child("language"))
	d.checkLength(organization.child("privacy_notice"), 600)
	if n := organization.child("time_zone"); n != nil && n.kind == kindString {
		if _, err := time.LoadLocation(o.TimeZone); err != nil || o.TimeZone == "" || o.TimeZone == "Local" {
			d.say(n, fmt.Sprintf("%q is not a time zone.", o.TimeZone), `Write an IANA name such as "Europe/Paris" or "UTC".`)
		}
	}
}

func (d *decoder) checkMail(m *Mail) {
	n := d.root.child("mail")
	if n == nil || n.kind != kindTable {
		return
	}
	if n.child("from") != nil && n.child("from").kind == kindString {
		if _, err := mail.ParseAddress(m.From); err != nil {
			d.say(n.child("from"), fmt.Sprintf("%q is not an e-mail address.", m.From), `Write "help@example.com" or "Help <help@example.com>".`)
		}
	}
	if m.Host == "" && len(n.names) > 0 {
		d.missing(n, "host", "The mail server's host is missing.", `Write host = "smtp.example.com", or take [mail] out.`)
	}
	if m.Host != "" && n.child("from") == nil {
		d.missing(n, "from", "The address that mail comes from is missing.", `Write from = "help@example.com".`)
	}
	if n.child("username") != nil && n.child("password") == nil {
		d.missing(n, "password", "There is a username but no password.", `Write password = { env = "SMTP_PASSWORD" }.`)
	}
}

// plainEmail reports whether s is a bare e-mail address.
func plainEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && a.Name == ""
}

func localPart(email string) string {
	name, _, _ := strings.Cut(email, "@")
	return name
}
