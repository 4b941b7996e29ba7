package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/guichet/guichet/core"
)

// kind is one kind of record: how to recognise its keys, which index entries belong to it, and how it is written in an
// export. Fsck, Export and Import know records only through their kinds.
type kind struct {
	name   string
	secret bool // left out of an export unless asked for
	match  func(k []byte) bool
	// index returns every index entry of the record at k. A record whose conversation it needs is given tx.
	index func(tx *Tx, k, body []byte) (map[string]string, error)
	// keyOf returns the key under which a record lies.
	keyOf func(x extras, body []byte) (key, error)
	// extra returns what the key says and the record does not, in the order of an export.
	extra func(k, value []byte) []member
	names []string // of extras
	// bare kinds have no JSON: their value is made of the extras.
	bare func(x extras) ([]byte, error)
}

// errUnreadable says that a record is no JSON of its kind.
var errUnreadable = errors.New("unreadable")

// extras are the values of an export's line that are not part of the record.
type extras map[string]string

// kinds lists every kind of record, in no order that matters. What a key is if none of them matches is said by isIndex
// and isPart.
var kinds = []*kind{
	recordKind("conversation", part(partRecord, 18),
		func(_ extras, c *core.Conversation) key { return conversationKey(c.ID) },
		func(_ *Tx, _ []byte, c *core.Conversation) (map[string]string, error) {
			return conversationIndex(c), nil
		}),
	recordKind("message", part(partMessage, 26),
		func(_ extras, m *core.Message) key { return messageKey(m.Conversation, m.Seq) },
		allMessageIndex),
	recordKind("session", part(partSession, 22),
		func(_ extras, s *core.Session) key { return sessionKey(s.Conversation, s.Number) }, nil),
	ofConversation(recordKind("trace", part(partTrace, 28),
		func(x extras, e *core.TraceEntry) key { return traceKey(x.id(), e.At, int(x.number("n"))) }, nil),
		"n", func(k []byte) string { return fmt.Sprint(binary.BigEndian.Uint16(k[26:])) }),
	ofConversation(recordKind("raw-event", part(partRaw, 42),
		func(x extras, r *core.RawEvent) key { return rawKey(x.id(), r) },
		func(_ *Tx, k []byte, r *core.RawEvent) (map[string]string, error) {
			return rawIndex(idAt(k, 1), r), nil
		}),
		"", nil),
	recordKind("variable", part(partVariable, 34),
		func(_ extras, v *variable) key { return variableKey(v.Conversation, v.Name) }, nil),
	recordKind("draft", part(partDraft, 34),
		func(_ extras, d *core.Draft) key { return draftKey(d.Conversation, d.Agent) }, nil),
	ofAccount(recordKind("account-raw-event", under(familyAccountRaw),
		func(x extras, r *core.RawEvent) key { return accountRawKey(x["account"], r) },
		func(_ *Tx, k []byte, r *core.RawEvent) (map[string]string, error) {
			return accountRawIndex(nameAt(k, 1), r), nil
		})),
	recordKind("contact", sized(17, familyContact),
		func(_ extras, c *core.Contact) key { return contactKey(c.ID) }, plain(contactIndex)),
	recordKind("identity", sized(17, familyIdentity),
		func(_ extras, i *core.Identity) key { return identityKey(i.IdentityKey) }, plain(identityIndex)),
	recordKind("company", sized(17, familyCompany),
		func(_ extras, c *core.Company) key { return newKey(familyCompany).id(c.ID) }, nil),
	recordKind("agent", under(familyAgent),
		func(_ extras, s *core.AgentStatus) key { return newKey(familyAgent).name(s.Agent) }, nil),
	recordKind("outbox", sized(25, familyOutbox),
		func(_ extras, e *core.OutboxEntry) key { return outboxKey(e.Conversation, e.Seq) }, plain(outboxIndex)),
	recordKind("fetch", sized(41, familyFetch),
		func(_ extras, j *core.FetchJob) key { return fetchKey(j.Conversation, j.Seq, j.Attachment) }, nil),
	recordKind("timer", under(familyTimer), func(_ extras, t *core.Timer) key { return timerKey(t) }, nil),
	recordKind("parked-status", under(familyParked),
		func(_ extras, s *core.ParkedStatus) key { return parkedKey(s.Account, s.ExternalID) }, nil),
	recordKind("audit", under(familySystem, systemAudit),
		func(_ extras, e *core.AuditEntry) key { return auditKey(e.ID) }, nil),
	recordKind("upload", under(familySystem, systemUpload),
		func(_ extras, u *core.Upload) key { return uploadKey(u.ID) }, plain(uploadIndex)),
	recordKind("contact-move", under(familySystem, systemContactMove),
		func(_ extras, m *core.ContactMove) key { return contactMoveKey(m.ID) }, nil),
	recordKind("configuration", under(familySystem, systemConfiguration),
		func(_ extras, c *core.AppliedConfiguration) key { return configurationKey(c.Revision) }, nil),
	recordKind("spooled-request", under(familySystem, systemSpool),
		func(_ extras, s *SpooledRequest) key { return spoolKey(s.Account, s.ID) }, plain(spoolIndex)),
	secret(recordKind("credential", under(familySystem, systemCredential),
		func(_ extras, c *core.Credential) key { return credentialKey(c.Agent) }, nil)),
	secret(recordKind("sign-in", under(familySystem, systemSignIn),
		func(_ extras, s *core.SignIn) key { return signInKey(s.TokenHash) }, plain(signInIndex))),
	secret(recordKind("api-key", under(familySystem, systemAPIKey),
		func(_ extras, k *core.APIKey) key { return apiKeyKey(k.ID) }, plain(apiKeyIndex))),
	secret(recordKind("setting", under(familySystem, systemSetting),
		func(_ extras, s *setting) key { return settingKey(s.Name) }, nil)),
	secret(recordKind("plugin-state", under(familySystem, systemPluginState),
		func(_ extras, s *pluginState) key { return stateKey(s.Account, s.Key) }, nil)),
	{
		name: "route", match: sized(17, familyRoute), names: []string{"conversation"},
		extra: func(k, _ []byte) []member { return []member{textMember("conversation", string(idAt(k, 1)))} },
		keyOf: func(x extras, _ []byte) (key, error) { return newKey(familyRoute).id(x.id()), nil },
		bare:  func(extras) ([]byte, error) { return nil, nil },
	},
	{
		name: "seen", match: sized(17, familySeen), names: []string{"hash", "at"},
		extra: func(k, value []byte) []member {
			return []member{textMember("hash", hex.EncodeToString(k[1:])), timeMember("at", timeOf(value))}
		},
		keyOf: func(x extras, _ []byte) (key, error) {
			h, err := hex.DecodeString(x["hash"])
			if err != nil || len(h) != 16 {
				return nil, fmt.Errorf("%q is not the hash of a seen event", x["hash"])
			}
			return append(newKey(familySeen), h...), nil
		},
		bare: func(x extras) ([]byte, error) {
			at, err := time.Parse(time.RFC3339Nano, x["at"])
			return binary.BigEndian.AppendUint64(nil, millis(at)), err
		},
	},
	guardKind,
}

// guardKind is a content that is or was referenced; its bytes are exported apart.
var guardKind = &kind{
	name: "blob", match: sized(34, familyAttachment, attachmentGuard), names: []string{"hash", "size", "free_since"},
	index: func(_ *Tx, k, value []byte) (map[string]string, error) {
		return guardIndex(hex.EncodeToString(k[2:]), parseGuard(value)), nil
	},
	extra: func(k, value []byte) []member {
		list := []member{textMember("hash", hex.EncodeToString(k[2:]))}
		if g := parseGuard(value); g.state != contentReferenced {
			list = append(list, timeMember("free_since", g.since))
		}
		return list
	},
	keyOf: func(x extras, _ []byte) (key, error) {
		if raw, err := hex.DecodeString(x["hash"]); err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("%q is not the SHA-256 of a content", x["hash"])
		}
		return guardKey(strings.ToLower(x["hash"])), nil
	},
	bare: func(x extras) ([]byte, error) {
		if x["free_since"] == "" {
			return guard{state: contentReferenced}.bytes(), nil
		}
		since, err := time.Parse(time.RFC3339Nano, x["free_since"])
		return guard{state: contentFree, since: since}.bytes(), err
	},
}

// recordKind makes the kind of a JSON record.
func recordKind[T any](name string, match func([]byte) bool, keyOf func(extras, *T) key,
	index func(*Tx, []byte, *T) (map[string]string, error)) *kind {
	parse := func(body []byte) (*T, error) {
		v := new(T)
		if _, err := decode(body, v); err != nil {
			return nil, fmt.Errorf("%w: %w", errUnreadable, err)
		}
		return v, nil
	}
	k := &kind{name: name, match: match}
	k.keyOf = func(x extras, body []byte) (key, error) {
		v, err := parse(body)
		if err != nil {
			return nil, err
		}
		return keyOf(x, v), nil
	}
	if index != nil {
		k.index = func(tx *Tx, at, body []byte) (map[string]string, error) {
			v, err := parse(body)
			if err != nil {
				return nil, err
			}
			return index(tx, at, v)
		}
	}
	return k
}

func secret(k *kind) *kind {
	k.secret = true
	return k
}

// ofConversation says that the key alone knows the conversation, and perhaps one more thing.
func ofConversation(k *kind, more string, value func(k []byte) string) *kind {
	k.names = []string{"conversation"}
	if more != "" {
		k.names = append(k.names, more)
	}
	k.extra = func(at, _ []byte) []member {
		list := []member{textMember("conversation", string(idAt(at, 1)))}
		if more != "" {
			list = append(list, member{name: more, value: []byte(value(at))})
		}
		return list
	}
	return k
}

// ofAccount says that the key alone knows the account.
func ofAccount(k *kind) *kind {
	k.names = []string{"account"}
	k.extra = func(at, _ []byte) []member { return []member{textMember("account", nameAt(at, 1))} }
	return k
}

func plain[T any](index func(*T) map[string]string) func(*Tx, []byte, *T) (map[string]string, error) {
	return func(_ *Tx, _ []byte, v *T) (map[string]string, error) { return index(v), nil }
}

// allMessageIndex returns every index entry of a message, also the one under its client's id.
func allMessageIndex(tx *Tx, _ []byte, m *core.Message) (map[string]string, error) {
	c, err := tx.Conversation(m.Conversation)
	if err != nil {
		return nil, err
	}
	keys := messageIndex(c.Account, m)
	if keys == nil {
		keys = make(map[string]string, 1)
	}
	keys[string(clientKey(c.ID, m.From, m.ID))] = string(binary.BigEndian.AppendUint64(nil, m.Seq))
	return keys, nil
}

func outboxIndex(e *core.OutboxEntry) map[string]string {
	if !unsettled(e) {
		return nil
	}
	return entries(pendingKey(e.Conversation, e.Seq))
}

// part recognises the keys of one part of a conversation, by their length in bytes too.
func part(p byte, size int) func([]byte) bool {
	return func(k []byte) bool { return len(k) == size && k[0] == familyConversation && k[17] == p }
}

// sized recognises keys of one length under a prefix.
func sized(size int, prefix ...byte) func([]byte) bool {
	return func(k []byte) bool { return len(k) == size && bytes.HasPrefix(k, prefix) }
}

// under recognises the keys under a prefix.

func under(prefix ...byte) func([]byte) bool {
	return func(k []byte) bool { return bytes.HasPrefix(k, prefix) }
}

func kindOf(k []byte) *kind {
	for _, kind := range kinds {
		if kind.match(k) {
			return kind
		}
	}
	return nil
}

func kindNamed(name string) *kind {
	for _, kind := range kinds {
		if kind.name == name {
			return kind
		}
	}
	return nil
}

func (x extras) id() core.ID { return core.ID(x["conversation"]) }

func (x extras) number(name string) uint64 {
	var n uint64
	fmt.Sscan(x[name], &n)
	return n
}

func textMember(name, value string) member {
	raw, _ := encode(value)
	return member{name: name, value: raw}
}

func timeMember(name string, t time.Time) member {
	return textMember(name, t.UTC().Format(time.RFC3339Nano))
}

func timeOf(value []byte) time.Time {
	if len(value) != 8 {
		return time.Time{}
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(value))).UTC()
}

// nameAt reads a name that ends with a zero byte.
func nameAt(k []byte, offset int) string {
	name, _, _ := bytes.Cut(k[offset:], []byte{0})
	return string(name)
}

// text returns a member's value as text: a string's content, anything else as written.
func (m member) text() string {
	var s string
	if json.Unmarshal(m.value, &s) == nil {
		return s
	}
	return string(m.value)
}
