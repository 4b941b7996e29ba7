package store

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

func TestFsckIsCleanAfterEveryKindOfRecord(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		populate(t, s)
		clean(t, s)
		var seen []string
		view(t, s, func(tx *Tx) error {
			for p, err := range tx.kv.Scan(kv.Range{}) {
				if err != nil {
					return err
				}
				if k := kindOf(p.Key); k != nil && !slices.Contains(seen, k.name) {
					seen = append(seen, k.name)
				}
			}
			return nil
		})
		for _, name := range KindNames(true) {
			if !slices.Contains(seen, name) {
				t.Errorf("the fixture has no %s", name)
			}
		}
	})
}

// firstUnder returns the first key under a prefix.
func firstUnder(t *testing.T, tx *Tx, prefix ...byte) []byte {
	t.Helper()
	r := kv.Prefix(prefix)
	r.Limit = 1
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			t.Fatal(err)
		}
		return p.Key
	}
	t.Fatalf("nothing under %q", prefix)
	return nil
}

func TestFsckFindsAndRepairsEveryIndex(t *testing.T) {
	convPrefix := func(p byte) []byte { return newKey(familyConversation).id(id(10)).byte(p) }
	indexes := map[string][]byte{
		"all": {familyList, listAll}, "mine": {familyList, listMine}, "queue": {familyList, listQueue},
		"closed": {familyList, listClosed}, "handled": {familyList, listHandled}, "contact": {familyList, listContact},
		"offered": {familyList, listOffered}, "offer": {familyOffer}, "thread": {familyThread},
		"identities": {familyIdentities}, "word": {familyWord}, "alias": {familyAlias}, "external": {familyExternal}, "pending": {familyPending},
		"client": convPrefix(partClient), "sign-in of": {familySystem, systemSignInOf},
		"sign-in end": {familySystem, systemSignInEnd}, "api key hash": {familySystem, systemAPIKeyHash},
		"api key of": {familySystem, systemAPIKeyOf}, "free": {familyAttachment, attachmentFree},
		"message reference": append(referencePrefix(hashA), referenceMessage),
		"upload reference":  append(referencePrefix(hashA), referenceUpload),
		"raw reference":     append(referencePrefix(hashB), referenceRaw),
		"spool reference":   append(referencePrefix(hashB), referenceSpool),
	}
	for name, prefix := range indexes {
		t.Run(name, func(t *testing.T) {
			s := memory(t)
			populate(t, s)
			want := pairs(t, s)
			var lost []byte
			do(t, s, func(tx *Tx) {
				lost = firstUnder(t, tx, prefix...)
				tx.kv.Delete(lost)
			})
			expect(t, s, IndexMissing, lost)
			findings(t, s, WithRepair())
			clean(t, s)
			same(t, s, want)

			stray := bytes.Clone(lost)
			stray[len(stray)-1] ^= 0x55
			var value []byte
			update(t, s, func(tx *Tx) (err error) {
				value, err = tx.kv.Get(lost)
				tx.kv.Set(stray, value)
				return err
			})
			expect(t, s, IndexStray, stray)
			findings(t, s, WithRepair())
			clean(t, s)
			same(t, s, want)

			if len(value) == 0 {
				return
			}
			wrong := bytes.Clone(value)
			wrong[len(wrong)-1] ^= 0x55
			do(t, s, func(tx *Tx) { tx.kv.Set(lost, wrong) })
			expect(t, s, IndexWrong, lost)
			findings(t, s, WithRepair())
			clean(t, s)
			same(t, s, want)
		})
	}
}

// expect demands a finding, at a key unless that is nil.
func expect(t *testing.T, s *Store, p Problem, k []byte) {
	t.Helper()
	list := findings(t, s)
	for _, f := range list {
		if f.Problem == p && (k == nil || bytes.Equal(f.Key, k)) {
			if f.Text == "" || f.Repaired {
				t.Errorf("finding %+v", f)
			}
			return
		}
	}
	t.Errorf("fsck did not find %s at %q; it found %v", p, k, list)
}

func same(t *testing.T, s *Store, want map[string]string) {
	t.Helper()
	got := pairs(t, s)
	for k, v := range want {
		if k == `"s."` {
			continue
		}
		if g, ok := got[k]; !ok || g != v {
			t.Errorf("after repair %s is %q, want %q", k, g, v)
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			t.Errorf("after repair %s is there", k)
		}
	}
}

func TestFsckFindsWhatRecordsContradict(t *testing.T) {
	change := func(kind string, k key, from, to string) func(*testing.T, *Tx) {
		return func(t *testing.T, tx *Tx) {
			raw, err := tx.kv.Get(k)
			if err != nil {
				t.Fatal(kind, err)
			}
			if !strings.Contains(string(raw), from) {
				t.Fatalf("the %s has no %q: %s", kind, from, raw)
			}
			tx.kv.Set(k, []byte(strings.Replace(string(raw), from, to, 1)))
		}
	}
	remove := func(k key) func(*testing.T, *Tx) { return func(_ *testing.T, tx *Tx) { tx.kv.Delete(k) } }
	rawHash := func(s string) []byte { b, _ := hex.DecodeString(s); return b }
	for name, c := range map[string]struct {
		corrupt func(*testing.T, *Tx)
		want    Problem
	}{
		"not JSON":           {change("contact", newKey(familyContact).id(id(2)), "{", "["), Unreadable},
		"another encoding":   {change("contact", newKey(familyContact).id(id(2)), "\x01", "\x09"), Unreadable},
		"another's key":      {change("contact", newKey(familyContact).id(id(2)), string(id(2)), string(id(4))), Misplaced},
		"unknown family":     {func(_ *testing.T, tx *Tx) { tx.kv.Set([]byte("!x"), nil) }, UnknownKey},
		"truncated key":      {func(_ *testing.T, tx *Tx) { tx.kv.Set([]byte("c123"), nil) }, UnknownKey},
		"short seen":         {func(_ *testing.T, tx *Tx) { tx.kv.Set([]byte("d123"), nil) }, UnknownKey},
		"stray part":         {func(_ *testing.T, tx *Tx) { tx.kv.Set(overflowKey(conversationKey(id(10)), 1), nil) }, PartStray},
		"stray system part":  {func(_ *testing.T, tx *Tx) { tx.kv.Set(overflowKey(configurationKey(1), 3), nil) }, PartStray},
		"first message gone": {remove(messageKey(id(10), 1)), MessageGap},
		"last message gone":  {remove(messageKey(id(10), 2)), MessageGap},
		"conversation gone":  {remove(conversationKey(id(10))), Dangling},
		"session gone":       {remove(sessionKey(id(10), 1)), SessionGap},
		"contact gone":       {remove(newKey(familyContact).id(id(2))), Dangling},
		"load":               {change("agent", newKey(familyAgent).name("alice"), `"load":30`, `"load":31`), LoadWrong},
		"load of nobody":     {remove(newKey(familyAgent).name("bob")), LoadWrong},
		"no agent":           {change("conversation", conversationKey(id(10)), `"assignee":"alice"`, `"assignee":""`), Orphan},
		"units of nobody":    {change("conversation", conversationKey(id(12)), `"former"`, `"units":3,"former"`), LoadWrong},
		"nothing sends":      {change("outbox", outboxKey(id(10), 2), `"queued"`, `"failed"`), OutboxWrong},
		"entry gone":         {remove(outboxKey(id(10), 2)), OutboxWrong},
		"sends what came in": {change("message", messageKey(id(10), 2), `"queued"`, `"received"`), OutboxWrong},
		"sends nothing":      {remove(messageKey(id(10), 2)), OutboxWrong},
		"timer of a stranger": {func(_ *testing.T, tx *Tx) {
			tx.PutTimer(&core.Timer{Due: start, Kind: core.TimerWrapUp, Ref: string(id(99))})
		}, TimerStray},
		"presence of nobody": {func(_ *testing.T, tx *Tx) {
			tx.PutTimer(&core.Timer{Due: start, Kind: core.TimerPresence, Ref: "carol"})
		}, TimerStray},
		"asking about nothing": {func(_ *testing.T, tx *Tx) {
			tx.PutTimer(&core.Timer{Due: start, Kind: core.TimerAsk, Ref: "a-uuid", Conversation: id(10), Version: 99})
		}, TimerStray},
		"nothing fetches":   {remove(fetchKey(id(10), 1, id(21))), FetchWrong},
		"fetches nothing":   {change("message", messageKey(id(10), 1), `"fetching"`, `"gone"`), FetchWrong},
		"routes a stranger": {func(_ *testing.T, tx *Tx) { tx.kv.Set(newKey(familyRoute).id(id(99)), nil) }, Dangling},
		"guard gone":        {remove(guardKey(hashA)), IndexWrong},
		"guard of the free": {func(_ *testing.T, tx *Tx) { tx.kv.Set(guardKey(hashC), []byte{contentReferenced}) }, IndexWrong},
		"malformed reference": {func(_ *testing.T, tx *Tx) {
			tx.kv.Set(append(append(newKey(familyAttachment, attachmentReference), rawHash(hashA)...), '?', 1), nil)
		}, UnknownKey},
		"open and forgotten": {func(_ *testing.T, tx *Tx) {
			raw, _ := tx.kv.Get(conversationKey(id(11)))
			s := strings.NewReplacer(`"queue":"sales",`, "", `"offer":`, `"was":`, `"units":20`, `"units":0`).Replace(string(raw))
			tx.kv.Set(conversationKey(id(11)), []byte(s))
			tx.ClearRouteMark(id(11))
		}, Orphan},
		"two in one thread": {func(t *testing.T, tx *Tx) {
			tx.PutConversation(&core.Conversation{ID: id(13), State: core.Waiting, Former: "bob", Account: "shop-line",
				Channel: "line", Contact: id(2), Thread: core.Thread{ID: "U1", Kind: "user"}, CreatedAt: start}, false)
		}, ThreadShared},
	} {
		t.Run(name, func(t *testing.T) {
			s := memory(t)
			populate(t, s)
			do(t, s, func(tx *Tx) { c.corrupt(t, tx) })
			before := pairs(t, s)
			expect(t, s, c.want, nil)
			if after := pairs(t, s); len(after) != len(before) {
				t.Error("looking changed something")
			}
			findings(t, s, WithRepair()) // whatever is wrong, it ends
		})
	}
}

func TestFsckAsksForFiles(t *testing.T) {
	s := memory(t)
	populate(t, s)
	var asked []string
	list := findings(t, s, WithBlobs(func(hash string) (bool, error) {
		asked = append(asked, hash)
		return hash != hashB, nil
	}))
	if !slices.Equal(asked, []string{hashA, hashB}) {
		t.Errorf("asked for %v", asked)
	}
	if len(list) != 1 || list[0].Problem != BlobMissing || !strings.Contains(list[0].Text, hashB) {
		t.Errorf("found %v", list)
	}
}

func TestFsckAcceptsARepeatedExternalID(t *testing.T) {
	s := memory(t)
	populate(t, s)
	update(t, s, func(tx *Tx) error {
		c, err := tx.Conversation(id(11))
		if err != nil {
			return err
		}
		tx.AppendMessage(c, &core.Message{ID: "again", State: core.Received, ExternalIDs: []string{"ext-1"}, CreatedAt: start.Add(time.Second)})
		tx.PutConversation(c, false)
		return nil
	})
	clean(t, s)
}
