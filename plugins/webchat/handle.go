package webchat

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// A handle that a visitor gets for a file names content of the host, and is signed for that visitor: another one cannot
// use it, and none can be made up. It is good for as long as the host keeps content that no message names.

const (
	handleLasts = 48 * time.Hour
	handleState = "handle-key"
	maxHandle   = 4 << 10
)

// handleKey is the key that handles are signed with: 32 bytes in the account's state, made at the first upload.
type handleKey struct {
	mu  sync.Mutex
	key []byte
}

func (k *handleKey) get(ctx context.Context, host sdk.Host) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key != nil {
		return k.key, nil
	}
	for range 3 {
		key, _, err := host.GetState(ctx, handleState)
		if err == nil && len(key) == sha256.Size {
			k.key = key
			return key, nil
		}
		if err != nil && !errors.Is(err, sdk.ErrStateAbsent) {
			return nil, err
		}
		fresh := make([]byte, sha256.Size)
		_, _ = rand.Read(fresh) // never fails
		switch _, err := host.CompareAndSetState(ctx, handleState, fresh, 0); {
		case err == nil:
			k.key = fresh
			return fresh, nil
		case !errors.Is(err, sdk.ErrStateChanged):
			return nil, err
		}
	}
	return nil, errors.New("webchat: the account's state changes all the time")
}

// upload is what a handle stands for.
type upload struct {
	Handle  string `json:"h"` // the host's
	Name    string `json:"n"`
	Type    string `json:"t"`
	Size    int64  `json:"s"`
	Expires int64  `json:"e"` // Unix seconds
}

func signature(key []byte, visitor string, content []byte) []byte {
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "guichet webchat handle\x00%s\x00", visitor)
	_, _ = mac.Write(content)
	return mac.Sum(nil)
}

func (c *channel) signUpload(ctx context.Context, visitor string, u upload) (string, error) {
	key, err := c.handles.get(ctx, c.host)
	if err != nil {
		return "", err
	}
	content, err := json.Marshal(u)
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode(content) + "." + encode(signature(key, visitor, content)), nil
}

var errHandle = errors.New("webchat: no such upload")

// verifyUpload returns what a handle of a visitor stands for. errHandle means that it is none.
func (c *channel) verifyUpload(ctx context.Context, visitor, handle string) (upload, error) {
	first, second, found := strings.Cut(handle, ".")
	if !found || len(handle) > maxHandle {
		return upload{}, errHandle
	}
	decode := base64.RawURLEncoding.Strict().DecodeString
	content, err := decode(first)
	if err != nil {
		return upload{}, errHandle
	}
	mac, err := decode(second)
	if err != nil {
		return upload{}, errHandle
	}
	key, err := c.handles.get(ctx, c.host)
	if err != nil {
		return upload{}, err
	}
	var u upload
	if !hmac.Equal(mac, signature(key, visitor, content)) || json.Unmarshal(content, &u) != nil || time.Now().Unix() > u.Expires {
		return upload{}, errHandle
	}
	return u, nil
}

// attachments turns the handles of a message into attachments that the host has already.
func (c *channel) attachments(ctx context.Context, visitor string, handles []string) ([]sdk.Attachment, error) {
	var list []sdk.Attachment
	for _, handle := range handles {
		u, err := c.verifyUpload(ctx, visitor, handle)
		if err != nil {
			return nil, err
		}
		list = append(list, sdk.Attachment{Handle: u.Handle, Type: u.Type, Name: u.Name, Size: u.Size, Stored: true})
	}
	return list, nil
}
