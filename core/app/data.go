package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/blob"
	"github.com/guichet/guichet/core/blob/keys"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/config"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/badgerkv"
	"github.com/guichet/guichet/core/store"
)

// Data is an open data directory: the store, the attachments, the keys, and the configuration that was read to find it.
type Data struct {
	dir            string
	options        Options
	log            hclog.Logger
	lock           *os.File
	db             *badgerkv.DB
	store          *store.Store
	blobs          *blob.Store
	keys           *keys.Keys
	history        *history
	secrets        *secrets
	approvals      *approvals
	environment    config.Environment
	config         *config.Config // as read at the start; defaults when the file is bad
	configPath     string
	configRequired bool
}

const defaultDataDir = "data"

// Locate finds the data directory and the configuration file without opening anything.
func Locate(o Options) (dir, configPath string, required bool) {
	dir = o.DataDir
	if dir == "" {
		dir = defaultDataDir
	}
	configPath, required = config.Locate(o.ConfigPath, dir)
	if o.DataDir == "" {
		if said := config.StorageDir(configPath); said != "" {
			dir = said
		}
	}
	return dir, configPath, required
}

// environment is what a configuration is decoded against before, or without, a store: stored secrets are not looked up,
// and which plugins are approved is read from the file beside their copies.
func environment(o Options, dir string) config.Environment {
	published := sync.OnceValue(func() map[string]*approved { return publishedPlugins(dir) })
	return config.Environment{
		Plugin: pluginSchemas(o, func(name string) (core.PluginSchema, bool) {
			p := published()[name]
			if p == nil || p.kept == nil {
				return core.PluginSchema{}, false
			}
			return p.kept.Schema(), true
		}),
		Plugins: func() []string { return append(slices.Sorted(maps.Keys(published())), o.Plugins...) },
	}
}

// Builtin returns the manifest of a first-party plugin without running it.
type Builtin = channel.Builtin

// Problems is everything that is wrong with a configuration.
type Problems = config.Problems

// ExampleConfig is a configuration with every setting explained.
func ExampleConfig() string { return config.Example() }

// VerifyBackup reads a backup and checks that it is complete and undamaged. It says what the backup lacks.
func VerifyBackup(ctx context.Context, r io.Reader) (leftOut []string, err error) {
	info, err := store.VerifyBackup(ctx, r)
	return info.LeftOut, err
}

// CheckConfig reads and validates a configuration file without touching any data.
func CheckConfig(path string, o Options) config.Problems {
	dir, _, _ := Locate(o)
	_, problems := config.Load(path, environment(o, dir))
	return problems
}

// Open opens the data directory that the options lead to, making it if it is not there. Only one process can have it
// open.
func Open(ctx context.Context, o Options) (*Data, error) {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	dir, configPath, required := Locate(o)
	d := &Data{
		dir: dir, options: o, log: o.Log, configPath: configPath, configRequired: required, environment: environment(o, dir),
	}
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Data) open(ctx context.Context) (err error) {
	for _, sub := range []string{"", "db", "blobs", "keys", "plugins", "run"} {
		if err := os.MkdirAll(filepath.Join(d.dir, sub), 0o700); err != nil {
			return fmt.Errorf("the data directory cannot be made: %w", err)
		}
	}
	if d.lock, err = lockDir(d.dir); err != nil {
		return err
	}
	d.config = config.Default()
	if c, problems := config.Load(d.configPath, d.environment); problems == nil {
		d.config = c
	}
	if d.db, err = badgerkv.Open(badgerkv.Options{
		Dir: filepath.Join(d.dir, "db"), Durability: d.config.Storage.Durability, Log: d.log.Named("store"),
	}); err != nil {
		return fmt.Errorf("the store in %s cannot be opened: %w", d.dir, err)
	}
	if d.keys, err = keys.Open(filepath.Join(d.dir, "keys")); err != nil {
		return err
	}
	if d.blobs, err = blob.Open(filepath.Join(d.dir, "blobs"), nil); err != nil {
		return err
	}
	if d.store, err = store.Open(ctx, d.db, store.Options{Backup: d.backupBeforeMigration, Log: d.log.Info}); err != nil {
		return err
	}
	d.history = &history{store: d.store, keys: d.keys}
	d.secrets = &secrets{store: d.store, keys: d.keys, now: time.Now}
	d.environment.Stored = d.secrets.text
	if d.approvals, err = openApprovals(ctx, d); err != nil {
		return err
	}
	d.approvals.users = d.pluginUsers
	d.environment.Plugin = pluginSchemas(d.options, d.approvals.schema)
	d.environment.Plugins = func() []string { return append(d.approvals.names(), d.options.Plugins...) }
	return nil
}

// backupBeforeMigration keeps a backup of an older store beside it.
func (d *Data) backupBeforeMigration(ctx context.Context, db kv.DB, from int) error {
	name := filepath.Join(d.dir, fmt.Sprintf("before-schema-%d-%s.backup", from, time.Now().UTC().Format("20060102T150405")))
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	o := d.backupOptions(false)
	o.Blobs, o.Plugins = nil, nil // they do not change with the schema
	if err := errors.Join(store.WriteBackup(ctx, f, db, from, o), f.Sync(), f.Close()); err != nil {
		return err
	}
	d.log.Info("a backup of the store is kept before it is brought to this version's schema", "from", from, "backup", name)
	return nil
}

// backupOptions say what a backup of this directory holds.
func (d *Data) backupOptions(withKeys bool) store.BackupOptions {
	o := store.BackupOptions{
		Version: d.options.Version, Created: time.Now(), Blobs: d.blobs, Plugins: approvedCopies{d.approvals},
		LeftOut: func(text string) { d.log.Warn("a backup lacks something", "what", text) },
	}
	if withKeys {
		o.Keys = filepath.Join(d.dir, "keys")
	}
	if _, err := os.Stat(d.configPath); err == nil {
		o.Configuration = d.configPath
	}
	return o
}

// Restore unpacks a backup into an empty data directory.
func Restore(ctx context.Context, file, dir string) (store.BackupInfo, error) {
	return store.Restore(ctx, file, dir, func(ctx context.Context, dir string, r io.Reader) error {
		db, err := badgerkv.Open(badgerkv.Options{Dir: dir})
		if err != nil {
			return err
		}
		return errors.Join(db.Load(ctx, r), db.Close())
	})
}

// Close closes what is open and gives the directory free.
func (d *Data) Close() error {
	var errs []error
	if d.db != nil {
		errs = append(errs, d.db.Close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}
