package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/guichet/guichet/plugins/sdk"
)

// digest is what tells two contents under one id apart. How a request was written does not count.
func (a *activity) digest() []byte {
	raw, err := json.Marshal(a)
	if err != nil {
		panic("api: " + err.Error()) // an activity always has a JSON form
	}
	sum := sha256.Sum256(raw)
	return sum[:16]
}

// errOtherContent says that an id was used for something else.
var errOtherContent = errors.New("the id was used for something else")

// claim binds an id to a content, for good: the host keeps the ids of messages for good, and would drop another content
// under the same id without a word. The same content may claim as often as it likes, so a request can be repeated, by the
// host and by whoever sent it, also when its events were not stored the first time. The value is written under the hash of
// the id, and holds nothing that the customer said.
func (c *channel) claim(ctx context.Context, a *activity) error {
	if a.ID == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(a.ID))
	key, want := "id/"+hex.EncodeToString(sum[:20]), a.digest()
	for {
		have, _, err := c.host.GetState(ctx, key)
		switch {
		case err == nil && bytes.Equal(have, want):
			return nil
		case err == nil:
			return errOtherContent
		case !errors.Is(err, sdk.ErrStateAbsent):
			return fmt.Errorf("look up an id: %w", err)
		}
		_, err = c.host.CompareAndSetState(ctx, key, want, 0)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, sdk.ErrStateChanged):
			return fmt.Errorf("keep an id: %w", err)
		}
	}
}
