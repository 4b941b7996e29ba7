package webchat

import (
	"context"
	"net/url"
	"strings"

	"github.com/guichet/guichet/plugins/sdk"
)

var stateNames = map[sdk.ThreadState]string{
	sdk.ThreadNone: "none", sdk.ThreadOpen: "open", sdk.ThreadActive: "active", sdk.ThreadWaiting: "waiting",
	sdk.ThreadWrapUp: "wrap-up", sdk.ThreadClosed: "closed",
}

var authorNames = map[sdk.ThreadAuthorKind]string{
	sdk.ThreadCustomer: "customer", sdk.ThreadAgent: "agent", sdk.ThreadBot: "bot", sdk.ThreadSystem: "system",
}

var mediaNames = map[sdk.ThreadMediaState]string{
	sdk.ThreadMediaFetching: "fetching", sdk.ThreadMediaReady: "ready", sdk.ThreadMediaGone: "gone", sdk.ThreadMediaRefused: "refused",
}

func viewStatus(s sdk.ThreadStatus) statusView {
	v := statusView{
		Conversation: s.Conversation, State: stateNames[s.State], Agent: s.Agent, Place: s.Place, Read: s.ReadUpTo,
	}
	if v.State == "" {
		v.State = "none"
	}
	if s.ExpectedWait > 0 {
		v.Wait = inSeconds(s.ExpectedWait)
	}
	return v
}

// viewMessage is a message as its visitor's panel shows it. It fits into one frame, and what agents may write is never
// cut for that.
func (c *channel) viewMessage(ctx context.Context, visitor string, m *sdk.ThreadMessage) messageView {
	v := messageView{
		ID: m.ID, Position: m.Position, Conversation: m.Conversation,
		From: authorView{Kind: authorNames[m.Author.Kind], Name: m.Author.Name, Picture: c.ours(m.Author.PictureURL)},
		Text: shown(m.Text), At: m.CreatedAt.UTC(), Deleted: m.Deleted, Edited: m.Edited,
	}
	if v.From.Kind == "" {
		v.From.Kind = "system"
	}
	if m.Author.Kind == sdk.ThreadCustomer {
		v.Client = clientID(visitor, m.ExternalID)
	}
	for _, a := range m.Attachments {
		v.Attachments = append(v.Attachments, c.viewAttachment(ctx, a))
	}
	shorten(&v)
	return v
}

// shown is a text as a panel shows it: without control characters, which make it longer on the wire than it looks.
func shown(text string) string { return lineEnds.Replace(cleanText(text)) }

// lineEnds makes plain ones of Unicode's own, which JSON writes with six bytes.
var lineEnds = strings.NewReplacer("\u2028", "\n", "\u2029", "\n")

// shorten makes a message fit into a frame. A text of maxText characters fits beside ten files of ordinary names; what
// does not (it was brought in from elsewhere) loses first the ends of its files' names, then its own end.
func shorten(v *messageView) {
	tooLong := func() bool { return len(encode(messageFrame{"message", *v})) > frameRoom }
	if !tooLong() {
		return
	}
	for i := range v.Attachments {
		v.Attachments[i].Name = cutText(v.Attachments[i].Name, shortFileName)
	}
	for v.Text != "" && tooLong() {
		runes := []rune(strings.TrimSuffix(v.Text, "…"))
		v.Text = string(runes[:len(runes)*3/4])
		if v.Text != "" {
			v.Text += "…"
		}
	}
}

// viewAttachment publishes content for a day. Where the host cannot just now, it is shown as still on its way.
func (c *channel) viewAttachment(ctx context.Context, a sdk.ThreadAttachment) attachmentView {
	v := attachmentView{Name: a.Name, Type: a.Type, Size: a.Size, State: mediaNames[a.State]}
	if a.State != sdk.ThreadMediaReady {
		if v.State == "" {
			v.State = "fetching"
		}
		return v
	}
	address, err := c.host.PublishMedia(ctx, a.Handle, mediaLasts)
	if err != nil {
		c.busy("publish media", err)
		v.State = "fetching"
		return v
	}
	v.URL = c.relative(address)
	return v
}

// relative makes an address relative to our origin, where it lies there.
func (c *channel) relative(address string) string {
	if own := c.ours(address); own != "" {
		return own
	}
	return address
}

// ours is relative, but "" for an address elsewhere: a panel asks nobody but us for anything.
func (c *channel) ours(address string) string {
	u, err := url.Parse(address)
	if err != nil || address == "" || c.origin == nil {
		return ""
	}
	if u.Scheme == c.origin.Scheme && u.Host == c.origin.Host || u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/") {
		return u.RequestURI()
	}
	return ""
}
