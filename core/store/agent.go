package store

import (
	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// AgentStatus reads an agent's presence and load. An agent that never signed in is offline with no load.
func (tx *Tx) AgentStatus(agent string) (*core.AgentStatus, error) {
	if s, ok := tx.agents[agent]; ok {
		return s, nil // the same copy for everyone in this transaction, so that no change is lost
	}
	s, err := get[core.AgentStatus](tx, newKey(familyAgent).name(agent))
	if err != nil {
		return nil, err
	}
	if s == nil {
		s = &core.AgentStatus{Agent: agent, Presence: core.Offline}
	}
	if !tx.view {
		if tx.agents == nil {
			tx.agents = make(map[string]*core.AgentStatus, 2)
			tx.changed = make(map[string]bool, 2)
		}
		tx.agents[agent] = s
	}
	return s, nil
}

// PutAgentStatus writes an agent status that AgentStatus returned in this transaction, once, when the transaction ends.
// The load is kept by PutConversation and must not be changed here.
func (tx *Tx) PutAgentStatus(s *core.AgentStatus) {
	if tx.agents[s.Agent] != s {
		tx.fail(errNotRead("agent status", s.Agent))
		return
	}
	tx.changed[s.Agent] = true
}

// AgentStatuses returns the status of every agent that has one.
func (tx *Tx) AgentStatuses() ([]*core.AgentStatus, error) {
	return all[core.AgentStatus](tx, kv.Prefix(newKey(familyAgent)))
}

// moveLoad takes units from one agent and gives units to another (or the same).
func (tx *Tx) moveLoad(from string, less int, to string, more int) {
	if from == to && less == more {
		return
	}
	tx.addLoad(from, -less)
	tx.addLoad(to, more)
}

func (tx *Tx) addLoad(agent string, units int) {
	if agent == "" || units == 0 {
		return
	}
	s, err := tx.AgentStatus(agent)
	if err != nil {
		tx.fail(err)
		return
	}
	s.Load += units
	s.IdleSince = tx.Now()
	tx.PutAgentStatus(s)
}

func (tx *Tx) writeAgentStatus(s *core.AgentStatus) {
	s.Version++
	put(tx, newKey(familyAgent).name(s.Agent), s)
	tx.emit(core.TopicAgent, &core.AgentEvent{Agent: s.Agent, Version: s.Version})
}
