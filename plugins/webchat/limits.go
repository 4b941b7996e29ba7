package webchat

import (
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// What one message, file or frame may be.
const (
	maxText        = 6000 // characters (Unicode code points), as the chat widget of Dynamics 365 has it
	maxFile        = 5 << 20
	maxFiles       = 10
	maxID          = 64
	maxFrame       = 32 << 10 // a payload of a live connection
	frameRoom      = maxFrame - 2<<10
	maxFrames      = 50 // in one request
	maxRequest     = 256 << 10
	maxVariables   = 100
	maxVariable    = 1000 // characters
	maxName        = 100  // characters, of a context variable
	maxFileName    = 200  // characters
	shortFileName  = 30   // characters, where a message has little room
	pageSize       = 50   // messages of a welcome and of one step back
	maxPosition    = 64
	maxPages       = 20 // of messages that a lost watch may have missed
	maxChangePages = 6  // of messages that are looked through for changes before a welcome's page
	rememberedOurs = 200
	rememberedIDs  = 32
	logLength      = 200
)

// How long things last.
const (
	helloWithin   = 10 * time.Second
	silence       = 75 * time.Second // the panel pings every 20 s
	typingLasts   = 6 * time.Second
	typingEvery   = 2500 * time.Millisecond // the panel repeats it every 3 s
	visitLingers  = 30 * time.Second        // after its last connection or poll
	liveWithin    = 5 * time.Second         // from asking for a watch to its first word
	hostPatience  = 10 * time.Second
	sendPatience  = 30 * time.Second
	goodbyeWithin = 5 * time.Second
	mediaLasts    = 24 * time.Hour
	tryAgainAfter = 2 // seconds, after the host was busy
	availableFor  = 5 * time.Second
	firstBackoff  = 200 * time.Millisecond
	maxBackoff    = 10 * time.Second
)

// A request's deadline is 1.5 s in all; what is left after waiting has to do for the answer.
const (
	maxWait         = time.Second
	waitReserve     = 400 * time.Millisecond
	maxWaitingPolls = 24 // of the 64 requests that the host lets an account handle at once
)

// How many there may be at a time.
const (
	maxVisits              = 20_000
	maxConnections         = 20_000
	maxVisitorConnections  = 20
	maxAddressConnections  = 500
	maxQueuedFrames        = 512
	maxQueuedBytes         = 1 << 20
	maxBuckets             = 100_000
	frameEvery             = time.Second / 20 // on one connection
	framesBurst            = 100
	sweepBucketsEachMinute = time.Minute
)

// limits are the account's token buckets.
type limits struct {
	messages        *buckets // by visitor
	reads           *buckets // by visitor: older messages
	uploads         *buckets // by visitor
	ends            *buckets // by visitor: conversations ended
	receipts        *buckets // by visitor: times that something new was seen
	addressMessages *buckets // by client address
	connections     *buckets // by client address
	polls           *buckets // by client address
	addressUploads  *buckets // by client address
	open            *counts  // connections by client address, and all of them
}

func newLimits() *limits {
	return &limits{
		messages:        newBuckets(20, time.Minute, 10),
		reads:           newBuckets(60, time.Minute, 30),
		uploads:         newBuckets(20, time.Hour, 20),
		ends:            newBuckets(10, time.Minute, 5),
		receipts:        newBuckets(60, time.Minute, 60),
		addressMessages: newBuckets(240, time.Minute, 120),
		connections:     newBuckets(120, time.Minute, 60),
		polls:           newBuckets(1200, time.Minute, 200),
		addressUploads:  newBuckets(200, time.Hour, 100),
		open:            newCounts(),
	}
}

// clientOf returns what client addresses are counted by: an IPv4 address, an IPv6 network of 64 bits. It is empty, for
// "not counted", on loopback: there it is the operator's own machine, or a proxy that trusted_proxies does not name,
// and counting would shut everybody out at once.
func clientOf(r *http.Request) string {
	text := r.RemoteAddr
	address, err := netip.ParseAddr(text)
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return "?" + cutText(text, maxName)
		}
		address = withPort.Addr()
	}
	address = address.Unmap().WithZone("")
	if address.IsLoopback() {
		return ""
	}
	if address.Is6() {
		network, err := address.Prefix(64)
		if err == nil {
			return network.String()
		}
	}
	return address.String()
}

// blockedExtensions are kinds of files that do something when they are opened; they are refused whatever they contain.
// The list is the heart of the one that Dynamics 365 blocks by default.
var blockedExtensions = []string{
	"ade", "adp", "app", "asp", "aspx", "bas", "bat", "chm", "class", "cmd", "com", "cpl", "crt", "dll", "exe", "fxp", "hlp",
	"hta", "htm", "html", "inf", "ins", "isp", "jar", "js", "jse", "ksh", "lnk", "mad", "mde", "mht", "mhtml", "msc", "msi",
	"msp", "mst", "pif", "ps1", "reg", "scr", "sct", "shb", "shs", "shtml", "svg", "url", "vb", "vbe", "vbs", "wsc", "wsf",
	"wsh", "xht", "xhtml", "xml", "xsl",
}

// extensionOf returns the part of a file's name after the last dot, in lower case.
func extensionOf(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return strings.ToLower(strings.TrimSpace(name[i+1:]))
	}
	return ""
}
