package config

import (
	"time"

	"github.com/guichet/guichet/core"
)

// What holds where the file is silent. The figures of a workstream are those of messaging channels in the product this
// one replaces: 30 days in Open and Active, 28 in Waiting, one in Wrap-up, 3 declines, 120 seconds to accept. An agent
// has 10 units and a conversation takes 1, so ten conversations at once are the most.

// generalQueue is the queue that exists where the file defines none. Everybody is a member.
const generalQueue = "general"

func (c *Config) defaults() {
	c.Server = Server{Listen: "127.0.0.1:8080"}
	c.Organization = Organization{ID: "guichet", Name: "Guichet", Language: "en", TimeZone: "UTC"}
	c.Storage = Storage{Engine: "badger", Dir: "data", Durability: "group"}
	c.Mail = Mail{Port: 587, Security: "starttls"}
}

func (a *Account) defaults() { a.Enabled = true }

func (c *Channel) defaults() {
	c.Enabled = true
	c.Attachments = Attachments{FromCustomer: true, FromAgent: true}
	c.Widget = Widget{Color: "teal", Position: "bottom-right"}
}

func (w *Workstream) defaults() {
	w.Enabled = true
	w.Distribution = string(core.Push)
	w.Capacity = 1
	w.Affinity = true
	w.AllowedPresences = []core.Presence{core.Available, core.Busy}
	w.OfferTimeout = Duration(120 * time.Second)
	w.DeclinesAllowed = 3
	w.AutoClose = AutoClose{Open: Duration(30 * day), Active: Duration(30 * day), Waiting: Duration(28 * day), WrapUp: Duration(day)}
	w.WrapUp = WrapUp{Block: "always", For: Duration(5 * time.Minute)}
}

func (q *Queue) defaults() {
	q.Enabled = true
	q.Priority = 100
	q.Assignment = "highest-capacity"
}

func (a *Agent) defaults() {
	a.Enabled = true
	a.Role = core.AgentRole
	a.Capacity = 10
	a.Presence = core.Available
}

// complete fills in what depends on other parts of the file.
func (c *Config) complete() {
	for i := range c.Accounts {
		a := &c.Accounts[i]
		a.Name = firstOf(a.Name, a.ID)
	}
	for i := range c.Channels {
		ch := &c.Channels[i]
		ch.Language = firstOf(ch.Language, c.Organization.Language)
		ch.Widget.Title = firstOf(ch.Widget.Title, c.Organization.Name)
	}
	if len(c.Queues) == 0 {
		q := Queue{ID: generalQueue, Name: "General"}
		q.defaults()
		c.Queues = append(c.Queues, q)
	}
	var queues []string
	general := ""
	for i := range c.Queues {
		q := &c.Queues[i]
		q.Name = firstOf(q.Name, q.ID)
		if !q.Enabled {
			continue
		}
		queues = append(queues, q.ID)
		if q.ID == generalQueue {
			general = q.ID
		}
	}
	if len(queues) == 1 {
		general = queues[0]
	}
	plugins := map[string]string{}
	for _, a := range c.Accounts {
		plugins[a.ID] = a.Plugin
	}
	for i := range c.Workstreams {
		w := &c.Workstreams[i]
		w.FallbackQueue = firstOf(w.FallbackQueue, general)
		for _, ch := range c.Channels {
			if w.Plugin == "" && ch.Workstream == w.ID {
				w.Plugin = plugins[ch.Account]
			}
		}
	}
	for i := range c.Agents {
		a := &c.Agents[i]
		a.Name = firstOf(a.Name, localPart(a.Email))
	}
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
