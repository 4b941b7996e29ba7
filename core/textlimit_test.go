package core_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/guichet/guichet/core"
)

func TestTextLimit(t *testing.T) {
	const family = "👩‍👩‍👧" // one grapheme of five code points, eight UTF-16 units, 18 bytes
	for _, test := range []struct {
		unit   core.TextUnit
		text   string
		length int
	}{
		{core.Characters, "né", 2}, {core.Characters, "ne\u0301", 3}, {core.Characters, "😀", 1}, {core.Characters, family, 5}, {"", "né", 2},
		{core.UTF16Units, "né", 2}, {core.UTF16Units, "😀", 2}, {core.UTF16Units, family, 8},
		{core.Bytes, "né", 3}, {core.Bytes, "😀", 4}, {core.Bytes, family, 18},
		{core.Graphemes, "ne\u0301", 2}, {core.Graphemes, "😀", 1}, {core.Graphemes, family, 1}, {core.Graphemes, "🇫🇷🇨🇦", 2},
	} {
		limit := core.TextLimit{Max: test.length, Unit: test.unit}
		if n := limit.Length(test.text); n != test.length {
			t.Errorf("%q has %d %s, want %d", test.text, n, test.unit, test.length)
		}
		if err := limit.Check(test.text); err != nil {
			t.Errorf("%q of the greatest length: %v", test.text, err)
		}
		err := limit.Check(test.text + test.text)
		var refused *core.Error
		if !errors.As(err, &refused) || refused.Field != "text" || refused.Code != core.Invalid {
			t.Errorf("twice %q is refused as %v, want an invalid text", test.text, err)
		}
	}
	if err := (core.TextLimit{}).Check(strings.Repeat("x", 1<<20)); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}
