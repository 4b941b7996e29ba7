package telegram

import (
	"errors"
	"strconv"
	"strings"

	"github.com/guichet/guichet/plugins/sdk"
)

// destination is where a message goes: a chat, and in groups that have topics one of these.
type destination struct {
	chat  int64
	topic int64 // 0 for none
}

var errNoDestination = errors.New("there is no Telegram chat to write to")

// destinationOf reads the thread, or, without one, the recipient: a private chat has the id of its user.
func destinationOf(thread sdk.Thread, recipient sdk.Identity) (destination, error) {
	text := thread.ID
	if text == "" {
		text = recipient.Value
	}
	return parseDestination(text)
}

func parseDestination(text string) (destination, error) {
	var d destination
	chat, topic, divided := strings.Cut(text, "/")
	var err error
	if d.chat, err = strconv.ParseInt(chat, 10, 64); err != nil || d.chat == 0 {
		return destination{}, errNoDestination
	}
	if divided {
		if d.topic, err = strconv.ParseInt(topic, 10, 64); err != nil || d.topic <= 0 {
			return destination{}, errNoDestination
		}
	}
	return d, nil
}

func (d destination) String() string {
	if d.topic == 0 {
		return strconv.FormatInt(d.chat, 10)
	}
	return strconv.FormatInt(d.chat, 10) + "/" + strconv.FormatInt(d.topic, 10)
}

func (d destination) thread(group bool) sdk.Thread {
	if group {
		return sdk.Thread{ID: d.String(), Kind: "group"}
	}
	return sdk.Thread{ID: d.String(), Kind: "user"}
}

// group says whether it is a group: their ids are negative.
func (d destination) group() bool { return d.chat < 0 }
