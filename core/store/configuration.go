package store

import (
	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

func configurationKey(revision int) key {
	return newKey(familySystem, systemConfiguration).uint32(uint32(revision))
}

// AddConfiguration keeps a version of the configuration that was applied. Adding a revision again replaces it.
func (tx *Tx) AddConfiguration(c *core.AppliedConfiguration) {
	put(tx, configurationKey(c.Revision), c)
}

// DropConfigurations forgets the versions up to and including a revision, at most limit of them, the newest of them
// first.
func (tx *Tx) DropConfigurations(upTo, limit int) error {
	for revision := upTo; revision > 0 && upTo-revision < limit; revision-- {
		c, err := get[core.AppliedConfiguration](tx, configurationKey(revision))
		if err != nil || c == nil {
			return err
		}
		tx.kv.Delete(configurationKey(revision))
	}
	return nil
}

// LastConfiguration returns the version with the highest revision; nil before the first.
func (tx *Tx) LastConfiguration() (*core.AppliedConfiguration, error) {
	list, err := tx.Configurations(1)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// Configuration returns one version; a NotFound error when there is none.
func (tx *Tx) Configuration(revision int) (*core.AppliedConfiguration, error) {
	c, err := get[core.AppliedConfiguration](tx, configurationKey(revision))
	if err == nil && c == nil {
		err = missing("configuration version", revision)
	}
	return c, err
}

// Configurations returns the newest versions, newest first, at most limit.
func (tx *Tx) Configurations(limit int) ([]*core.AppliedConfiguration, error) {
	return all[core.AppliedConfiguration](tx, before(newKey(familySystem, systemConfiguration), nil, limit))
}

// setting is a small value that the system keeps for itself.
type setting struct {
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

func settingKey(name string) key { return append(newKey(familySystem, systemSetting), name...) }

// Setting reads a small value of the system's own, such as the hash of the setup token; nil when there is none.
func (tx *Tx) Setting(name string) ([]byte, error) {
	s, err := get[setting](tx, settingKey(name))
	if err != nil || s == nil {
		return nil, err
	}
	return s.Value, nil
}

// SetSetting writes a small value; nil removes it.
func (tx *Tx) SetSetting(name string, value []byte) {
	if value == nil {
		tx.kv.Delete(settingKey(name))
		return
	}
	put(tx, settingKey(name), &setting{Name: name, Value: value})
}

// Settings returns the names of all settings, in order.
func (tx *Tx) Settings() ([]string, error) {
	prefix := newKey(familySystem, systemSetting)
	var names []string
	for p, err := range tx.kv.Scan(kv.Range{Start: prefix, End: kv.PrefixEnd(prefix), KeysOnly: true}) {
		if err != nil {
			return nil, err
		}
		names = append(names, string(p.Key[len(prefix):]))
	}
	return names, nil
}
