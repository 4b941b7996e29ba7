package endtoend

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/scripts/load/harness"
)

// picture makes a PNG that no compression shrinks much.
func picture(t *testing.T, size int) []byte {
	t.Helper()
	img, random := image.NewRGBA(image.Rect(0, 0, size, size)), rand.New(rand.NewPCG(1, uint64(size)))
	for x := range size {
		for y := range size {
			img.Set(x, y, color.RGBA{uint8(random.Uint32()), uint8(random.Uint32()), uint8(random.Uint32()), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// attachment waits until the only attachment of a message has settled.
func (s *scene) attachment(c *harness.Client, conversation string, nth int) harness.Attachment {
	s.t.Helper()
	var a harness.Attachment
	s.await("the attachment has settled", func() bool {
		list := s.messages(c, conversation)
		if len(list) < nth || len(list[nth-1].Attachments) != 1 {
			return false
		}
		a = list[nth-1].Attachments[0]
		return a.State != "fetching"
	})
	return a
}

func TestMediaFromCustomer(t *testing.T) {
	s := open(t, harness.Config{})
	agent, other := s.agent(1), s.join(harness.AgentID(2))
	customer := s.Line.NewCustomer("Ana")
	content := picture(t, 300)
	s.deliver(customer.Attach("image", "", linetest.Content{Type: "image/png", Bytes: content, NotReady: 1, Chunked: true}))
	c := s.accept(agent)

	a := s.attachment(agent, c, 1)
	if a.State != "ready" || a.Type != "image/png" || a.Size != int64(len(content)) {
		t.Fatalf("the picture is %+v, want ready with %d bytes", a, len(content))
	}
	if got, err := agent.Get(s.ctx, a.URL); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the picture has %d bytes (%v), want the %d that were sent", len(got), err, len(content))
	}
	if _, err := other.Get(s.ctx, a.URL); harness.StatusOf(err) != http.StatusNotFound && harness.StatusOf(err) != http.StatusForbidden {
		t.Errorf("a colleague who may not see the conversation gets the picture: %v", err)
	}
	if _, err := (&harness.Client{Server: s.Server}).Get(s.ctx, a.URL); harness.StatusOf(err) != http.StatusUnauthorized {
		t.Errorf("somebody who is not signed in: %v, want 401", err)
	}

	// A file whose content LINE no longer has.
	s.deliver(customer.Attach("file", "gone.pdf", linetest.Content{Type: "application/pdf", Gone: true}))
	if a := s.attachment(agent, c, 2); a.State != "gone" {
		t.Errorf("the file is %+v, want gone", a)
	}

	// Nothing that was ready is lost with the process.
	s.Kill()
	s.must(s.Start(s.ctx))
	if got, err := agent.Get(s.ctx, a.URL); err != nil || !bytes.Equal(got, content) {
		t.Errorf("after a kill the picture has %d bytes (%v)", len(got), err)
	}
}

func TestMediaFromAgent(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Can you show me?")
	content := picture(t, 200)
	upload, err := agent.Upload(s.ctx, "red.png", "image/png", content)
	s.must(err)
	_, _, err = agent.Send(s.ctx, c, harness.Draft{ID: "a", Text: "Here:", Attachments: []string{upload}})
	s.must(err)
	s.awaitState(agent, c, "a", "sent")
	list := s.sent(customer, 2)
	if list[0].Text() != "Here:" {
		t.Errorf("the text went out as %q", list[0].Text())
	}
	var object struct {
		Type               string `json:"type"`
		OriginalContentURL string `json:"originalContentUrl"`
		PreviewImageURL    string `json:"previewImageUrl"`
	}
	s.must(json.Unmarshal(list[1].Message, &object))
	if object.Type != "image" || object.OriginalContentURL == "" || object.PreviewImageURL == "" {
		t.Fatalf("the picture went out as %s", list[1].Message)
	}
	// LINE fetches what it was given, without any credential.
	stranger := &harness.Client{Server: s.Server}
	if got, err := stranger.Get(s.ctx, object.OriginalContentURL); err != nil || !bytes.Equal(got, content) {
		t.Errorf("LINE gets %d bytes (%v), want the %d that were uploaded", len(got), err, len(content))
	}
	if _, err := stranger.Get(s.ctx, object.PreviewImageURL); err != nil {
		t.Errorf("LINE does not get the preview: %v", err)
	}
	if _, err := stranger.Get(s.ctx, object.OriginalContentURL+"x"); err == nil {
		t.Error("an address that was not signed gives content")
	}
}
