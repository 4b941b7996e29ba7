package line

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/plugins/sdk"
)

// noise is a picture that does not compress.
func noise(width, height int) *image.RGBA {
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range picture.Pix {
		picture.Pix[i] = uint8(r.Uint32())
		if i%4 == 3 {
			picture.Pix[i] = 255
		}
	}
	return picture
}

func asPNG(t *testing.T, picture image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t *testing.T, picture image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// box is an MP4 box.
func box(kind string, content ...[]byte) []byte {
	body := bytes.Join(content, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+8)), kind...), body...)
}

// clip is an M4A file that lasts for some ticks.
func clip(version byte, scale uint32, ticks uint64) []byte {
	var mvhd []byte
	if version == 0 {
		mvhd = append(make([]byte, 12), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, scale), uint32(ticks))...)
	} else {
		mvhd = append(make([]byte, 20), binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, scale), ticks)...)
	}
	mvhd[0] = version
	return bytes.Join([][]byte{box("ftyp", []byte("M4A ")), box("mdat", make([]byte, 70_000)), box("moov", box("udta"), box("mvhd", mvhd))}, nil)
}

// mp3 has some frames of MPEG 1 layer III at 128 kbit/s and 44.1 kHz.
func mp3(frames int) []byte {
	one := make([]byte, 417)
	binary.BigEndian.PutUint32(one, 0xfffb9000)
	return bytes.Repeat(one, frames)
}

func TestClipLengths(t *testing.T) {
	tagged := append([]byte("ID3\x04\x00\x00\x00\x00\x01\x00"), make([]byte, 128)...)
	xing := mp3(3)
	copy(xing[36:], "Xing\x00\x00\x00\x01")
	binary.BigEndian.PutUint32(xing[44:], 1000)
	large := box("moov", box("mvhd", append(make([]byte, 12), 0, 0, 0, 10, 0, 0, 0, 25)))
	for _, test := range []struct {
		what string
		got  time.Duration
		want time.Duration
	}{
		{"m4a", mp4Length(bytes.NewReader(clip(0, 44100, 44100*3))), 3 * time.Second},
		{"m4a with 64 bits", mp4Length(bytes.NewReader(clip(1, 1000, 4500))), 4500 * time.Millisecond},
		{"m4a with the header first", mp4Length(bytes.NewReader(large)), 2500 * time.Millisecond},
		{"m4a without a scale", mp4Length(bytes.NewReader(clip(0, 0, 4500))), 0},
		{"m4a of a year", mp4Length(bytes.NewReader(clip(1, 1, 365*86400))), 0},
		{"m4a cut short", mp4Length(bytes.NewReader(clip(0, 44100, 44100)[:70_050])), 0},
		{"nothing", mp4Length(strings.NewReader("")), 0},
		{"text", mp4Length(strings.NewReader("this is not a film at all")), 0},
		{"mp3", mp3Length(bytes.NewReader(mp3(100))).Round(time.Millisecond), 2612 * time.Millisecond},
		{"mp3 with a tag", mp3Length(bytes.NewReader(append(tagged, mp3(100)...))).Round(time.Millisecond), 2612 * time.Millisecond},
		{"mp3 with a tag at the end", mp3Length(bytes.NewReader(append(mp3(100), "TAG and so on"...))).Round(time.Millisecond), 2612 * time.Millisecond},
		{"mp3 that announces its frames", mp3Length(bytes.NewReader(xing)).Round(time.Millisecond), 26122 * time.Millisecond},
		{"mp3 that is text", mp3Length(strings.NewReader("this is not music")), 0},
		{"no mp3", mp3Length(strings.NewReader("")), 0},
	} {
		if test.got != test.want {
			t.Errorf("%s: %s, want %s", test.what, test.got, test.want)
		}
	}
}

func FuzzClipLength(f *testing.F) {
	f.Add(clip(0, 1000, 1000))
	f.Add(mp3(2))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, length := range []time.Duration{mp4Length(bytes.NewReader(content)), mp3Length(bytes.NewReader(content))} {
			if length < 0 || length > 24*time.Hour {
				t.Errorf("%s", length)
			}
		}
	})
}

func TestPreviewFits(t *testing.T) {
	large := asPNG(t, noise(1500, 1000))
	if len(large) < maxPreviewBytes {
		t.Fatalf("the original has only %d bytes", len(large))
	}
	preview, err := previewOf(bytes.NewReader(large))
	if err != nil {
		t.Fatal(err)
	}
	config, err := jpeg.DecodeConfig(bytes.NewReader(preview))
	if err != nil || len(preview) > maxPreviewBytes || config.Width != previewEdge || config.Height != 682 {
		t.Errorf("%d bytes, %+v, %v", len(preview), config, err)
	}
}

func TestShrinkAverages(t *testing.T) {
	picture := image.NewNRGBA(image.Rect(0, 0, 4, 4))
	for y := range 4 {
		for x := range 4 {
			c := color.NRGBA{R: 255, A: 255}
			if x >= 2 {
				c = color.NRGBA{} // transparent becomes white
			}
			if x == 1 {
				c = color.NRGBA{B: 255, A: 255}
			}
			picture.SetNRGBA(x, y, c)
		}
	}
	small := shrink(picture, 2)
	if small.Bounds() != image.Rect(0, 0, 2, 2) {
		t.Fatalf("%v", small.Bounds())
	}
	if got := small.RGBAAt(0, 1); got != (color.RGBA{R: 127, B: 127, A: 255}) {
		t.Errorf("left %v", got)
	}
	if got := small.RGBAAt(1, 0); got != (color.RGBA{R: 255, G: 255, B: 255, A: 255}) {
		t.Errorf("right %v", got)
	}
}

// Cameras store a picture as the sensor saw it and say how to hold it.
func TestPreviewIsTurned(t *testing.T) {
	picture := image.NewRGBA(image.Rect(0, 0, 40, 20))
	for i := range picture.Pix {
		picture.Pix[i] = 255
	}
	for y := range 10 {
		for x := range 10 {
			picture.Set(x, y, color.Black) // the top left corner
		}
	}
	raw := asJPEG(t, picture)
	// corners says where the black corner is: left or right, top or bottom.
	for orientation, want := range map[uint16]struct {
		size  image.Point
		black image.Point
	}{
		1: {image.Pt(40, 20), image.Pt(2, 2)}, 2: {image.Pt(40, 20), image.Pt(37, 2)},
		3: {image.Pt(40, 20), image.Pt(37, 17)}, 4: {image.Pt(40, 20), image.Pt(2, 17)},
		5: {image.Pt(20, 40), image.Pt(2, 2)}, 6: {image.Pt(20, 40), image.Pt(17, 2)},
		7: {image.Pt(20, 40), image.Pt(17, 37)}, 8: {image.Pt(20, 40), image.Pt(2, 37)},
	} {
		for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
			mark := "MM"
			if order == binary.AppendByteOrder(binary.LittleEndian) {
				mark = "II"
			}
			tiff := order.AppendUint32(order.AppendUint16([]byte(mark), 42), 8)
			tiff = order.AppendUint16(tiff, 1)
			tiff = order.AppendUint32(order.AppendUint16(order.AppendUint16(tiff, 0x0112), 3), 1)
			tiff = append(order.AppendUint16(tiff, orientation), 0, 0)
			segment := append([]byte("Exif\x00\x00"), tiff...)
			turned := append([]byte{0xff, 0xd8, 0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(segment)+2))...)
			turned = append(append(turned, segment...), raw[2:]...)
			preview, err := previewOf(bytes.NewReader(turned))
			if err != nil {
				t.Fatal(err)
			}
			got, err := jpeg.Decode(bytes.NewReader(preview))
			if err != nil {
				t.Fatal(err)
			}
			red, _, _, _ := got.At(want.black.X, want.black.Y).RGBA()
			if got.Bounds().Size() != want.size || red > 0x4000 {
				t.Errorf("%s %d: size %v, red %x at %v", mark, orientation, got.Bounds().Size(), red, want.black)
			}
		}
	}
}

func FuzzOrientation(f *testing.F) {
	f.Add([]byte{0xff, 0xd8, 0xff, 0xe1, 0, 16, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if o := orientation(raw); o < 1 || o > 8 {
			t.Errorf("%d", o)
		}
	})
}

// sentObjects are the objects that a customer was sent, without the senders.
func (d *desk) sentObjects(t *testing.T) []object {
	t.Helper()
	var objects []object
	for _, s := range d.platform.Sent(d.customer.ID) {
		var o object
		if err := json.Unmarshal(s.Message, &o); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	return withoutSender(objects)
}

func TestAttachments(t *testing.T) {
	d := newDesk(t)
	h := d.host
	small, large := asPNG(t, noise(20, 20)), asJPEG(t, noise(1200, 1200))
	if len(large) <= maxPreviewBytes {
		t.Fatalf("the large image has only %d bytes", len(large))
	}
	for _, test := range []struct {
		what string
		give sdk.OutgoingAttachment
		want object
	}{
		{"small image", h.add("image/png", "a.png", small), object{Type: "image", OriginalContentURL: "own", PreviewImageURL: "own"}},
		{"large image", h.add("image/jpeg", "b.jpg", large), object{Type: "image", OriginalContentURL: "own", PreviewImageURL: "new image/jpeg"}},
		{"image that is none", h.add("image/png", "c.png", make([]byte, maxPreviewBytes+1)), object{Type: "text", Text: "c.png\nown"}},
		{"image over the limit", sdk.OutgoingAttachment{Handle: "media-1", Type: "image/png", Name: "huge.png", Size: maxImageBytes + 1}, object{Type: "text", Text: "huge.png\nown"}},
		{"image that LINE does not show", h.add("image/webp", "d.webp", small), object{Type: "text", Text: "d.webp\nown"}},
		{"video", h.add("video/mp4; codecs=avc1", "e.mp4", []byte("film")), object{Type: "video", OriginalContentURL: "own", PreviewImageURL: "new image/png"}},
		{"video that LINE does not show", h.add("video/webm", "f.webm", []byte("film")), object{Type: "text", Text: "f.webm\nown"}},
		{"m4a", h.add("audio/mp4", "g.m4a", clip(0, 1000, 1500)), object{Type: "audio", OriginalContentURL: "own", Duration: 1500}},
		{"mp3", h.add("audio/mpeg", "h.mp3", mp3(100)), object{Type: "audio", OriginalContentURL: "own", Duration: 2612}},
		{"audio of unknown length", h.add("audio/mpeg", "i.mp3", []byte("???")), object{Type: "text", Text: "i.mp3\nown"}},
		{"file", h.add("application/pdf", " Facture\n n° 12.pdf", []byte("%PDF")), object{Type: "text", Text: "Facture n° 12.pdf\nown"}},
		{"file without a name", h.add("application/pdf", "", []byte("%PDF")), object{Type: "text", Text: "own"}},
	} {
		t.Run(test.what, func(t *testing.T) {
			d.platform.Forget()
			out := outgoing(d.customer.ID, "")
			out.OutboxID = test.what
			out.Attachments = []sdk.OutgoingAttachment{test.give}
			if _, err := d.channel.Send(t.Context(), out); err != nil {
				t.Fatal(err)
			}
			got := d.sentObjects(t)
			if len(got) != 1 {
				t.Fatalf("%d objects", len(got))
			}
			// An address is called by what it leads to: the attachment's own content, or what the plugin stored beside it.
			name := func(address string) string {
				handle, _, _ := strings.Cut(strings.TrimPrefix(address, "https://shop.example/media/"), "?")
				content, ok := h.media[handle]
				switch {
				case handle == test.give.Handle:
					return "own"
				case ok && len(content.content) > maxPreviewBytes:
					t.Errorf("the preview has %d bytes", len(content.content))
				case ok:
					return "new " + content.kind
				}
				return address
			}
			o := got[0]
			o.OriginalContentURL, o.PreviewImageURL = name(o.OriginalContentURL), name(o.PreviewImageURL)
			if before, address, ok := strings.Cut(o.Text, "https://"); ok {
				o.Text = before + name("https://"+address)
			}
			if diff := cmp.Diff(test.want, o); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if keys := h.stateKeys(); len(keys) > 0 {
				t.Errorf("state left behind: %v", keys)
			}
		})
	}
}

// A repeated push is the same to the last letter, although addresses are signed anew: LINE asks for that.
func TestRepeatedPushHasTheSameAddresses(t *testing.T) {
	d := newDesk(t)
	out := outgoing(d.customer.ID, "look")
	out.Attachments = []sdk.OutgoingAttachment{d.host.add("video/mp4", "a.mp4", []byte("film"))}
	d.platform.Inject(linetest.Fault{Accept: true, Drop: true})
	if _, err := d.channel.Send(t.Context(), out); err == nil {
		t.Fatal("no error")
	}
	receipt, err := d.channel.Send(t.Context(), attempted(out, false))
	if err != nil || !receipt.Already {
		t.Fatalf("%+v, %v", receipt, err)
	}
	// The platform notes another body under the same key as a violation, which ends the test.
	if got := d.sentObjects(t); len(got) != 2 || got[0].Text != "look" || got[1].Type != "video" {
		t.Errorf("sent %+v", got)
	}
}

// Plans of messages that were given up are swept away, and younger ones are kept.
func TestPlansAreSwept(t *testing.T) {
	d := newDesk(t)
	now := time.Now()
	d.channel.now = func() time.Time { return now }
	give := func(id string) error {
		out := outgoing(d.customer.ID, "")
		out.OutboxID = id
		out.Attachments = []sdk.OutgoingAttachment{d.host.add("application/pdf", "a.pdf", []byte("x"))}
		_, err := d.channel.Send(t.Context(), out)
		return err
	}
	d.platform.Inject(linetest.Fault{Status: 500, Times: 2})
	for _, id := range []string{"given-up", "young"} {
		if give(id) == nil {
			t.Fatal("no error")
		}
		now = now.Add(planLife / 2)
	}
	d.platform.Inject(linetest.Fault{Status: 500})
	unsure := withToken(outgoing(d.customer.ID, "x"), &sdk.ReplyToken{Token: "t"}, 0)
	if _, err := d.channel.Send(t.Context(), unsure); err == nil {
		t.Fatal("no error")
	}
	if keys := d.host.stateKeys(); len(keys) != 2 { // the first plan is gone, the token is there
		t.Errorf("state %v", keys)
	}
	now = now.Add(planLife/2 - time.Hour)
	if err := give("third"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"media/young", "unsure-reply/" + unsure.OutboxID}, d.host.stateKeys()); diff != "" {
		t.Error(diff)
	}
	now = now.Add(planLife)
	if err := give("fourth"); err != nil {
		t.Fatal(err)
	}
	if keys := d.host.stateKeys(); len(keys) > 0 {
		t.Errorf("state %v", keys)
	}
}

func TestAttachmentsNeedHTTPS(t *testing.T) {
	d := newDesk(t)
	d.host.scheme = "http"
	d.channel.account.Test = false
	out := d.out("")
	out.Attachments = []sdk.OutgoingAttachment{d.host.add("application/pdf", "a.pdf", []byte("x"))}
	var rejected *sdk.Rejected
	if _, err := d.channel.Send(t.Context(), out); !errors.As(err, &rejected) || !strings.Contains(err.Error(), "public_url") {
		t.Error(err)
	}
	d.channel.account.Test = true
	if _, err := d.channel.Send(t.Context(), out); err != nil {
		t.Error(err)
	}
}

func TestAttachmentsOfABrokenHost(t *testing.T) {
	d := newDesk(t)
	out := outgoing(d.customer.ID, "")
	out.Attachments = []sdk.OutgoingAttachment{d.host.add("application/pdf", "a.pdf", []byte("x"))}
	d.host.broken = errors.New("disk full")
	var retryable *sdk.Retryable
	if _, err := d.channel.Send(t.Context(), out); !errors.As(err, &retryable) {
		t.Error(err)
	}
}
