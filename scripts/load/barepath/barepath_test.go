package barepath

import (
	"context"
	"strings"
	"testing"
)

func TestWrittenByDeskGrowsWithTheText(t *testing.T) {
	short, err := WrittenByDesk(context.Background(), "hi", []byte(`{"type":"message"}`))
	if err != nil {
		t.Fatal(err)
	}
	long, err := WrittenByDesk(context.Background(), strings.Repeat("x", 1000), []byte(`{"type":"message"}`))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a short message writes %+v, one of 1,000 bytes %+v", short, long)
	// The text is in the message's record, and its beginning in the conversation's previews.
	if short.Keys < 4 || short.Events < 2 || long.Keys != short.Keys || long.Bytes < short.Bytes+998 {
		t.Errorf("short %+v, long %+v: something is not counted", short, long)
	}
}
