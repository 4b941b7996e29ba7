package harness

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// The names that generated configurations use.
const (
	Account    = "shop"
	Channel    = "line"
	Queue      = "general"
	Workstream = "messages"
	Password   = "correct horse battery staple"
)

// Config is what differs between the configurations that load programs and tests need. The zero value is one LINE
// account without agents.
type Config struct {
	Settings      map[string]string // of the account, from linetest.Platform.Settings
	Agents        int               // agent-1, agent-2 …, all members of the queue
	AgentCapacity int               // units; 1,000 when 0
	People        []Person          // beyond the agents; not members of the queue
	Distribution  string            // "push" when ""
	OfferTimeout  string            // "30m" when ""
	WrapUp        string            // TOML of the workstream's wrap_up; `{ block = "none" }` when ""
	NoAffinity    bool
	Durability    string // "group" when ""
	More          string // TOML that is appended
}

// Person is somebody who signs in.
type Person struct {
	ID   string
	Role string // "agent", "supervisor", "administrator"
}

// Supervisor sees everything and takes no conversations.
var Supervisor = Person{ID: "boss", Role: "administrator"}

// Email is the address under which a person signs in.
func Email(id string) string { return id + "@example.com" }

// AgentID names the agents of a configuration, from 1.
func AgentID(n int) string { return "agent-" + strconv.Itoa(n) }

// TOML writes the configuration.
func (c *Config) TOML() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	or := func(value, otherwise string) string {
		if value == "" {
			return otherwise
		}
		return value
	}
	capacity := c.AgentCapacity
	if capacity == 0 {
		capacity = 1000
	}
	line("[organization]\nname = \"Load\"\n")
	line("[storage]\ndurability = %q\n", or(c.Durability, "group"))
	line("[[account]]\nid = %q\nplugin = \"line\"\nconsent = true\ntest = true\n\n[account.settings]", Account)
	keys := make([]string, 0, len(c.Settings))
	for key := range c.Settings {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		line("%s = %q", key, c.Settings[key])
	}
	line("\n[[channel]]\nid = %q\naccount = %q\nworkstream = %q\n", Channel, Account, Workstream)
	line("[[workstream]]\nid = %q\nfallback_queue = %q\ndistribution = %q", Workstream, Queue, or(c.Distribution, "push"))
	line("offer_timeout = %q\naffinity = %t\nwrap_up = %s\n", or(c.OfferTimeout, "30m"), !c.NoAffinity, or(c.WrapUp, `{ block = "none" }`))
	people := c.People
	members := make([]string, 0, c.Agents)
	for n := 1; n <= c.Agents; n++ {
		people = append(people[:len(people):len(people)], Person{ID: AgentID(n), Role: "agent"})
		members = append(members, strconv.Quote(AgentID(n)))
	}
	line("[[queue]]\nid = %q\nmembers = [%s]\n", Queue, strings.Join(members, ", "))
	for _, p := range people {
		line("[[agent]]\nid = %q\nemail = %q\nname = %q\nrole = %q\ncapacity = %d\n", p.ID, Email(p.ID), strings.ToUpper(p.ID[:1])+p.ID[1:], p.Role, capacity)
	}
	b.WriteString(c.More)
	return b.String()
}
