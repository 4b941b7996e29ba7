package line

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/plugins/sdk"
)

// fetch reads content completely.
func fetch(t *testing.T, ch *channel, handle string, maxBytes int64) (*sdk.Media, []byte, error) {
	t.Helper()
	media, err := ch.FetchMedia(t.Context(), handle, maxBytes)
	if err != nil {
		return nil, nil, err
	}
	defer media.Body.Close()
	content, err := io.ReadAll(media.Body)
	return media, content, err
}

func TestFetchMedia(t *testing.T) {
	d := newDesk(t)
	content := bytes.Repeat([]byte("x"), 1000)
	event := d.customer.Attach("video", "", linetest.Content{Type: "video/mp4", Bytes: content, NotReady: 1})
	attachment := inbound(t, d.channel, d.platform, event)[0].Message.Attachments[0]
	var notReady *sdk.NotReady
	if _, _, err := fetch(t, d.channel, attachment.Handle, 1000); !errors.As(err, &notReady) || notReady.After <= 0 {
		t.Fatalf("first %v", err)
	}
	media, got, err := fetch(t, d.channel, attachment.Handle, 1000)
	if err != nil || media.Type != "video/mp4" || media.Size != 1000 || !bytes.Equal(got, content) {
		t.Fatalf("%+v, %d bytes, %v", media, len(got), err)
	}
}

func TestFetchMediaThatIsNotThere(t *testing.T) {
	d := newDesk(t)
	attach := func(kind string, content linetest.Content) string {
		return inbound(t, d.channel, d.platform, d.customer.Attach(kind, "a.pdf", content))[0].Message.Attachments[0].Handle
	}
	var gone *sdk.MediaGone
	for name, handle := range map[string]string{
		"unknown":               "image/1",
		"not a handle":          "nonsense",
		"taken back":            attach("image", linetest.Content{Gone: true}),
		"transcoding failed":    attach("audio", linetest.Content{Failed: true}),
		"path in the handle":    "image/../../bot/info",
		"nothing in the handle": "image/",
	} {
		if _, _, err := fetch(t, d.channel, handle, 1000); !errors.As(err, &gone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An image is not transcoded, so that there is nothing to ask.
	var notReady *sdk.NotReady
	if _, _, err := fetch(t, d.channel, attach("image", linetest.Content{Failed: true}), 1000); !errors.As(err, &notReady) {
		t.Errorf("%v", err)
	}
	handle := attach("file", linetest.Content{Type: "application/pdf", Bytes: []byte("pdf")})
	for _, status := range []int{401, 429, 500, 503} {
		d.platform.Inject(linetest.Fault{Path: "/v2/bot/message/", Status: status})
		_, _, err := fetch(t, d.channel, handle, 1000)
		var refused *sdk.MediaRefused
		if err == nil || errors.As(err, &gone) || errors.As(err, &refused) {
			t.Errorf("%d: %v, which would not be tried again", status, err)
		}
	}
	if _, got, err := fetch(t, d.channel, handle, 1000); err != nil || string(got) != "pdf" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestFetchMediaTooLarge(t *testing.T) {
	d := newDesk(t)
	for _, chunked := range []bool{false, true} {
		event := d.customer.Attach("image", "", linetest.Content{Type: "image/jpeg", Bytes: make([]byte, 100_000), Chunked: chunked})
		handle := inbound(t, d.channel, d.platform, event)[0].Message.Attachments[0].Handle
		var refused *sdk.MediaRefused
		_, got, err := fetch(t, d.channel, handle, 99_999)
		if !errors.As(err, &refused) || len(got) > 99_999 {
			t.Errorf("chunked %v: %d bytes, %v", chunked, len(got), err)
		}
		if _, got, err := fetch(t, d.channel, handle, 100_000); err != nil || len(got) != 100_000 {
			t.Errorf("chunked %v: %d bytes, %v", chunked, len(got), err)
		}
	}
}

func TestProfiles(t *testing.T) {
	d := newDesk(t)
	d.customer.Picture = "https://example.com/ann.jpg"
	group := d.platform.NewGroup("group")
	room := d.platform.NewGroup("room")
	hidden := d.platform.NewCustomer("Bob")
	hidden.HideProfile()
	for _, test := range []struct {
		what     string
		identity sdk.Identity
		thread   sdk.Thread
		want     *sdk.Profile
	}{
		{"a friend", user(d.customer.ID), sdk.Thread{ID: d.customer.ID, Kind: "user"}, &sdk.Profile{Name: "Ann", Language: "en", PictureURL: "https://example.com/ann.jpg"}},
		{"a member of a group", user(d.customer.ID), sdk.Thread{ID: group.ID, Kind: "group"}, &sdk.Profile{Name: "Ann", PictureURL: "https://example.com/ann.jpg"}},
		{"a member of a room", user(d.customer.ID), sdk.Thread{ID: room.ID, Kind: "room"}, &sdk.Profile{Name: "Ann", PictureURL: "https://example.com/ann.jpg"}},
		{"without consent", user(hidden.ID), sdk.Thread{}, nil},
		{"unknown", user("U0123456789abcdef0123456789abcdef"), sdk.Thread{}, nil},
		{"no LINE user", sdk.Identity{Kind: "phone", Value: "+33123456789"}, sdk.Thread{}, nil},
		{"nobody", sdk.Identity{}, sdk.Thread{}, nil},
	} {
		got, err := d.channel.FetchProfile(t.Context(), test.identity, test.thread)
		if err != nil {
			t.Errorf("%s: %v", test.what, err)
		}
		if (got == nil) != (test.want == nil) || (got != nil && *got != *test.want) {
			t.Errorf("%s: %+v", test.what, got)
		}
	}
	d.platform.Inject(linetest.Fault{Path: "/v2/bot/profile", Status: 500})
	if _, err := d.channel.FetchProfile(t.Context(), user(d.customer.ID), sdk.Thread{}); err == nil {
		t.Error("a failure of the platform looks like a missing profile")
	}
}

func TestSignals(t *testing.T) {
	d := newDesk(t)
	message := inbound(t, d.channel, d.platform, d.customer.Text("hi"))[0].Message
	group := d.platform.NewGroup("group")
	here, there := sdk.Thread{ID: d.customer.ID, Kind: "user"}, sdk.Thread{ID: group.ID, Kind: "group"}
	for _, s := range []struct {
		thread sdk.Thread
		signal sdk.Signal
	}{
		{here, sdk.Signal{Typing: &sdk.Typing{}}},
		{here, sdk.Signal{Typing: &sdk.Typing{}}}, // a moment later
		{here, sdk.Signal{Typing: &sdk.Typing{Stopped: true}}},
		{there, sdk.Signal{Typing: &sdk.Typing{}}},
		{here, sdk.Signal{Read: &sdk.ReadSignal{MessageID: message.ID, ReadToken: message.ReadToken}}},
		{here, sdk.Signal{Read: &sdk.ReadSignal{MessageID: "1"}}},
		{here, sdk.Signal{AgentJoined: &sdk.AgentJoined{Name: "Ana"}}},
		{here, sdk.Signal{ConversationEnded: &sdk.ConversationEnded{Code: "done"}}},
	} {
		if err := d.channel.Signal(t.Context(), s.thread, user(d.customer.ID), s.signal); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
	got := d.platform.Signals()
	if len(got) != 2 || got[0] != (linetest.Signal{Loading: d.customer.ID, Seconds: 20}) || got[1] != (linetest.Signal{Read: message.ReadToken}) {
		t.Errorf("signals %+v", got)
	}
	d.platform.Inject(linetest.Fault{Path: "/v2/bot/chat/markAsRead", Status: 400, Body: `{"message":"Invalid"}`})
	if err := d.channel.Signal(t.Context(), here, user(d.customer.ID), sdk.Signal{Read: &sdk.ReadSignal{ReadToken: "read-1"}}); err == nil ||
		!strings.Contains(err.Error(), "Invalid") {
		t.Errorf("%v", err)
	}
}
