package store

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// What one search looks at before it answers with what it has found so far, so that no query is expensive: candidates,
// and entries to see which of its words is the rarest.
const (
	searchLooks  = 2000
	searchProbes = 200
)

// ContactPage is part of a list of contacts, and where it goes on ("" at the end).
type ContactPage struct {
	Contacts []*core.Contact
	Next     string
}

// SearchContacts finds the contacts of which every word of the query begins a word: of the name, e-mail address,
// company, telephone number or an identity's value. They come in the order of the words that were found. An empty query
// lists all contacts, the newest first; one without any letter or digit finds nobody. A page may be shorter than limit,
// or empty, and still go on.
func (tx *Tx) SearchContacts(query, cursor string, limit int) (ContactPage, error) {
	after, err := decodeSearchCursor(cursor)
	if err != nil {
		return ContactPage{}, err
	}
	if strings.TrimSpace(query) == "" {
		return tx.newestContacts(after, limit)
	}
	words := queryWords(query)
	if len(words) == 0 {
		return ContactPage{}, nil
	}
	return tx.searchWords(words, after, limit)
}

func (tx *Tx) newestContacts(after []byte, limit int) (page ContactPage, err error) {
	r := kv.Prefix(newKey(familyContact))
	if after != nil {
		if len(after) != 16 {
			return page, errCursor()
		}
		r.End = append(newKey(familyContact), after...)
	}
	r.Reverse, r.Limit = true, searchLooks
	looks := 0
	var last []byte
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return page, err
		}
		if len(page.Contacts) == limit {
			page.Next = encodeCursor(last)
			return page, nil
		}
		looks++
		last = p.Key[1:]
		c, err := read[core.Contact](tx, p.Key, p.Value)
		if err != nil {
			return page, err
		}
		if c.MergedInto == "" {
			page.Contacts = append(page.Contacts, c)
		}
	}
	if looks == searchLooks {
		page.Next = encodeCursor(last)
	}
	return page, nil
}

// searchWords goes through the entries of the rarest word and looks for the others in each contact it names. A contact
// that has several such words is found under the first of them. The cursor holds the number of the word that is gone
// through, and the entry reached.
func (tx *Tx) searchWords(words []string, after []byte, limit int) (page ContactPage, err error) {
	var drive int
	var r kv.Range
	if after == nil {
		if drive, err = tx.rarest(words); err != nil {
			return page, err
		}
		r = keysOf(append(newKey(familyWord), words[drive]...))
	} else {
		drive = int(after[0])
		if drive >= len(words) || !strings.HasPrefix(string(after[1:]), words[drive]) || len(after) < 1+1+1+16 {
			return page, errCursor()
		}
		r = keysOf(append(newKey(familyWord), words[drive]...))
		r.Start = kv.PrefixEnd(append(newKey(familyWord), after[1:]...))
	}
	looks := 0
	var last []byte
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return page, err
		}
		word := nameAt(p.Key, 1)
		entry := p.Key[1:min(len(p.Key), 1+len(word)+1+16)]
		if string(entry) == string(last) {
			continue // the same word of an identity of the same contact
		}
		if len(page.Contacts) == limit || looks == searchLooks {
			page.Next = encodeCursor(append([]byte{byte(drive)}, last...))
			return page, nil
		}
		looks++
		last = append([]byte(nil), entry...)
		c, err := tx.matching(idAt(entry, len(word)+1), words, word, words[drive])
		if err != nil {
			return page, err
		}
		if c != nil {
			page.Contacts = append(page.Contacts, c)
		}
	}
	return page, nil
}

// rarest returns which of the words begins the fewest entries.
func (tx *Tx) rarest(words []string) (least int, err error) {
	if len(words) == 1 {
		return 0, nil
	}
	fewest := searchProbes + 1
	for n, w := range words {
		r := keysOf(append(newKey(familyWord), w...))
		r.Limit = fewest
		count := 0
		for _, err := range tx.kv.Scan(r) {
			if err != nil {
				return 0, err
			}
			count++
		}
		if count < fewest || count == fewest && len(w) > len(words[least]) {
			least, fewest = n, max(count, 1)
		}
	}
	return least, nil
}

// matching reads a contact that was found by one of its words; nil when another word of the query is missing, or when
// an earlier word of it begins the same way.
func (tx *Tx) matching(id core.ID, words []string, found, drive string) (*core.Contact, error) {
	c, err := get[core.Contact](tx, contactKey(id))
	if err != nil || c == nil {
		return nil, err
	}
	has := contactWords(c)
	identities, err := tx.IdentitiesOf(id)
	if err != nil {
		return nil, err
	}
	for _, i := range identities {
		has = append(has, identityWords(i)...)
	}
	for _, h := range has {
		if strings.HasPrefix(h, drive) && h < found {
			return nil, nil
		}
	}
	for _, w := range words {
		if !slices.ContainsFunc(has, func(h string) bool { return strings.HasPrefix(h, w) }) {
			return nil, nil
		}
	}
	return c, nil
}

func encodeCursor(place []byte) string { return base64.RawURLEncoding.EncodeToString(place) }

func decodeSearchCursor(cursor string) ([]byte, error) {
	if cursor == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) == 0 {
		return nil, errCursor()
	}
	return b, nil
}

func errCursor() error {
	return core.FieldErrorf("cursor", "the cursor is not one that this list gave: start again without it")
}
