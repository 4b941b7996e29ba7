package store

import (
	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// variable is a context variable as it is stored.
type variable struct {
	Conversation core.ID `json:"conversation"`
	Name         string  `json:"name"`
	core.Variable
}

func variableKey(conversation core.ID, name string) key {
	return newKey(familyConversation).id(conversation).byte(partVariable).hash(hash16(name))
}

// Variable reads one context variable of a conversation; nil when it is not set.
func (tx *Tx) Variable(conversation core.ID, name string) (*core.Variable, error) {
	v, err := get[variable](tx, variableKey(conversation, name))
	if err != nil || v == nil {
		return nil, err
	}
	return &v.Variable, nil
}

// Variables returns the context variables of a conversation by name; an empty map when there are none.
func (tx *Tx) Variables(conversation core.ID) (map[string]core.Variable, error) {
	list, err := all[variable](tx, kv.Prefix(newKey(familyConversation).id(conversation).byte(partVariable)))
	if err != nil {
		return nil, err
	}
	m := make(map[string]core.Variable, len(list))
	for _, v := range list {
		m[v.Name] = v.Variable
	}
	return m, nil
}

// PutVariable sets a context variable. Write the conversation too, so that those who look at it learn of the change.
func (tx *Tx) PutVariable(conversation core.ID, name string, v core.Variable) {
	put(tx, variableKey(conversation, name), &variable{Conversation: conversation, Name: name, Variable: v})
}

// DeleteVariable unsets a context variable.
func (tx *Tx) DeleteVariable(conversation core.ID, name string) {
	tx.kv.Delete(variableKey(conversation, name))
}
