package line

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

const (
	// replyTokenLife is how long a reply token is relied upon. LINE asks for its use within one minute of the webhook;
	// ten seconds are left for the way there.
	replyTokenLife = 50 * time.Second
	// replyTokenCap ends the life of a redelivered event's token, counted from the event itself.
	replyTokenCap = 20 * time.Minute
)

// envelope is the body of a webhook request. An empty list of events is LINE's connection check.
type envelope struct {
	Events *[]json.RawMessage `json:"events"`
}

// wireEvent has the fields of every kind of event; those that a kind lacks stay empty.
type wireEvent struct {
	Type            string `json:"type"`
	Mode            string `json:"mode"`
	Timestamp       int64  `json:"timestamp"` // ms, of the occurrence even when redelivered
	WebhookEventID  string `json:"webhookEventId"`
	DeliveryContext struct {
		IsRedelivery bool `json:"isRedelivery"`
	} `json:"deliveryContext"`
	Source     *wireSource `json:"source"`
	ReplyToken string      `json:"replyToken"`
	Message    wireMessage `json:"message"`
	Unsend     struct {
		MessageID string `json:"messageId"`
	} `json:"unsend"`
	Follow struct {
		IsUnblocked bool `json:"isUnblocked"`
	} `json:"follow"`
	Joined   wireMembers `json:"joined"`
	Left     wireMembers `json:"left"`
	Postback struct {
		Data   string         `json:"data"`
		Params map[string]any `json:"params"`
	} `json:"postback"`
	Module struct {
		Type   string `json:"type"`
		BotID  string `json:"botId"`
		Reason string `json:"reason"`
	} `json:"module"`
	ChatControl struct {
		ExpireAt int64 `json:"expireAt"` // ms
	} `json:"chatControl"`
}

type wireSource struct {
	Type    string `json:"type"`
	UserID  string `json:"userId"` // missing where the user has not consented, and in the events of a group itself
	GroupID string `json:"groupId"`
	RoomID  string `json:"roomId"`
}

type wireMembers struct {
	Members []wireSource `json:"members"`
}

// parse translates a verified body. It returns an event for everything that was in it.
func parse(body []byte, received time.Time) []sdk.Event {
	var env envelope
	if err := json.Unmarshal(body, &env); err != nil || env.Events == nil {
		return []sdk.Event{{
			ID:         "body:" + digest(body),
			OccurredAt: received,
			Raw:        body,
			Unknown:    &sdk.Unknown{Type: "envelope"},
		}}
	}
	events := make([]sdk.Event, 0, len(*env.Events))
	for _, raw := range *env.Events {
		events = append(events, translate(raw, received))
	}
	return events
}

// translate turns one event of LINE into one of ours; what it cannot read becomes Unknown.
func translate(raw json.RawMessage, received time.Time) sdk.Event {
	var in wireEvent
	err := json.Unmarshal(raw, &in)
	out := sdk.Event{
		ID:          eventID(in.WebhookEventID, raw),
		OccurredAt:  received,
		Redelivered: in.DeliveryContext.IsRedelivery,
		Raw:         raw,
	}
	if in.Timestamp > 0 {
		out.OccurredAt = time.UnixMilli(in.Timestamp).UTC()
	}
	if in.Source != nil {
		out.Thread = in.Source.thread()
		if in.Source.UserID != "" {
			out.Sender.Identities = []sdk.Identity{user(in.Source.UserID)}
		}
		if out.Thread.Kind == "user" && out.Thread.ID == "" {
			// A user whom LINE does not name: two of them must not end up in one conversation.
			out.Thread.ID = "anonymous:" + out.ID
		}
	}
	if err != nil {
		// A field is not of its type. The decoder has read the others, so the event keeps its place.
		out.Unknown = in.unknown(in.token(received))
		return out
	}
	in.fill(&out, in.token(received))
	return out
}

// fill sets what happened.
func (in *wireEvent) fill(out *sdk.Event, token *sdk.ReplyToken) {
	switch in.Type {
	case "message":
		in.fillMessage(out, token)
	case "messageEdited":
		in.fillEdited(out, token)
	case "unsend":
		out.Deleted = &sdk.Deleted{MessageID: in.Unsend.MessageID}
	case "follow":
		out.Unblocked = &sdk.Unblocked{First: !in.Follow.IsUnblocked, ReplyToken: token}
	case "unfollow":
		out.Blocked = &sdk.Blocked{}
	case "join":
		out.GroupJoined = &sdk.GroupJoined{ReplyToken: token}
	case "leave":
		out.GroupLeft = &sdk.GroupLeft{}
	case "memberJoined":
		if members := in.Joined.identities(); len(members) > 0 {
			out.GroupJoined = &sdk.GroupJoined{Members: members, ReplyToken: token}
			return
		}
		out.Unknown = in.unknown(token)
	case "memberLeft":
		if members := in.Left.identities(); len(members) > 0 {
			out.GroupLeft = &sdk.GroupLeft{Members: members}
			return
		}
		out.Unknown = in.unknown(nil)
	case "postback":
		out.Postback = &sdk.Postback{Data: in.Postback.Data, Params: flatten(in.Postback.Params), ReplyToken: token}
	case "botSuspended":
		out.Notice = &sdk.Notice{Kind: in.Type, Text: "LINE has suspended this official account.", AccountStopped: true}
	case "botResumed":
		out.Notice = &sdk.Notice{Kind: in.Type, Text: "LINE has resumed this official account.", AccountResumed: true}
	case "module":
		out.Notice = in.moduleNotice()
	case "activated":
		text := "This channel may write in the chat now."
		if in.ChatControl.ExpireAt > 0 {
			text = "This channel may write in the chat until " + time.UnixMilli(in.ChatControl.ExpireAt).UTC().Format(time.RFC3339) + "."
		}
		out.Notice = &sdk.Notice{Kind: in.Type, Text: text}
	case "deactivated":
		out.Notice = &sdk.Notice{Kind: in.Type, Text: "Another module has the chat now; this channel may only read."}
	default:
		// videoPlayComplete, beacon, accountLink, membership and delivery say nothing that a person at the counter
		// must act upon; they are kept raw, with their reply token, like what LINE may add later.
		out.Unknown = in.unknown(token)
	}
}

// unknown keeps an event that cannot be translated. It is called by the type of its message where it has one.
func (in *wireEvent) unknown(token *sdk.ReplyToken) *sdk.Unknown {
	kind := in.Type
	switch {
	case kind == "":
		kind = "unreadable"
	case kind == "message" && in.Message.Type != "":
		kind = in.Message.Type
	}
	return &sdk.Unknown{
		Type:       kind,
		IsMessage:  in.Type == "message" || in.Type == "messageEdited",
		MessageID:  in.Message.ID,
		ReplyToken: token,
	}
}

func (in *wireEvent) moduleNotice() *sdk.Notice {
	notice := &sdk.Notice{Kind: "module." + in.Module.Type}
	switch in.Module.Type {
	case "attached":
		notice.Text = "The module was attached to the official account " + in.Module.BotID + "."
	case "detached":
		notice.Text = "The module was detached from the official account " + in.Module.BotID + " (" + in.Module.Reason + ")."
	default:
		notice.Text = "The module's attachment changed."
	}
	return notice
}

// token is the event's reply token with the time until which it is good, or nil. The console's "verify" button of old
// sent tokens that are all zeros or all f.
func (in *wireEvent) token(received time.Time) *sdk.ReplyToken {
	if in.ReplyToken == "" || strings.Trim(in.ReplyToken, "0") == "" || strings.Trim(in.ReplyToken, "f") == "" {
		return nil
	}
	expires := received.Add(replyTokenLife)
	if in.DeliveryContext.IsRedelivery && in.Timestamp > 0 {
		if last := time.UnixMilli(in.Timestamp).Add(replyTokenCap); last.Before(expires) {
			expires = last
		}
	}
	return &sdk.ReplyToken{Token: in.ReplyToken, ExpiresAt: expires.UTC()}
}

func (s wireSource) thread() sdk.Thread {
	switch s.Type {
	case "user":
		return sdk.Thread{ID: s.UserID, Kind: "user"}
	case "group":
		return sdk.Thread{ID: s.GroupID, Kind: "group"}
	case "room":
		return sdk.Thread{ID: s.RoomID, Kind: "room"}
	}
	return sdk.Thread{}
}

func (m wireMembers) identities() []sdk.Identity {
	var ids []sdk.Identity
	for _, member := range m.Members {
		if member.UserID != "" {
			ids = append(ids, user(member.UserID))
		}
	}
	return ids
}

// user is a LINE user's identity: vouched for by LINE, and meaningful only here.
func user(id string) sdk.Identity {
	return sdk.Identity{Kind: userKind, Value: id, Scoped: true, Verified: true}
}

// eventID is LINE's id of the event, or a hash of its text, made so that a redelivery has the same.
func eventID(given string, raw []byte) string {
	if given != "" {
		return given
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) == nil {
		// Inside a JSON string the quotes would be escaped, so this touches only the real member.
		raw = bytes.ReplaceAll(compact.Bytes(), []byte(`"isRedelivery":true`), []byte(`"isRedelivery":false`))
	}
	return "event:" + digest(raw)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// flatten keeps a postback's parameters as text. LINE documents only texts; another value keeps its JSON form.
func flatten(params map[string]any) map[string]string {
	if len(params) == 0 {
		return nil
	}
	flat := make(map[string]string, len(params))
	for key, value := range params {
		if s, ok := value.(string); ok {
			flat[key] = s
			continue
		}
		if b, err := json.Marshal(value); err == nil {
			flat[key] = string(b)
		}
	}
	return flat
}
