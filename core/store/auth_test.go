package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
)

func TestSignIns(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		put := func(token, agent string, expires time.Time) {
			do(t, s, func(tx *Tx) {
				tx.PutSignIn(&core.SignIn{TokenHash: token, Agent: agent, CreatedAt: start, SeenAt: start, ExpiresAt: expires})
			})
		}
		tokens := func(agent string) (list []string) {
			view(t, s, func(tx *Tx) error {
				found, err := tx.SignInsOf(agent)
				list = nil
				for _, f := range found {
					list = append(list, f.TokenHash)
				}
				slices.Sort(list)
				return err
			})
			return list
		}
		put("t1", "alice", start.Add(time.Hour))
		put("t2", "alice", start.Add(2*time.Hour))
		put("t3", "alice-b", start.Add(time.Hour)) // a name that begins like another
		put("t1", "alice", start.Add(3*time.Hour)) // prolonged
		if got, want := tokens("alice"), []string{"t1", "t2"}; !slices.Equal(got, want) {
			t.Errorf("alice is signed in at %v, want %v", got, want)
		}
		forget := func(now time.Time, limit int) (n int) {
			update(t, s, func(tx *Tx) (err error) {
				n, err = tx.ForgetSignIns(now, limit)
				return err
			})
			return n
		}
		if n := forget(start.Add(time.Hour), 10); n != 0 {
			t.Errorf("%d sign-ins forgotten at the moment they expire", n)
		}
		if n := forget(start.Add(2*time.Hour+time.Millisecond), 1); n != 1 {
			t.Errorf("%d forgotten, the limit is 1", n)
		}
		if n := forget(start.Add(2*time.Hour+time.Millisecond), 10); n != 1 {
			t.Errorf("%d forgotten", n)
		}
		if got, want := tokens("alice"), []string{"t1"}; !slices.Equal(got, want) {
			t.Errorf("left at %v, want %v", got, want)
		}
		do(t, s, func(tx *Tx) {
			tx.DeleteSignIn("t1")
			tx.DeleteSignIn("never there")
		})
		view(t, s, func(tx *Tx) error {
			found, err := tx.SignIn("t1")
			if found != nil {
				t.Error("still signed in")
			}
			return err
		})
		if n := len(pairs(t, s)); n != 1 {
			t.Errorf("%d keys are left", n-1)
		}
	})
}

func TestAPIKeys(t *testing.T) {
	s := memory(t)
	do(t, s, func(tx *Tx) {
		tx.PutAPIKey(&core.APIKey{ID: id(2), KeyHash: "h2", Agent: "alice"})
		tx.PutAPIKey(&core.APIKey{ID: id(1), KeyHash: "h1", Agent: "alice"})
		tx.PutAPIKey(&core.APIKey{ID: id(3), KeyHash: "h3", Agent: "bob"})
	})
	do(t, s, func(tx *Tx) { tx.PutAPIKey(&core.APIKey{ID: id(1), KeyHash: "h1b", Agent: "alice", RevokedAt: start}) })
	view(t, s, func(tx *Tx) error {
		gone, err1 := tx.APIKeyByHash("h1")
		found, err2 := tx.APIKeyByHash("h1b")
		list, err3 := tx.APIKeysOf("alice")
		_, err4 := tx.APIKey(id(9))
		if gone != nil || found == nil || found.ID != id(1) || found.RevokedAt.IsZero() {
			t.Errorf("by hash: %v, %v", gone, found)
		}
		if len(list) != 2 || list[0].ID != id(1) || list[1].ID != id(2) {
			t.Errorf("alice's keys: %v", list)
		}
		if core.CodeOf(err4) != core.NotFound {
			t.Errorf("an unknown key: %v", err4)
		}
		return errors.Join(err1, err2, err3)
	})
	clean(t, s)
}

func TestAuditIsReadFromTheNewest(t *testing.T) {
	s := memory(t)
	do(t, s, func(tx *Tx) {
		for i := range 5 {
			tx.AddAudit(&core.AuditEntry{ID: id(i + 1), Act: "act"})
		}
	})
	view(t, s, func(tx *Tx) error {
		first, err := tx.Audit("", 2)
		if err != nil {
			return err
		}
		second, err := tx.Audit(first[1].ID, 10)
		var got []core.ID
		for _, e := range append(first, second...) {
			got = append(got, e.ID)
		}
		if diff := cmp.Diff([]core.ID{id(5), id(4), id(3), id(2), id(1)}, got); diff != "" {
			t.Error(diff)
		}
		return err
	})
}

func TestConfigurations(t *testing.T) {
	s := memory(t)
	view(t, s, func(tx *Tx) error {
		last, err := tx.LastConfiguration()
		if last != nil {
			t.Errorf("a first configuration: %v", last)
		}
		_, missing := tx.Configuration(1)
		if core.CodeOf(missing) != core.NotFound {
			t.Errorf("revision 1: %v", missing)
		}
		return err
	})
	do(t, s, func(tx *Tx) {
		for i := range 300 {
			tx.AddConfiguration(&core.AppliedConfiguration{Revision: i + 1, By: "cli"})
		}
		tx.AddConfiguration(&core.AppliedConfiguration{Revision: 300, By: "alice"})
	})
	view(t, s, func(tx *Tx) error {
		last, err := tx.LastConfiguration()
		list, err2 := tx.Configurations(2)
		if last.Revision != 300 || last.By != "alice" || len(list) != 2 || list[1].Revision != 299 {
			t.Errorf("last %v, list %v", last, list)
		}
		return errors.Join(err, err2)
	})
}

func TestSettings(t *testing.T) {
	s := memory(t)
	do(t, s, func(tx *Tx) {
		tx.SetSetting("a", []byte{})
		tx.SetSetting("b", []byte("x"))
		tx.SetSetting("c", []byte("y"))
		tx.SetSetting("c", nil)
	})
	view(t, s, func(tx *Tx) error {
		a, err1 := tx.Setting("a")
		b, err2 := tx.Setting("b")
		c, err3 := tx.Setting("c")
		names, err4 := tx.Settings()
		if a == nil || len(a) != 0 || string(b) != "x" || c != nil || !slices.Equal(names, []string{"a", "b"}) {
			t.Errorf("%v %q %v %v", a, b, c, names)
		}
		return errors.Join(err1, err2, err3, err4)
	})
}

func TestPluginState(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		var first, second, again uint64
		do(t, s, func(tx *Tx) { first = tx.SetPluginState("a", "k", []byte("1")) })
		do(t, s, func(tx *Tx) {
			second = tx.SetPluginState("a", "k", []byte("2"))
			tx.SetPluginState("a", "k\x00", nil)
			tx.SetPluginState("a", "l", nil)
			tx.SetPluginState("ab", "k", nil)
		})
		view(t, s, func(tx *Tx) error {
			value, version, found, err := tx.PluginState("a", "k")
			if string(value) != "2" || version != second || !found || first == 0 || second <= first {
				t.Errorf("%q %d %v after %d and %d", value, version, found, first, second)
			}
			keys, err2 := tx.PluginStateKeys("a", "k")
			if !slices.Equal(keys, []string{"k", "k\x00"}) {
				t.Errorf("keys %q", keys)
			}
			return errors.Join(err, err2)
		})
		do(t, s, func(tx *Tx) { tx.DeletePluginState("a", "k") })
		view(t, s, func(tx *Tx) error {
			_, version, found, err := tx.PluginState("a", "k")
			if found || version != 0 {
				t.Errorf("deleted: %d %v", version, found)
			}
			return err
		})
		do(t, s, func(tx *Tx) { again = tx.SetPluginState("a", "k", nil) })
		if again == 0 {
			t.Error("no version")
		}
		err := s.Update(t.Context(), func(tx *Tx) error {
			tx.SetPluginState("a", string(make([]byte, MaxStateKey+1)), nil)
			return nil
		})
		if core.CodeOf(err) != core.Invalid {
			t.Errorf("a key that is too long: %v", err)
		}
	})
}

func TestSpooledRequestsKeepTheirOrder(t *testing.T) {
	s := memory(t)
	do(t, s, func(tx *Tx) {
		tx.PutSpooled("a", id(2), []byte("second"))
		tx.PutSpooled("a", id(1), []byte("first"))
		tx.PutSpooledBlob("a", id(3), hashA)
		tx.PutSpooled("ab", id(1), []byte("another's"))
	})
	view(t, s, func(tx *Tx) error {
		list, err := tx.Spooled("a", "", 10)
		if len(list) != 3 || string(list[0].Raw) != "first" || string(list[1].Raw) != "second" || list[2].Blob != hashA {
			t.Errorf("%v", list)
		}
		return err
	})
	clean(t, s)
	do(t, s, func(tx *Tx) {
		for i := range 3 {
			tx.DeleteSpooled("a", id(i+1))
		}
	})
	view(t, s, func(tx *Tx) error {
		list, err := tx.Spooled("a", "", 10)
		if len(list) != 0 {
			t.Errorf("%v", list)
		}
		return err
	})
	clean(t, s)
}

func TestUploadsBefore(t *testing.T) {
	s := memory(t)
	early, late := core.NewID(start.Add(-time.Second)), core.NewID(start.Add(time.Second))
	do(t, s, func(tx *Tx) {
		for i, at := range []core.ID{early, id(1), late} {
			tx.PutUpload(&core.Upload{ID: at, Hash: []string{hashA, hashB, hashC}[i]})
		}
	})
	for at, want := range map[time.Time][]core.ID{
		start.Add(-time.Second):       nil,
		start:                         {early},
		start.Add(time.Millisecond):   {early, id(1)},
		start.Add(time.Hour):          {early, id(1), late},
		start.Add(-1000 * time.Hour):  nil,
		start.Add(1000 * time.Second): {early, id(1), late},
	} {
		view(t, s, func(tx *Tx) error {
			list, err := tx.UploadsBefore(at, 10)
			var got []core.ID
			for _, u := range list {
				got = append(got, u.ID)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("before %s: %s", at, diff)
			}
			return err
		})
	}
}

func TestVariables(t *testing.T) {
	s := memory(t)
	populate(t, s)
	do(t, s, func(tx *Tx) {
		tx.PutVariable(id(10), "city", core.Variable{Type: "text", Value: "Lyon"})
		tx.PutVariable(id(10), "order", core.Variable{Type: "number", Value: "43"})
		tx.PutVariable(id(10), "gone", core.Variable{Type: "text"})
		tx.PutVariable(id(11), "city", core.Variable{Type: "text", Value: "Nice"})
		tx.DeleteVariable(id(10), "gone")
	})
	view(t, s, func(tx *Tx) error {
		all, err := tx.Variables(id(10))
		want := map[string]core.Variable{"city": {Type: "text", Value: "Lyon"}, "order": {Type: "number", Value: "43"}}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Error(diff)
		}
		one, err2 := tx.Variable(id(11), "city")
		none, err3 := tx.Variable(id(11), "order")
		if one == nil || one.Value != "Nice" || none != nil {
			t.Errorf("%v %v", one, none)
		}
		return errors.Join(err, err2, err3)
	})
	clean(t, s)
}
