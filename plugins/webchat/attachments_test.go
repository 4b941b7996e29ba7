package webchat

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/guichet/guichet/plugins/sdk"
)

// Where visitors may send no files they are told so at once, and those who try all the same are refused.
func TestNoAttachmentsWhereTheyAreNotAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		c := open(sdk.Account{
			ID: "shop", PublicURL: "https://desk.example.com/channels/shop", Host: d,
			Channels: []sdk.ChannelAddress{{Channel: "shop-chat", NoAttachments: true}, {Channel: "open", Address: map[string]string{"kind": "open"}}},
		})
		defer func() { _ = c.Close() }()
		tab, welcome := enter(t, c, 1, "")
		defer tab.leave()
		if l := welcome.Limits; l.File != 0 || l.Files != 0 || len(l.Types) != 0 || l.Text != maxText {
			t.Errorf("the limits are %+v", l)
		}
		give := func(channel string) (handle string, status int) {
			w := call(t, c, d, 1, "POST", "uploads?channel="+channel, strings.NewReader("a file"), "X-File-Name", "a.txt")
			answer := decode[struct {
				uploadAnswer
				Code string `json:"code"`
			}](t, w)
			if w.Code == 403 && answer.Code != "not-allowed" {
				t.Errorf("a file is refused with %s", w.Body)
			}
			return answer.Handle, w.Code
		}
		if _, status := give("shop-chat"); status != 403 || len(d.media) != 0 {
			t.Errorf("a file was answered %d, and %d are stored", status, len(d.media))
		}
		handle, status := give("open")
		if status != 201 {
			t.Errorf("on the other channel a file was answered %d", status)
		}
		tab.say(map[string]any{"t": "send", "id": "a", "text": "with a file", "attachments": []string{handle}})
		if refused := tab.next(t, "refused"); refused.Code != notAllowed || refused.ID != "a" {
			t.Errorf("a message with a file: %+v", refused)
		}
		if answer, _ := post(t, c, d, 1, map[string]any{"t": "send", "id": "b", "attachments": []string{handle}}); answer.Frames[0].Code != notAllowed {
			t.Errorf("a posted message with a file: %+v", answer.Frames)
		}
		tab.say(map[string]any{"t": "send", "id": "c", "text": "without"})
		tab.next(t, "accepted")
		synctest.Wait()
		if got := d.received("message"); len(got) != 1 || got[0].Message.Text != "without" {
			t.Errorf("%d messages were stored", len(got))
		}
	})
}
