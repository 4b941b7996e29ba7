package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// Problem is a kind of damage that Fsck finds. The set grows, names stay.
type Problem string

// The problems. The index problems can be repaired: an index says nothing that the records do not.
const (
	IndexMissing Problem = "index-missing" // a record lacks an entry
	IndexStray   Problem = "index-stray"   // an entry has no record that claims it
	IndexWrong   Problem = "index-wrong"   // an entry points elsewhere than its record says
	Unreadable   Problem = "unreadable"    // a record cannot be decoded
	Misplaced    Problem = "misplaced"     // a record lies under a key that is not its own
	UnknownKey   Problem = "unknown-key"   // no record has such a key
	PartStray    Problem = "part-stray"    // a part of a long record that has fewer parts, or is gone
	MessageGap   Problem = "message-gap"   // messages are missing, or beyond the conversation's last one
	SessionGap   Problem = "session-gap"   // sessions are missing, or beyond the conversation's last one
	ThreadShared Problem = "thread-shared" // two conversations go on in one thread
	LoadWrong    Problem = "load-wrong"    // an agent's load is not the sum of what takes it
	Orphan       Problem = "orphan"        // an open conversation with nobody, in no queue, that nothing will route
	OutboxWrong  Problem = "outbox-wrong"  // a message and its outbox entry contradict each other
	TimerStray   Problem = "timer-stray"   // a timer of something that does not exist
	FetchWrong   Problem = "fetch-wrong"   // an attachment and its fetch job contradict each other
	BlobMissing  Problem = "blob-missing"  // a content that something refers to has no file
	Dangling     Problem = "dangling"      // a record names another that does not exist
)

// Finding is one piece of damage.
type Finding struct {
	Problem  Problem
	Key      []byte // where
	Text     string // a sentence
	Repaired bool
}

// FsckOption changes what Fsck does.
type FsckOption func(*checker)

// WithBlobs makes Fsck ask whether the contents that records refer to are there.
func WithBlobs(has func(hash string) (bool, error)) FsckOption {
	return func(c *checker) { c.has = has }
}

// WithRepair makes Fsck write the indexes anew where they are wrong. It never touches a record.
func WithRepair() FsckOption { return func(c *checker) { c.repair = true } }

// Fsck compares every index with what its records say, both ways, and checks what must hold between records: messages
// and sessions without gaps, loads, outbox, timers, attachments, and that no open conversation is orphaned. It looks at
// one consistent snapshot, reads everything twice and keeps almost nothing in memory. Each finding is reported once.
func (s *Store) Fsck(ctx context.Context, report func(Finding), options ...FsckOption) error {
	c := &checker{report: report, load: make(map[string]int), stored: make(map[string]int)}
	for _, o := range options {
		o(c)
	}
	if err := s.View(ctx, func(tx *Tx) error { return c.walk(ctx, tx) }); err != nil {
		return fmt.Errorf("fsck: %w", err)
	}
	for len(c.fixes) > 0 {
		n := min(len(c.fixes), 100)
		if err := s.UpdateLow(ctx, func(tx *Tx) error {
			for _, fix := range c.fixes[:n] {
				if err := fix(tx); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return fmt.Errorf("repair: %w", err)
		}
		c.fixes = c.fixes[n:]
	}
	return nil
}

// checker is one run of Fsck.
type checker struct {
	report func(Finding)
	has    func(hash string) (bool, error)
	repair bool
	fixes  []func(*Tx) error

	tx     *Tx
	load   map[string]int // units by agent, as conversations say
	stored map[string]int // and as agent statuses say
	now    place          // the conversation that the walk is in
}

// place is where the walk is within a conversation, whose parts follow it in key order.
type place struct {
	conversation *core.Conversation
	seq          uint64
	sessions     int
}

func (c *checker) found(p Problem, k []byte, format string, args ...any) {
	c.report(Finding{Problem: p, Key: k, Text: fmt.Sprintf(format, args...)})
}

func (c *checker) walk(ctx context.Context, tx *Tx) error {
	c.tx = tx
	for p, err := range tx.kv.Scan(kv.Range{}) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = c.look(p.Key, p.Value)
		}
		if err != nil {
			return err
		}
	}
	c.leaveConversation()
	for agent, units := range c.load {
		if had := c.stored[agent]; had != units {
			c.found(LoadWrong, newKey(familyAgent).name(agent), "agent %s has a load of %d and conversations of %d units", agent, had, units)
		}
	}
	for agent, had := range c.stored {
		if _, ok := c.load[agent]; !ok && had != 0 {
			c.found(LoadWrong, newKey(familyAgent).name(agent), "agent %s has a load of %d and no conversations", agent, had)
		}
	}
	return nil
}

func (c *checker) look(k, value []byte) error {
	if kind := kindOf(k); kind != nil {
		return c.record(kind, k, value)
	}
	owner, known := ownerOf(k, value)
	switch {
	case string(k) == string(schemaKey()):
		return nil
	case isPart(k):
		return c.part(k)
	case !known:
		c.found(UnknownKey, k, "no record of this version has such a key")
		return nil
	}
	ok, err := c.tx.claims(owner, k, value)
	if err != nil {
		return err
	}
	if !ok {
		c.index(IndexStray, k, "no record claims this index entry", func(tx *Tx) error { return tx.dropStray(k) })
	}
	return c.reference(k)
}

// index reports a problem of an index, to be mended by fix.
func (c *checker) index(p Problem, k []byte, text string, fix func(*Tx) error) {
	if c.repair {
		c.fixes = append(c.fixes, fix)
	}
	c.report(Finding{Problem: p, Key: k, Text: text, Repaired: c.repair})
}

// record checks one record: that it can be read, that it lies where it belongs, that its index entries are there, and
// what must hold between it and others.
func (c *checker) record(kind *kind, k, value []byte) error {
	body := value
	if kind.bare == nil {
		var err error
		if body, err = c.tx.body(k, value); err != nil {
			c.found(Unreadable, k, "%s: %v", kind.name, err)
			return nil
		}
	}
	x := make(extras)
	if kind.extra != nil {
		for _, m := range kind.extra(k, value) {
			x[m.name] = m.text()
		}
	}
	at, err := kind.keyOf(x, body)
	if err != nil {
		c.found(Unreadable, k, "%s: %v", kind.name, err)
		return nil
	}
	if string(at) != string(k) {
		c.found(Misplaced, k, "a %s lies under the key of another", kind.name)
		return nil
	}
	if kind.index != nil {
		if err := c.entries(kind, k, body); err != nil {
			return err
		}
	}
	return c.relations(kind.name, k, body)
}

// entries checks that the index entries of a record are there.
func (c *checker) entries(kind *kind, k, body []byte) error {
	want, err := kind.index(c.tx, k, body)
	if core.CodeOf(err) == core.NotFound {
		return nil // its conversation is missing, which is reported where the walk comes to it
	}
	if err != nil {
		return err
	}
	for entry, value := range want {
		got, err := c.tx.kv.Get([]byte(entry))
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		if err == nil && string(got) == value {
			continue
		}
		fix := func(tx *Tx) error { return tx.restoreEntry(kind, k, entry) }
		if err != nil {
			c.index(IndexMissing, []byte(entry), fmt.Sprintf("a %s lacks this index entry", kind.name), fix)
			continue
		}
		if owner, ok := ownerOf([]byte(entry), got); ok {
			shared, err := c.tx.claims(owner, []byte(entry), got)
			if err != nil {
				return err
			}
			switch {
			case shared && entry[0] == familyThread:
				c.found(ThreadShared, k, "two conversations go on in one thread; messages go to the other")
				continue
			case shared && entry[0] == familyExternal:
				continue // a provider may repeat an id; the newest message has it
			}
		}
		c.index(IndexWrong, []byte(entry), fmt.Sprintf("this index entry of a %s points elsewhere", kind.name), fix)
	}
	return nil
}

// part checks that a part of a long record belongs to it.
func (c *checker) part(k []byte) error {
	at, number := partOf(k)
	raw, err := c.tx.kv.Get(at)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	if err != nil || len(raw) < 3 || raw[0] != formatLong || number >= partsOf(raw) {
		c.index(PartStray, k, "no record has this part", func(tx *Tx) error {
			tx.kv.Delete(k)
			return nil
		})
	}
	return nil
}
