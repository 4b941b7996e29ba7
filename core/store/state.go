package store

import (
	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// MaxStateKey is how long a key of a plugin's state may be, in bytes, as the plugin contract promises.
const MaxStateKey = 200

// pluginState is one value that a plugin keeps under an account.
type pluginState struct {
	Account string `json:"account"`
	Key     string `json:"key"`
	Value   []byte `json:"value"`
	Version uint64 `json:"version"`
}

func stateKey(account, k string) key {
	return append(newKey(familySystem, systemPluginState).name(account), k...)
}

// PluginState reads what a plugin keeps under an account and a key. version changes with every write, also over a
// deletion; it is 0 when nothing is found.
func (tx *Tx) PluginState(account, k string) (value []byte, version uint64, found bool, err error) {
	s, err := get[pluginState](tx, stateKey(account, k))
	if err != nil || s == nil {
		return nil, 0, false, err
	}
	return s.Value, s.Version, true, nil
}

// SetPluginState writes a value and returns its version. Read the key in the same transaction to compare and set.
func (tx *Tx) SetPluginState(account, k string, value []byte) (version uint64) {
	if len(k) > MaxStateKey {
		tx.fail(core.FieldErrorf("key", "a key of plugin state has at most %d bytes", MaxStateKey))
		return 0
	}
	at := stateKey(account, k)
	was, err := get[pluginState](tx, at)
	if err != nil {
		tx.fail(err)
		return 0
	}
	// A version made of the time differs from that of a value that was deleted earlier.
	version = millis(tx.Now())
	if was != nil {
		version = max(version, was.Version+1)
	}
	put(tx, at, &pluginState{Account: account, Key: k, Value: value, Version: version})
	return version
}

// DeletePluginState removes a value; removing an absent one does nothing.
func (tx *Tx) DeletePluginState(account, k string) { tx.kv.Delete(stateKey(account, k)) }

// PluginStateKeys returns the keys under an account that begin with prefix, in order.
func (tx *Tx) PluginStateKeys(account, prefix string) ([]string, error) {
	under := stateKey(account, "")
	var keys []string
	for p, err := range tx.kv.Scan(keysOf(stateKey(account, prefix))) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, string(p.Key[len(under):]))
	}
	return keys, nil
}

// MaxSpooled is how large a raw request may be that is kept in the store, in bytes. A larger one goes to a blob first
// and is kept by its hash.
const MaxSpooled = 512 << 10

// SpooledRequest is a webhook request that waits for its plugin, as the channel host wrote it. Either Raw is set or
// Blob: the SHA-256, hex, of content that is kept alive until the request is deleted.
type SpooledRequest struct {
	Account string  `json:"account"`
	ID      core.ID `json:"id"`
	Raw     []byte  `json:"raw,omitempty"`
	Blob    string  `json:"blob,omitempty"`
}

func spoolKey(account string, id core.ID) key {
	return newKey(familySystem, systemSpool).name(account).id(id)
}

// PutSpooled keeps a raw request of at most MaxSpooled bytes. Ids order the requests of an account.
func (tx *Tx) PutSpooled(account string, id core.ID, raw []byte) {
	if len(raw) > MaxSpooled {
		tx.fail(core.Errorf(core.TooLarge, "a request of %d bytes is kept as a blob, not in the store", len(raw)))
		return
	}
	rewrite(tx, spoolKey(account, id), &SpooledRequest{Account: account, ID: id, Raw: raw}, spoolIndex)
}

// PutSpooledBlob keeps a raw request whose bytes lie in a blob.
func (tx *Tx) PutSpooledBlob(account string, id core.ID, hash string) {
	rewrite(tx, spoolKey(account, id), &SpooledRequest{Account: account, ID: id, Blob: hash}, spoolIndex)
}

// Spooled returns the requests of an account that wait, oldest first, those after an id ("" for all), at most limit.
func (tx *Tx) Spooled(account string, after core.ID, limit int) ([]*SpooledRequest, error) {
	r := kv.Prefix(newKey(familySystem, systemSpool).name(account))
	if after != "" {
		r.Start = append(spoolKey(account, after), 0)
	}
	r.Limit = limit
	return all[SpooledRequest](tx, r)
}

// DeleteSpooled forgets a request that was handled.
func (tx *Tx) DeleteSpooled(account string, id core.ID) {
	remove(tx, spoolKey(account, id), spoolIndex)
}

func spoolIndex(s *SpooledRequest) map[string]string {
	if s.Blob == "" {
		return nil
	}
	return entries(spoolReference(s.Blob, s.Account, s.ID))
}
