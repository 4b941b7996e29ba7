// Package channelv1 is the contract between Guichet and its channel plugins: the messages and services of channel.proto,
// as generated code, and the few facts that both sides must agree on beside them.
//
// It must not know either side: the host's end lives in core/channel, the plugin's in plugins/sdk. Start reading at
// channel.proto; scripts/gen-proto makes the Go code from it.
package channelv1

// The facts of the handshake and the connection that host and plugin must agree on beside the messages. A plugin in
// another language needs these and channel.proto, nothing else.
//
// A plugin answers a call with the status ABORTED only when it did nothing for it, because it is draining; the host may
// then ask another process. NOT_FOUND means that the account is not open.
const (
	// ProtocolMajor is go-plugin's protocol version. It stays 1 for good.
	ProtocolMajor = 1
	// MagicCookieKey and MagicCookieValue are the environment variable by which a plugin knows that a host started it.
	// It is a courtesy to people who run the program by hand, not security.
	MagicCookieKey   = "GUICHET_PLUGIN"
	MagicCookieValue = "c7b3f1d06e4a4c0c9a52"
	// PluginName is the name under which go-plugin dispenses a channel.
	PluginName = "channel"
	// HostBrokerID is the broker id of the one connection on which the plugin reaches the Host service.
	HostBrokerID = 1
	// MaxMessageBytes limits each gRPC message in both directions: 16 MiB. Media is streamed instead.
	MaxMessageBytes = 16 << 20
	// MaxChunkBytes limits a chunk of a media stream: 256 KiB.
	MaxChunkBytes = 256 << 10
	// LiveWindowBytes is how much payload each side may have on the way per live connection before it waits for credit:
	// 64 KiB. An empty payload counts as one byte. Credit may be gathered up to a quarter of the window before it is
	// given, so that a payload of LiveMaxPayloadBytes always fits in the end.
	LiveWindowBytes = 64 << 10
	// LiveMaxPayloadBytes limits one payload of a live connection: 32 KiB.
	LiveMaxPayloadBytes = 32 << 10
	// FirstPosition is a position before that of every message: in HistoryRequest.after it asks for the oldest messages.
	FirstPosition = "0"
	// PullCursor is the name of the cursor that Pull goes on from, in Host.Receive.
	PullCursor = "pull"
	// LifelineVariable names the environment variable that holds the number of an open file descriptor, the read end of
	// a pipe. Its end of file means that the host is gone.
	LifelineVariable = "GUICHET_LIFELINE_FD"
)
