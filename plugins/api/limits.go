package api

import "time"

// What one request may hold.
const (
	maxBatch       = 100
	maxID          = 200    // characters of an id
	maxName        = 200    // characters of a name, a title
	maxText        = 20_000 // characters of a text
	maxURL         = 2048   // characters of an address
	maxVariables   = 100
	maxVariable    = 4000 // characters of a variable's value
	maxAttachments = 10
	maxContent     = 10 << 20 // bytes of all the content in a request, decoded
	maxContacts    = 10
	maxListed      = 20 // of phones and e-mail addresses of one contact
	maxChoices     = 20 // buttons below a message of ours
)

// What is kept of deliveries.
const (
	maxKept     = 5000
	keptFor     = 7 * 24 * time.Hour // as long as the host lets us publish their files
	retryFor    = 24 * time.Hour     // as long as the host repeats messages
	attachedFor = 24 * time.Hour     // the address of a file in a delivery
)

const (
	maxWait         = time.Second // of a poll: the host's patience with a request is 1.5 s
	waitReserve     = 300 * time.Millisecond
	maxWaitingPolls = 16
	maxPage         = 100
	pageSize        = 50
)
