package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/guichet/guichet/core"
)

// The cost of one argon2id hash: OWASP's choice for small machines (19 MiB, two passes, one lane), about 30 ms on one
// core. A stored hash with other parameters still verifies, within maxMemory and maxPasses.
const (
	hashMemory = 19 * 1024 // KiB
	hashPasses = 2
	hashLanes  = 1
	saltBytes  = 16
	keyBytes   = 32

	maxMemory = 256 * 1024 // KiB
	maxPasses = 10

	// hashesAtOnce bounds the memory that a storm of sign-ins can take; hashesWaiting bounds the line behind it.
	hashesAtOnce  = 2
	hashesWaiting = 32
	hashPatience  = 10 * time.Second
)

// hasher computes and checks password hashes, few at a time.
type hasher struct {
	running chan struct{}
	line    chan struct{}
	decoy   string // what an unknown person's password is compared with, so that it takes as long
}

func newHasher() *hasher {
	salt := make([]byte, saltBytes)
	key := make([]byte, keyBytes)
	rand.Read(salt)
	rand.Read(key)
	return &hasher{
		running: make(chan struct{}, hashesAtOnce),
		line:    make(chan struct{}, hashesAtOnce+hashesWaiting),
		decoy:   phc(hashMemory, hashPasses, hashLanes, salt, key),
	}
}

// hash returns the PHC string of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	release, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	key := argon2.IDKey([]byte(password), salt, hashPasses, hashMemory, hashLanes, keyBytes)
	return phc(hashMemory, hashPasses, hashLanes, salt, key), nil
}

// verify compares a password with a PHC string; "" costs as much as a real one and never matches.
func (h *hasher) verify(ctx context.Context, stored, password string) (bool, error) {
	release, err := h.enter(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	real := stored != ""
	if !real {
		stored = h.decoy
	}
	memory, passes, lanes, salt, want, err := parsePHC(stored)
	if err != nil {
		return false, err
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1 && real, nil
}

func (h *hasher) enter(ctx context.Context) (release func(), err error) {
	busy := &core.Error{Code: core.Unavailable, Message: "Too many people are signing in at once. Try again in a moment."}
	select {
	case h.line <- struct{}{}:
	default:
		return nil, busy
	}
	patience := time.NewTimer(hashPatience)
	defer patience.Stop()
	select {
	case h.running <- struct{}{}:
		return func() { <-h.running; <-h.line }, nil
	case <-patience.C:
		<-h.line
		return nil, busy
	case <-ctx.Done():
		<-h.line
		return nil, ctx.Err()
	}
}

// phc writes the Password Hashing Competition's string format.
func phc(memory, passes uint32, lanes uint8, salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, memory, passes, lanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

func parsePHC(s string) (memory, passes uint32, lanes uint8, salt, key []byte, err error) {
	fail := func(why string) (uint32, uint32, uint8, []byte, []byte, error) {
		return 0, 0, 0, nil, nil, core.Errorf(core.Internal, "a stored password hash is malformed: %s", why)
	}
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return fail("not argon2id")
	}
	var version int
	if n, err := fmt.Sscanf(parts[2], "v=%d", &version); n != 1 || err != nil || version != argon2.Version {
		return fail("version")
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); n != 3 || err != nil {
		return fail("parameters")
	}
	if memory == 0 || memory > maxMemory || passes == 0 || passes > maxPasses || lanes == 0 {
		return fail("parameters out of range")
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil || len(salt) < 8 {
		return fail("salt")
	}
	if key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(key) < 16 || len(key) > 64 {
		return fail("key")
	}
	return memory, passes, lanes, salt, key, nil
}
