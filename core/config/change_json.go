package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/guichet/guichet/core"
)

// UnmarshalJSON reads a change whose value is any JSON that a configuration can hold: decimal numbers and null are
// refused.
func (c *Change) UnmarshalJSON(raw []byte) error {
	type plainChange Change
	var in plainChange
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return fmt.Errorf("read a change: %w", err)
	}
	if in.Value != nil {
		value, err := fromJSON(in.Value)
		if err != nil {
			return err
		}
		in.Value = value
	}
	*c = Change(in)
	return nil
}

func fromJSON(v any) (any, error) {
	switch v := v.(type) {
	case string, bool:
		return v, nil
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if err != nil {
			return nil, core.Errorf(core.Invalid, "%s is not a whole number.", v)
		}
		return n, nil
	case []any:
		for i := range v {
			item, err := fromJSON(v[i])
			if err != nil {
				return nil, err
			}
			v[i] = item
		}
		return v, nil
	case map[string]any:
		for key := range v {
			value, err := fromJSON(v[key])
			if err != nil {
				return nil, err
			}
			v[key] = value
		}
		return v, nil
	}
	return nil, core.Errorf(core.Invalid, "A value cannot be null; to take a field out, remove it.")
}

// Values is a table of values that a configuration can hold, read from JSON.
type Values map[string]any

// UnmarshalJSON reads values as [Change] does.
func (v *Values) UnmarshalJSON(raw []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var in map[string]any
	if err := decoder.Decode(&in); err != nil {
		return fmt.Errorf("read values: %w", err)
	}
	if _, err := fromJSON(in); err != nil {
		return err
	}
	*v = in
	return nil
}
