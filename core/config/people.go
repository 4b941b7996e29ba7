package config

import (
	"fmt"
	"strings"

	"github.com/guichet/guichet/core"
)

func (d *decoder) checkAgents(c *Config) {
	first := map[string]*node{}
	for i, a := range c.Agents {
		n := d.element("agent", i)
		if n.kind != kindTable {
			continue
		}
		at := n.child("email")
		email := core.NormalizeEmail(a.Email)
		switch {
		case at == nil:
			d.missing(n, "email", "This agent has no e-mail address.", `People sign in with it: email = "name@example.com".`)
		case at.kind != kindString:
		case !plainEmail(a.Email):
			d.say(at, fmt.Sprintf("%q is not an e-mail address.", a.Email), `Write something like "name@example.com".`).as("not-email", "given", a.Email)
		case first[email] != nil:
			d.say(at, fmt.Sprintf("The agent on line %d has the same e-mail address.", d.line(first[email])),
				"People sign in with it, so each has their own (capitals do not count).")
		default:
			first[email] = at
		}
	}
}

// agentNamed finds an agent by id or e-mail.
func (c *Config) agentNamed(name string) *Agent {
	email := core.NormalizeEmail(name)
	for i := range c.Agents {
		if a := &c.Agents[i]; name != "" && (a.ID == name || core.NormalizeEmail(a.Email) == email) {
			return a
		}
	}
	return nil
}

func (d *decoder) checkQueues(c *Config) {
	for i, q := range c.Queues {
		n := d.element("queue", i).child("members")
		if n == nil || n.kind != kindArray {
			continue
		}
		if len(q.Members) == 0 {
			d.say(n, "Nobody would ever answer in a queue without members.",
				"Leave members out to mean everybody, or switch the queue off with enabled = false.").as("no-members")
		}
		seen := map[string]bool{}
		for j, member := range q.Members {
			at := n.items[j]
			if at.kind != kindString || !d.listed("agent") {
				continue
			}
			a := c.agentNamed(member)
			switch {
			case a == nil:
				d.say(at, fmt.Sprintf("There is no agent %q.", member), c.agentRemedy(member)).as("no-such-agent", "given", member, "near", c.agentNear(member))
			case seen[a.ID]:
				d.say(at, fmt.Sprintf("%q is in this list already.", member), "Take one of the two out.")
			default:
				seen[a.ID] = true
			}
		}
	}
}

// agentNear is the agent that was probably meant, "" for none.
func (c *Config) agentNear(member string) string {
	var known []string
	for _, a := range c.Agents {
		known = append(known, a.ID, a.Email)
	}
	near := nearest(member, known)
	if plainEmail(member) && distance(strings.ToLower(member), strings.ToLower(near)) > 2 {
		return "" // addresses of one domain are alike without being meant
	}
	return near
}

func (c *Config) agentRemedy(member string) string {
	if near := c.agentNear(member); near != "" {
		return fmt.Sprintf("Did you mean %q?", near)
	}
	if plainEmail(member) {
		return fmt.Sprintf("Add the agent:\n[[agent]]\nid = %s\nemail = %s", quote(kebab(localPart(member))), quote(member))
	}
	return "Write the id or the e-mail address of an [[agent]]."
}
