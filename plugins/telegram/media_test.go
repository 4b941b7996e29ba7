package telegram

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/telegram/telegramtest"
)

func TestFetchMedia(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ch := account(t, p, newHost())
	content := bytes.Repeat([]byte("%PDF"), 1000)
	id, unique := p.AddFile(telegramtest.File{Content: content})
	file := wireFile{FileID: id, FileUniqueID: unique, FileName: "a|b.pdf", MIMEType: "application/pdf"}
	media, err := ch.FetchMedia(t.Context(), file.attachment("document", "", "").Handle, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer media.Body.Close()
	got, err := io.ReadAll(media.Body)
	if err != nil || !bytes.Equal(got, content) || media.Type != "application/pdf" || media.Name != "a|b.pdf" || media.Size != int64(len(content)) {
		t.Errorf("%+v, %d bytes, %v", media, len(got), err)
	}
}

func TestFetchMediaFailures(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ch := account(t, p, newHost())
	small, _ := p.AddFile(telegramtest.File{Content: make([]byte, 1000)})
	large, _ := p.AddFile(telegramtest.File{Content: []byte("x"), Size: 20<<20 + 1})
	var (
		gone    *sdk.MediaGone
		refused *sdk.MediaRefused
	)
	fetch := func(id string, most int64) error {
		media, err := ch.FetchMedia(t.Context(), id+"|image/jpeg|a.jpg", most)
		if err != nil {
			return err
		}
		defer media.Body.Close()
		_, err = io.Copy(io.Discard, media.Body)
		return err
	}
	if err := fetch(large, 0); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "20 MB") {
		t.Errorf("too large for bots: %v", err)
	}
	if err := fetch(small, 999); !errors.As(err, &refused) {
		t.Errorf("too large for us: %v", err)
	}
	if err := fetch(small, 1000); err != nil {
		t.Errorf("just right: %v", err)
	}
	if err := fetch("never-was", 0); !errors.As(err, &gone) {
		t.Errorf("unknown: %v", err)
	}
	if _, err := ch.FetchMedia(t.Context(), "no handle", 0); !errors.As(err, &gone) {
		t.Errorf("not a handle of ours: %v", err)
	}
	for name, fault := range map[string]telegramtest.Fault{
		"for a while": telegramtest.Refusal("getFile", 400, "Bad Request: wrong file_id or the file is temporarily unavailable"),
		"broken":      telegramtest.Refusal("getFile", 500, "Internal Server Error"),
		"dropped":     {Method: "getFile", Drop: true},
		"expired":     {Method: "file", Status: 404, Body: `{"ok":false,"error_code":404,"description":"Not Found"}`},
		"cut off":     {Method: "file", Drop: true, Times: 4},
	} {
		p.Inject(fault)
		err := fetch(small, 0)
		if err == nil || errors.As(err, &gone) || errors.As(err, &refused) {
			t.Errorf("%s is not for ever: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), p.Token()) {
			t.Errorf("%s: the token is in %v", name, err)
		}
	}
}

func TestFetchProfile(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	h := newHost()
	ch := account(t, p, h)
	ann, bo := p.NewCustomer("Ann"), p.NewCustomer("Bo")
	ann.SetPicture([]byte("a face"))
	profile, err := ch.FetchProfile(t.Context(), user(ann.ID), sdk.Thread{})
	if err != nil || profile == nil || profile.Name != "Ann" || profile.PictureURL != "https://shop.example/media/media-1" {
		t.Errorf("%+v, %v", profile, err)
	}
	if m := h.media["media-1"]; string(m.content) != "a face" || m.kind != "image/jpeg" {
		t.Errorf("%+v", m)
	}
	if strings.Contains(profile.PictureURL, p.Token()) {
		t.Error("the picture's address holds the token")
	}
	if profile, err := ch.FetchProfile(t.Context(), user(bo.ID), sdk.Thread{}); err != nil || profile == nil || profile.Name != "Bo" || profile.PictureURL != "" {
		t.Errorf("%+v, %v", profile, err)
	}
	// Without the picture the name is still worth having.
	p.Inject(telegramtest.Refusal("getUserProfilePhotos", 500, "Internal Server Error"))
	if profile, err := ch.FetchProfile(t.Context(), user(ann.ID), sdk.Thread{}); err != nil || profile == nil || profile.Name != "Ann" || profile.PictureURL != "" {
		t.Errorf("%+v, %v", profile, err)
	}
	for _, unknown := range []sdk.Identity{user(4711), {}, {Kind: "line-user", Value: "5"}, user(-5)} {
		if profile, err := ch.FetchProfile(t.Context(), unknown, sdk.Thread{}); profile != nil || err != nil {
			t.Errorf("%+v: %+v, %v", unknown, profile, err)
		}
	}
	p.Inject(telegramtest.Fault{Method: "getChat", Drop: true})
	if _, err := ch.FetchProfile(t.Context(), user(ann.ID), sdk.Thread{}); err == nil {
		t.Error("a lost answer is no profile")
	}
}

func TestTyping(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	now := time.Unix(1790000000, 0)
	ann, bo := p.NewCustomer("Ann"), p.NewCustomer("Bo")
	ch := account(t, p, newHost(), at(func() time.Time { return now }))
	signal := func(to int64, s sdk.Signal) {
		t.Helper()
		if err := ch.Signal(t.Context(), sdk.Thread{}, user(to), s); err != nil {
			t.Error(err)
		}
	}
	typing := sdk.Signal{Typing: &sdk.Typing{}}
	signal(ann.ID, typing)
	signal(ann.ID, typing) // a key stroke later
	signal(bo.ID, typing)
	now = now.Add(typingEvery)
	signal(ann.ID, typing)
	signal(ann.ID, sdk.Signal{Typing: &sdk.Typing{Stopped: true}})
	signal(ann.ID, sdk.Signal{Read: &sdk.ReadSignal{MessageID: "1"}})
	got := p.Actions()
	if len(got) != 3 || got[0] != (telegramtest.Action{Chat: ann.ID, Action: "typing"}) || got[1].Chat != bo.ID || got[2].Chat != ann.ID {
		t.Errorf("%+v", got)
	}
	ann.Block(true)
	now = now.Add(typingEvery)
	if err := ch.Signal(t.Context(), sdk.Thread{}, user(ann.ID), typing); err == nil {
		t.Error("nobody saw it")
	}
}
