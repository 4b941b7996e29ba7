package store

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

func TestUnknownFieldsSurviveRewriting(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		populate(t, s)
		do(t, s, func(tx *Tx) {
			k := messageKey(id(10), 1)
			raw, err := tx.kv.Get(k)
			if err != nil {
				t.Fatal(err)
			}
			later := strings.NewReplacer(
				`{"id":"in-1"`, `{"mood":{"x":[1,2]},"id":"in-1"`,
				`"handle":"h"`, `"handle":"h","scan":"clean"`,
				`"from":{`, `"from":{"badge":7,`,
			).Replace(string(raw))
			tx.kv.Set(k, []byte(later))
		})
		update(t, s, func(tx *Tx) error {
			c, err := tx.Conversation(id(10))
			if err != nil {
				return err
			}
			m, err := tx.Message(c, 1)
			if err != nil {
				return err
			}
			m.Text = "edited"
			m.Attachments = m.Attachments[1:] // the first, without unknown fields, goes
			tx.PutMessage(c, m)
			m.Text = "edited twice"
			tx.PutMessage(c, m)
			return nil
		})
		view(t, s, func(tx *Tx) error {
			raw, err := tx.kv.Get(messageKey(id(10), 1))
			for _, want := range []string{`"mood":{"x":[1,2]}`, `"scan":"clean"`, `"badge":7`, `"text":"edited twice"`} {
				if n := strings.Count(string(raw), want); n != 1 {
					t.Errorf("%s is there %d times in %s", want, n, raw)
				}
			}
			if strings.Contains(string(raw), "fetching-") || strings.Contains(string(raw), hashA) {
				t.Errorf("a known field came back: %s", raw)
			}
			return err
		})
	})
}

func TestKeepUnknown(t *testing.T) {
	type leaf struct {
		ID string `json:"id,omitempty"`
		A  int    `json:"a,omitempty"`
	}
	type inner struct {
		Name string `json:"name,omitempty"`
	}
	type record struct {
		inner
		Leaf   *leaf           `json:"leaf,omitempty"`
		List   []leaf          `json:"list,omitempty"`
		Map    map[string]leaf `json:"map,omitempty"`
		Texts  []string        `json:"texts,omitempty"`
		NoTag  int
		hidden int
	}
	_ = record{hidden: 1}.hidden
	for name, c := range map[string]struct{ was, now, want string }{
		"top":                         {`{"name":"a","new":1}`, `{"name":"b","NoTag":0}`, `{"name":"b","NoTag":0,"new":1}`},
		"known and gone":              {`{"name":"a","leaf":{"a":1,"z":2}}`, `{"NoTag":0}`, `{"NoTag":0}`},
		"nested":                      {`{"leaf":{"a":1,"z":2}}`, `{"leaf":{"a":3}}`, `{"leaf":{"a":3,"z":2}}`},
		"map":                         {`{"map":{"k":{"z":2},"gone":{"z":3}}}`, `{"map":{"k":{"a":1}}}`, `{"map":{"k":{"a":1,"z":2}}}`},
		"list by id":                  {`{"list":[{"id":"x","z":1},{"id":"y","z":2}]}`, `{"list":[{"id":"y"},{"id":"n"}]}`, `{"list":[{"id":"y","z":2},{"id":"n"}]}`},
		"list by content":             {`{"list":[{"a":1,"z":1},{"a":2,"z":2}]}`, `{"list":[{"a":2}]}`, `{"list":[{"a":2,"z":2}]}`},
		"list by place":               {`{"list":[{"a":1,"z":1},{"a":2,"z":2}]}`, `{"list":[{"a":1},{"a":5}]}`, `{"list":[{"a":1,"z":1},{"a":5,"z":2}]}`},
		"twins":                       {`{"list":[{"a":1,"z":1},{"a":1,"z":2}]}`, `{"list":[{"a":1},{"a":1}]}`, `{"list":[{"a":1,"z":1},{"a":1,"z":2}]}`},
		"texts":                       {`{"texts":["a","b"],"z":1}`, `{"texts":["b"]}`, `{"texts":["b"],"z":1}`},
		"a known name in other case":  {`{"NAME":"a","z":1}`, `{"name":"b"}`, `{"name":"b","z":1}`},
		"a field that became another": {`{"leaf":[1],"z":1}`, `{"leaf":{"a":1}}`, `{"leaf":{"a":1},"z":1}`},
		"markup":                      {`{"z":"<&>"}`, `{"name":"<b>"}`, `{"name":"<b>","z":"<&>"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := keepUnknown([]byte(c.now), []byte(c.was), reflect.TypeFor[record]())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLongRecords(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		populate(t, s)
		before := len(pairs(t, s))
		write := func(text string) error {
			return s.Update(t.Context(), func(tx *Tx) error {
				c, err := tx.Conversation(id(10))
				if err != nil {
					return err
				}
				m, err := tx.Message(c, 1)
				if err != nil {
					return err
				}
				m.Text = text
				tx.PutMessage(c, m)
				return nil
			})
		}
		for _, size := range []int{partSize - 2000, 10 * partSize, 3 * partSize, 100} {
			text := strings.Repeat("<é>", size/4)
			if err := write(text); err != nil {
				t.Fatal(size, err)
			}
			view(t, s, func(tx *Tx) error {
				list, err := tx.Messages(id(10), 0, 5)
				if err != nil {
					return err
				}
				if len(list) != 2 || list[0].Text != text {
					t.Errorf("a text of %d bytes does not come back", len(text))
				}
				return nil
			})
			clean(t, s)
		}
		if after := len(pairs(t, s)); after != before {
			t.Errorf("%d keys are left of the long text", after-before)
		}
		err := write(strings.Repeat("x", maxRecord))
		if core.CodeOf(err) != core.TooLarge {
			t.Errorf("a record beyond all limits: %v", err)
		}
		clean(t, s)
	})
}

func TestALongRecordIsRemovedWhole(t *testing.T) {
	s := memory(t)
	before := len(pairs(t, s))
	do(t, s, func(tx *Tx) { tx.PutSpooled("shop", id(1), make([]byte, MaxSpooled)) })
	if n := len(pairs(t, s)); n < before+10 {
		t.Fatalf("only %d keys for a long request", n-before)
	}
	view(t, s, func(tx *Tx) error {
		list, err := tx.Spooled("shop", "", 10)
		if len(list) != 1 || len(list[0].Raw) != MaxSpooled {
			t.Errorf("the request does not come back: %d", len(list))
		}
		return err
	})
	do(t, s, func(tx *Tx) { tx.DeleteSpooled("shop", id(1)) })
	if n := len(pairs(t, s)); n != before {
		t.Errorf("%d keys are left", n-before)
	}
	err := s.Update(t.Context(), func(tx *Tx) error {
		tx.PutSpooled("shop", id(1), make([]byte, MaxSpooled+1))
		return nil
	})
	if core.CodeOf(err) != core.TooLarge {
		t.Errorf("a request beyond the limit: %v", err)
	}
}

func TestAMissingPartIsAnError(t *testing.T) {
	s := memory(t)
	do(t, s, func(tx *Tx) { tx.SetSetting("long", make([]byte, 3*partSize)) })
	do(t, s, func(tx *Tx) { tx.kv.Delete(overflowKey(settingKey("long"), 2)) })
	err := s.View(t.Context(), func(tx *Tx) error {
		_, err := tx.Setting("long")
		return err
	})
	if !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestDecodeRefusesWhatItCannotRead(t *testing.T) {
	tx := &Tx{view: true}
	for _, raw := range []string{"", "\x09{}", "\x02", "\x01", "\x01[]", "\x01{}{}", "\x01{} x", "\x01{\"name\":1}"} {
		if _, err := read[core.Contact](tx, []byte("k"), []byte(raw)); err == nil {
			t.Errorf("%q was read", raw)
		}
	}
}

func FuzzKeepUnknown(f *testing.F) {
	f.Add(`{"id":"x"}`, `{"id":"y","attachments":[{"id":"a","z":1}],"q":{}}`)
	f.Fuzz(func(t *testing.T, now, was string) {
		var m core.Message
		if _, err := decode([]byte(now), &m); err != nil {
			t.Skip()
		}
		if _, err := decode([]byte(was), new(core.Message)); err != nil {
			t.Skip()
		}
		body, err := encode(&m)
		if err != nil {
			t.Skip()
		}
		got, err := keepUnknown(body, []byte(was), reflect.TypeFor[core.Message]())
		if err != nil {
			t.Skip()
		}
		var back core.Message
		if _, err := decode(got, &back); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		again, _ := encode(&back)
		if string(again) != string(body) {
			t.Fatalf("known fields changed: %s became %s", body, again)
		}
	})
}
