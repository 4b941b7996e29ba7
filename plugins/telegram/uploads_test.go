package telegram

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/telegram/telegramtest"
)

func TestUploads(t *testing.T) {
	picture := bytes.Repeat([]byte("p"), 1000)
	for _, test := range []struct {
		kind, name string
		size       int
		method     string
	}{
		{"image/jpeg", "a.jpg", 1000, "sendPhoto"},
		{"image/png; x=y", "a.png", 1000, "sendPhoto"},
		{"image/png", "large.png", 10<<20 + 1, "sendDocument"},
		{"image/gif", "a.gif", 1000, "sendAnimation"},
		{"video/mp4", "a.mp4", 1000, "sendVideo"},
		{"audio/ogg", "a.ogg", 1000, "sendVoice"},
		{"audio/mpeg", "a.mp3", 1000, "sendAudio"},
		{"application/pdf", "r\"é\n/sumé.pdf", 1000, "sendDocument"},
		{"", "", 1000, "sendDocument"},
	} {
		t.Run(test.method+" "+test.name, func(t *testing.T) {
			p := platform(t, telegramtest.Options{})
			h, ann := newHost(), p.NewCustomer("Ann")
			content := picture
			if test.size > len(content) {
				content = bytes.Repeat([]byte("x"), test.size)
			}
			out := outgoingText(ann.ID, "see here")
			out.Attachments = []sdk.OutgoingAttachment{h.add(test.kind, test.name, content)}
			ids := sendAll(t, account(t, p, h), out)
			sent := p.Sent(ann.ID)
			if len(ids) != 1 || len(sent) != 1 || sent[0].Method != test.method || sent[0].Text != "see here" {
				t.Fatalf("%q, %+v", ids, sent)
			}
			if !bytes.Equal(sent[0].File.Content, content) {
				t.Errorf("%d bytes came", len(sent[0].File.Content))
			}
			if test.name != "" && (sent[0].File.Name == "" || strings.ContainsAny(sent[0].File.Name, "\"\n/")) {
				t.Errorf("its name is %q", sent[0].File.Name)
			}
		})
	}
}

// TestPlan: a short text is the first file's caption, a long one goes before; the choices go below the text.
func TestPlan(t *testing.T) {
	short, long := "see here", strings.Repeat("a word ", 300)
	for _, test := range []struct {
		name    string
		text    string
		files   int
		choices int
		want    []string // method, text's length, "keyboard"
	}{
		{"text", short, 0, 0, []string{"text 8"}},
		{"text and choices", short, 0, 1, []string{"text 8 keyboard"}},
		{"caption", short, 2, 0, []string{"file 8", "file 0"}},
		{"caption and choices", short, 2, 1, []string{"file 8 keyboard", "file 0"}},
		{"long text", long, 1, 1, []string{"text 2099 keyboard", "file 0"}},
		{"files only", "", 2, 0, []string{"file 0", "file 0"}},
		{"files and choices", "", 1, 1, []string{"file 0 keyboard"}},
		{"nothing", " ", 0, 0, nil},
	} {
		out := &sdk.Outgoing{Text: test.text, Attachments: make([]sdk.OutgoingAttachment, test.files), Choices: make([]sdk.Choice, test.choices)}
		var got []string
		for i, part := range plan(out) {
			kind := "text"
			if part.file != nil {
				kind = "file"
			}
			line := fmt.Sprintf("%s %d", kind, sdk.UTF16Len(part.text))
			if part.keyboard {
				line += " keyboard"
			}
			if part.quotes != (i == 0) {
				t.Errorf("%s: part %d quotes: %t", test.name, i, part.quotes)
			}
			got = append(got, line)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

// TestPhotoThatIsNone is sent as a document: the refusal says that nothing was sent.
func TestPhotoThatIsNone(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	h, ann := newHost(), p.NewCustomer("Ann")
	out := outgoingText(ann.ID, "")
	out.Attachments = []sdk.OutgoingAttachment{h.add("image/jpeg", "a.jpg", []byte("not a picture"))}
	sendAll(t, account(t, p, h), out)
	if sent := p.Sent(ann.ID); len(sent) != 1 || sent[0].Method != "sendDocument" || string(sent[0].File.Content) != "not a picture" {
		t.Errorf("%+v", sent)
	}
	// Where it is the recipient that was refused, nothing else is tried.
	ann.Block(true)
	var rejected *sdk.Rejected
	out.Attachments = []sdk.OutgoingAttachment{h.add("image/jpeg", "a.jpg", []byte("a picture"))}
	if _, err := account(t, p, h).Send(t.Context(), out); !errors.As(err, &rejected) || rejected.Cause != sdk.RejectedRecipient || p.Calls("sendDocument") != 1 {
		t.Errorf("%v", err)
	}
}

func TestUploadFailures(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	h, ann := newHost(), p.NewCustomer("Ann")
	ch := account(t, p, h)
	send := func(a sdk.OutgoingAttachment) error {
		out := outgoingText(ann.ID, "")
		out.Attachments = []sdk.OutgoingAttachment{a}
		_, err := ch.Send(t.Context(), out)
		return err
	}
	var rejected *sdk.Rejected
	if err := send(sdk.OutgoingAttachment{Handle: "x", Size: maxUploadBytes + 1}); !errors.As(err, &rejected) || rejected.Cause != sdk.RejectedTooLarge {
		t.Errorf("too large: %v", err)
	}
	var retryable *sdk.Retryable
	if err := send(sdk.OutgoingAttachment{Handle: "not there"}); !errors.As(err, &retryable) {
		t.Errorf("not there: %v", err)
	}
	// The host breaks off in the middle: Telegram has no whole request, so it is safe to repeat.
	a := h.add("application/pdf", "a.pdf", bytes.Repeat([]byte("x"), 3<<20))
	h.cut = 1 << 20
	if err := send(a); !errors.As(err, &retryable) || !strings.HasPrefix(retryable.Reason, "an attachment could not be read") {
		t.Errorf("cut off: %v", err)
	}
	h.cut = 0
	waitFor(t, func() bool { return p.Requests() == 1 }) // or it would take the fault that is meant for the next
	p.Inject(telegramtest.Fault{Method: "sendDocument", Drop: true, Accept: true})
	var unknown *sdk.UnknownOutcome
	if err := send(a); !errors.As(err, &unknown) {
		t.Errorf("the answer was lost: %v", err)
	}
	if n := len(p.Sent(ann.ID)); n != 1 {
		t.Errorf("%d messages went out", n)
	}
}
