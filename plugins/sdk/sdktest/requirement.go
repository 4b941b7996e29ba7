package sdktest

import (
	"maps"
	"slices"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// requirement is one thing that the contract asks of every plugin.
type requirement struct {
	name     string // stable, kebab-case
	sentence string // what the contract says
	remedy   string // what to do when it is not kept
	alone    bool   // it starts the processes that it needs itself
	run      func(*suite, T)
}

// requirements is the suite, in the order in which it is told.
var requirements = []requirement{
	{
		"handshake", "Started by a host, a plugin listens on a Unix socket and writes one line about it, 1|1|unix|SOCKET|grpc|CERTIFICATE, to standard output, with no certificate where the host gave none. It serves nobody but that host. Started by hand, it says what it is and ends.",
		"Follow \"In another language\" of the authors' guide, points 1 to 4. In Go, let main call sdk.Serve and nothing before it that prints.", true, (*suite).handshake,
	},
	{
		"manifest", "Describe answers with a manifest that is complete, the same each time, and agrees with what is served.",
		"Mend what is named; a setting's kinds are listed in channel.proto at Setting.", false, (*suite).manifest,
	},
	{
		"health", "Health answers at once; Watch sends one message and stays open for the life of the plugin.",
		"Answer Health with healthy = true without asking the provider, and keep Watch open until the call ends.", false, (*suite).health,
	},
	{
		"settings", "Open with settings that are wrong is INVALID_ARGUMENT, with a sentence that names the setting.",
		"Check every setting in Open and answer INVALID_ARGUMENT with its key. The SDK does so for types and for what is required.", false, (*suite).wrongSettings,
	},
	{
		"accounts", "Accounts are opened, replaced by a higher revision and closed, independently of each other. What is asked about one that is not open is NOT_FOUND.",
		"Keep the accounts in a map under a lock, and look them up in every call.", false, (*suite).accounts,
	},
	{
		"requests", "Every request is answered, whatever the internet sends: any method, escaped paths, doubled headers, megabytes, nonsense. An unsigned one brings no event.",
		"Answer what is none of the provider's with 4xx. Never let parsing fail the call.", false, (*suite).oddRequests,
	},
	{
		"verification", "A request that the provider did not sign is answered with 4xx and brings no event.",
		"Verify the raw body before anything else, compare in constant time, and refuse where the header is missing or empty.", false, (*suite).verification,
	},
	{
		"duplicates", "The same request brings the same events with the same ids, however often it comes.",
		"Take the provider's event id, or make one from the content; never from the clock or by chance.", false, (*suite).genuineRequests,
	},
	{
		"unknown-events", "An event of a type that the plugin does not know is passed on as unknown. It never fails the batch.",
		"End the switch over the event types with a default that makes an Unknown event of the raw text.", false, (*suite).unknownEvents,
	},
	{
		"outcomes", "Send answers with the outcome that the provider's answer means.",
		"See the table at \"Sending\" of the authors' guide: the host tries again, gives up or asks people by it.", false, (*suite).outcomes,
	},
	{
		"media", "FetchMedia streams a head and then chunks of at most 256 KiB; what is gone, refused or larger than allowed is said as such.",
		"Stream; stop at max_bytes; answer gone and refused as parts, not as errors.", false, (*suite).fetchMedia,
	},
	{
		"live-connections", "Connections are accepted or refused, credited, kept apart, and closed with their account and by the drain.",
		"See \"Live connections\" of the authors' guide. The SDK does all but the talking.", false, (*suite).live,
	},
	{
		"pull", "What the provider has is given to Host.Receive with the cursor behind it; a pull ends with its account and with the drain.",
		"Pass the cursor with the events that it stands behind, and return when the call's context ends.", true, (*suite).pull,
	},
	{
		"slow-host", "While the host has not stored a batch, the provider is asked for nothing more; a batch that it refuses comes again.",
		"Ask for more, or let the provider forget, only when Host.Receive has returned without an error.", true, (*suite).slowHost,
	},
	{
		"registration", "Register makes the provider call this account's address and Unregister ends that, repeated without harm; a check changes nothing.",
		"Look before you write, and write the account's public address.", false, (*suite).registration,
	},
	{
		"templates", "The catalogue is whole, the same each time, and each template has a name, a status and its placeholders.",
		"Read all pages of the provider's catalogue, and name each placeholder of the text.", false, (*suite).templates,
	},
	{
		"spooling", "A request that the host has verified by the manifest's Verification and kept while the plugin was down is taken later, by another process, with the same events.",
		"Verify as the manifest declares, and never refuse a request because of its age or of what an earlier process knew.", true, (*suite).spooling,
	},
	{
		"isolation", "A call that fails harms that call only: the process lives, and other accounts answer.",
		"Turn whatever goes wrong in a call, panics and exceptions too, into the status INTERNAL.", true, (*suite).isolation,
	},
	{
		"limits", "Messages of up to 16 MiB are taken. A larger one is refused with RESOURCE_EXHAUSTED and does no harm.",
		"Set the gRPC server's limit for what it receives to 16 MiB; the default is 4.", true, (*suite).limits,
	},
	{
		"drain", "Drain finishes what is under way within 10 s; what comes then is ABORTED. Shutdown ends the process.",
		"Count the calls; at Drain refuse new ones and wait for the others. End the process at GRPCController.Shutdown.", true, (*suite).drain,
	},
	{
		"restart", "A plugin that is killed at any moment loses nothing and doubles nothing: a new process goes on from what the host has stored.",
		"Keep nothing in memory that a restart may not lose; go on from the cursor that Pull is given.", true, (*suite).restart,
	},
	{
		"host-gone", "A plugin whose host is gone ends by itself within 3 s. It ignores SIGTERM while the host lives.",
		"Read the descriptor that GUICHET_LIFELINE_FD names; at its end of file end the process at once. Ignore SIGTERM and SIGINT.", true, (*suite).hostGone,
	},
	{
		"log", "The log is standard error: lines of at most 64 KiB, plain text or JSON with @level, @message and @timestamp. Nothing but the handshake is ever written to standard output.",
		"Log to standard error. Point print and loggers of libraries there too.", true, (*suite).logFormat,
	},
	{
		"secrets", "No secret of an account is in a log or in an error.",
		"Never log settings, headers or addresses as they are. The SDK's Account.Log masks what is secret.", true, (*suite).secretsKept,
	},
}

// Requirements returns the names of what the suite asks for, in order. They stay.
func Requirements() []string {
	names := make([]string, 0, len(requirements))
	for _, r := range requirements {
		names = append(names, r.name)
	}
	return names
}

// suite is the plugin that is proved, and what its author has told of it.
type suite struct {
	*Plugin
	subject  subject
	settings map[string]any
	genuine  map[string]*channelv1.HTTPRequest
	forged   map[string]*channelv1.HTTPRequest
	unknown  map[string]*channelv1.HTTPRequest
	outcome  map[string]Outcome
	media    *Contents
	upgrade  *channelv1.HTTPRequest // to a live connection that is accepted; nil when not given
	hello    []byte
	source   *Source        // that is pulled from; nil when not given
	register *Registry      // the provider's; nil when not given
	listed   map[string]any // settings of an account whose templates can be listed; nil when not given
	pulled   *Host          // which keeps the cursor from one pull to the next
}

// subject is a plugin as the suite starts it.
type subject struct {
	// here serves it in this process; nil where there is only a program.
	here    func(t T, host *Host) *Plugin
	program Program
}

func newSuite(options []Option) *suite {
	s := &suite{
		settings: map[string]any{}, genuine: map[string]*channelv1.HTTPRequest{}, forged: map[string]*channelv1.HTTPRequest{},
		unknown: map[string]*channelv1.HTTPRequest{}, outcome: map[string]Outcome{}, pulled: newHost(),
	}
	for _, option := range options {
		option(s)
	}
	return s
}

// with is the suite with a started plugin.
func (s *suite) with(p *Plugin) *suite {
	run := *s
	run.Plugin = p
	run.settings = samples(p.Manifest.GetSettings())
	maps.Copy(run.settings, s.settings)
	return &run
}

// prove proves one requirement.
func (s *suite) prove(of requirement, t T) {
	switch {
	case of.alone:
		of.run(s, t)
	case s.subject.here == nil:
		l := s.launch(t, newHost())
		of.run(s.with(l.Plugin), t)
	default:
		of.run(s.with(s.subject.here(t, newHost())), t)
	}
}

// launch starts the plugin in a process of its own; the requirement's end ends it.
func (s *suite) launch(t T, host *Host) *Launched {
	t.Helper()
	l, err := launch(t.Context(), s.subject.program, host, newConversations())
	if err != nil {
		t.Fatalf("started by a host, it was not ready in time: %v", err)
	}
	t.Cleanup(l.End)
	return l
}

// begin starts the plugin as the requirement likes it best: in this process where it can be, with the host given.
func (s *suite) begin(t T, host *Host) *suite {
	if s.subject.here == nil {
		return s.with(s.launch(t, host).Plugin)
	}
	return s.with(s.subject.here(t, host))
}

// inOrder returns the keys of a map, so that reports are the same each time.
func inOrder[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
