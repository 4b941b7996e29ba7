package store

import (
	"encoding/json"
	"errors"
	"fmt"
)

// encoding is the first byte of every value: 1 is JSON.
const encoding = 1

var errEmpty = errors.New("empty value")

func encode(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	raw := make([]byte, 0, len(body)+1)
	return append(append(raw, encoding), body...), nil
}

func decode(raw []byte, v any) error {
	if len(raw) == 0 {
		return errEmpty
	}
	if raw[0] != encoding {
		return fmt.Errorf("value has encoding %d, this version reads %d: use a newer version of Guichet", raw[0], encoding)
	}
	if err := json.Unmarshal(raw[1:], v); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return nil
}
