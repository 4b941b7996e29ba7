package app

import "github.com/guichet/guichet/core/store"

// approvedCopies are what a backup takes along: of each approved plugin the version in use and those to go back to.
type approvedCopies struct{ *approvals }

var _ store.BackupPlugins = approvedCopies{}

// Approved: see [store.BackupPlugins].
func (c approvedCopies) Approved() (list []store.PluginCopy) {
	for _, name := range c.names() {
		p := c.get(name)
		if p == nil {
			continue // taken back meanwhile
		}
		if p.version(p.Current) == nil { // it outlived its place among the latest
			list = append(list, store.PluginCopy{Hash: p.Current, Name: name})
		}
		for _, v := range p.Versions {
			list = append(list, store.PluginCopy{Hash: v.Hash, Name: name + " " + v.Version})
		}
	}
	return list
}

// Files: see [store.BackupPlugins].
func (c approvedCopies) Files(hash string) ([]store.PluginFile, error) { return c.shelf.Files(hash) }
