package config

import (
	"maps"
	"slices"
	"time"

	"github.com/guichet/guichet/core"
)

// Setup returns the configuration as domain types. What is switched off is left out, and with an account or a
// workstream that is off its channels are too. Members of queues become agents' ids; where a queue lists none,
// everybody is a member.
func (c *Config) Setup(revision int) *core.Setup {
	s := &core.Setup{
		Revision:     revision,
		Organization: core.Organization(c.Organization),
		Accounts:     map[string]*core.Account{},
		Channels:     map[string]*core.Channel{},
		Workstreams:  map[string]*core.Workstream{},
		Queues:       map[string]*core.Queue{},
		Agents:       map[string]*core.Agent{},
	}
	for _, a := range c.Accounts {
		if a.Enabled {
			s.Accounts[a.ID] = &core.Account{ID: a.ID, Plugin: a.Plugin, Name: a.Name, Test: a.Test, Retired: a.Retired,
				Consent: a.Consent, Settings: maps.Clone(a.Settings)}
		}
	}
	for _, w := range c.Workstreams {
		if w.Enabled {
			s.Workstreams[w.ID] = w.core()
		}
	}
	for _, ch := range c.Channels {
		if ch.Enabled && s.Accounts[ch.Account] != nil && s.Workstreams[ch.Workstream] != nil {
			s.Channels[ch.ID] = &core.Channel{ID: ch.ID, Account: ch.Account, Workstream: ch.Workstream, Language: ch.Language,
				Address: maps.Clone(ch.Address), FromCustomer: ch.Attachments.FromCustomer, FromAgent: ch.Attachments.FromAgent,
				Retired: ch.Retired, Widget: c.widget(ch)}
		}
	}
	for _, a := range c.Agents {
		if a.Enabled {
			s.Agents[a.ID] = &core.Agent{ID: a.ID, Email: a.Email, Name: a.Name, Role: a.Role, Capacity: a.Capacity, Presence: a.Presence}
		}
	}
	for _, q := range c.Queues {
		if q.Enabled {
			s.Queues[q.ID] = &core.Queue{ID: q.ID, Name: q.Name, Priority: q.Priority, Members: c.members(q), Assignment: q.Assignment}
		}
	}
	return s
}

// SwitchedOff returns the accounts that are switched off, without their settings, in the order of the file.
func (c *Config) SwitchedOff() []*core.Account {
	var off []*core.Account
	for _, a := range c.Accounts {
		if !a.Enabled {
			off = append(off, &core.Account{ID: a.ID, Plugin: a.Plugin, Name: a.Name, Test: a.Test, Retired: a.Retired, Consent: a.Consent})
		}
	}
	return off
}

// members returns the ids of the agents of a queue that are switched on, in the order of the file.
func (c *Config) members(q Queue) []string {
	members := []string{}
	if q.Members == nil {
		for _, a := range c.Agents {
			if a.Enabled {
				members = append(members, a.ID)
			}
		}
		return members
	}
	for _, name := range q.Members {
		if a := c.agentNamed(name); a != nil && a.Enabled {
			members = append(members, a.ID)
		}
	}
	return members
}

func (w Workstream) core() *core.Workstream {
	return &core.Workstream{
		ID:               w.ID,
		Plugin:           w.Plugin,
		Persistent:       w.Persistent,
		Distribution:     core.Distribution(w.Distribution),
		PickFromPush:     w.PickFromPush,
		Capacity:         w.Capacity,
		FallbackQueue:    w.FallbackQueue,
		Affinity:         w.Affinity,
		AllowedPresences: slices.Clone(w.AllowedPresences),
		OfferTimeout:     time.Duration(w.OfferTimeout),
		DeclinesAllowed:  w.DeclinesAllowed,

		InactiveAfterMissed: w.InactiveAfterMissed,
		AutoClose: core.AutoClose{
			Open:    time.Duration(w.AutoClose.Open),
			Active:  time.Duration(w.AutoClose.Active),
			Waiting: time.Duration(w.AutoClose.Waiting),
			WrapUp:  time.Duration(w.AutoClose.WrapUp),
		},
		WrapUp: core.WrapUp{Block: w.WrapUp.Block, For: time.Duration(w.WrapUp.For)},
	}
}
