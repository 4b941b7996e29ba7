package desk

import (
	"context"
	"strconv"
	"unicode/utf8"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// Limits of context variables: how many a conversation has, and characters of a name and of a value.
const (
	maxVariables     = 100
	maxVariableName  = 100
	maxVariableValue = 4000
)

// SetVariables sets context variables of a conversation, and removes those that are nil; the others stay as they are.
func (d *Desk) SetVariables(ctx context.Context, a Actor, id core.ID, set map[string]*core.Variable) (*core.Conversation, error) {
	for name, v := range set {
		if err := checkVariable(name, v); err != nil {
			return nil, err
		}
	}
	return d.change(ctx, func(tx *store.Tx) (*core.Conversation, error) {
		c, err := d.seen(tx, a, id)
		if err != nil {
			return nil, err
		}
		if c.State == core.Closed {
			return nil, core.Errorf(core.Conflict, "the conversation is closed for good")
		}
		have, err := tx.Variables(id)
		if err != nil {
			return nil, err
		}
		changed := false
		for name, v := range set {
			old, ok := have[name]
			switch {
			case v == nil && ok:
				tx.DeleteVariable(id, name)
				delete(have, name)
			case v == nil || ok && old == *v:
				continue
			default:
				tx.PutVariable(id, name, *v)
				have[name] = *v
			}
			changed = true
		}
		if len(have) > maxVariables {
			return nil, core.FieldErrorf("variables", "a conversation has at most %d variables", maxVariables)
		}
		if changed {
			tx.PutConversation(c, false)
		}
		return c, nil
	})
}

func checkVariable(name string, v *core.Variable) error {
	field := "variables." + name
	switch {
	case name == "" || utf8.RuneCountInString(name) > maxVariableName:
		return core.FieldErrorf("variables", "the name of a variable has 1 to %d characters", maxVariableName)
	case v == nil:
		return nil
	case utf8.RuneCountInString(v.Value) > maxVariableValue:
		return core.FieldErrorf(field, "the value has more than %d characters", maxVariableValue)
	case v.Type == "text":
		return nil
	case v.Type != "number":
		return core.FieldErrorf(field, "a variable is a text or a number")
	}
	if _, err := strconv.ParseFloat(v.Value, 64); err != nil {
		return core.FieldErrorf(field, "%q is not a number", v.Value)
	}
	return nil
}
