package api

import (
	"net/http"

	"github.com/guichet/guichet/core/auth"
)

// route is one row of the table: how an address is reached, who may, what it does, and how it is described.
type route struct {
	method, path string
	action       auth.Action // what the role must allow
	public       bool        // nobody needs to be signed in
	page         bool        // answers with a page of ours, which has a content security policy of its own
	socket       bool
	apart        bool  // beside a route with a name in the same place, which the router cannot tell from it
	maxBody      int64 // bytes; 0 means maxBody
	handle       func(w http.ResponseWriter, r *http.Request) error
	doc          *operation // nil where it is no part of the described API
}

// readyPath is asked by whoever waits for a start: that it is not ready yet is an answer, no failure to log.
const readyPath = "/readyz"

// table lists every route. Callbacks (/channels/) and bots (/bots/) are dispatched before it, see Server.ServeHTTP.
func (s *Server) table() []route {
	get, post, put, del := http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	v1 := func(method, path string, action auth.Action, handle func(http.ResponseWriter, *http.Request) error, doc operation) route {
		return route{method: method, path: "/api/v1" + path, action: action, handle: handle, doc: &doc}
	}
	public := func(r route) route { r.public = true; return r }
	large := func(r route, limit int64) route { r.maxBody = limit; return r }
	socket := func(r route) route { r.socket = true; return r }
	page := func(path string, handle func(http.ResponseWriter, *http.Request) error) route {
		return route{method: get, path: path, public: true, page: true, handle: handle}
	}
	conversation := func(verb string, handle func(http.ResponseWriter, *http.Request) error, summary string) route {
		return v1(post, "/conversations/:conversation/"+verb, auth.Answer, handle,
			operation{summary: summary, answers: answers{200: "ConversationDetail"}, problems: []int{404, 403, 409}})
	}
	return []route{
		public(v1(post, "/setup", "", s.setUp, operation{
			summary: "Create the first administrator with the one-time token that the server printed, and sign in.",
			body:    "Setup", answers: answers{201: "Me"}, problems: []int{409, 410, 429},
		})),
		public(v1(post, "/sign-in", "", s.signIn, operation{
			summary: "Sign in; sets the cookie.", body: "SignIn", answers: answers{200: "Me"}, problems: []int{400, 401, 429, 503},
		})),
		public(v1(del, "/sign-in", "", s.signOut, operation{summary: "Sign out; clears the cookie.", answers: answers{204: ""}})),

		v1(get, "/me", auth.Answer, s.me, operation{summary: "Who is signed in.", answers: answers{200: "Me"}}),
		v1(put, "/me/password", auth.Answer, s.changePassword, operation{
			summary: "Change one's own password; ends all one's other sign-ins.", body: "ChangePassword", answers: answers{204: ""},
			problems: []int{400, 403, 429},
		}),
		v1(get, "/me/presence", auth.Answer, s.presence, operation{summary: "One's own presence.", answers: answers{200: "Presence"}}),
		v1(put, "/me/presence", auth.Answer, s.setPresence, operation{
			summary: "Set one's presence.", body: "SetPresence", answers: answers{200: "Presence"}, problems: []int{400},
		}),
		v1(post, "/me/presence/renew", auth.Answer, s.present, operation{
			summary: "Say that one is there, without a live connection: one has the presence that one had, or begins with, for two and a half minutes.",
			answers: answers{200: "Presence"},
		}),
		v1(get, "/me/sign-ins", auth.Answer, s.signIns, operation{summary: "Where one is signed in.", answers: answers{200: "SignIns"}}),
		v1(del, "/me/sign-ins/:sign-in", auth.Answer, s.revokeSignIn, operation{
			summary: "Sign another browser out.", answers: answers{204: ""}, problems: []int{404},
		}),
		v1(get, "/me/keys", auth.Answer, s.keys, operation{summary: "One's API keys.", answers: answers{200: "Keys"}}),
		v1(post, "/me/keys", auth.Answer, s.createKey, operation{
			summary: "Create an API key; the key itself is shown only in this answer.", body: "CreateKey",
			answers: answers{201: "NewKey"}, problems: []int{400, 409},
		}),
		v1(del, "/me/keys/:key", auth.Answer, s.revokeKey, operation{
			summary: "Revoke an API key.", answers: answers{204: ""}, problems: []int{404},
		}),

		v1(get, "/offers", auth.Answer, s.offers, operation{summary: "The offers that ring at oneself.", answers: answers{200: "Offers"}}),
		v1(post, "/offers/:offer/accept", auth.Answer, s.accept, operation{
			summary: "Accept an offer.", answers: answers{200: "ConversationDetail"}, problems: []int{404, 409},
		}),
		v1(post, "/offers/:offer/decline", auth.Answer, s.decline, operation{
			summary: "Decline an offer.", answers: answers{204: ""}, problems: []int{404, 409},
		}),

		v1(get, "/conversations", auth.Answer, s.conversations, operation{
			summary: "Conversations: one's own, those waiting in one's queues, all (supervisors), or closed ones.",
			query: []parameter{
				{name: "view", schema: object{"type": "string", "enum": []string{"mine", "waiting", "all", "closed"}, "default": "mine"}},
				cursorParameter, limitParameter,
			},
			answers: answers{200: "Conversations"}, problems: []int{400, 403},
		}),
		v1(get, "/conversations/:conversation", auth.Answer, s.conversation, operation{
			summary: "One conversation, with its context variables, sessions and messaging window.",
			answers: answers{200: "ConversationDetail"}, problems: []int{404},
		}),
		v1(get, "/conversations/:conversation/trace", auth.Answer, s.trace, operation{
			summary: "How a conversation was routed, and why.", answers: answers{200: "Trace"}, problems: []int{404},
		}),
		v1(get, "/conversations/:conversation/messages", auth.Answer, s.messages, operation{
			summary: "Messages in order of arrival: those after a place, or the last ones before a place.",
			query: []parameter{
				{name: "after", schema: object{"type": "integer", "minimum": 0}}, {name: "before", schema: object{"type": "integer", "minimum": 0}},
				limitParameter,
			},
			answers: answers{200: "Messages"}, problems: []int{400, 404},
		}),
		v1(post, "/conversations/:conversation/messages", auth.Answer, s.reply, operation{
			summary: "Send a message, or write an internal note. The same id with the same content again answers 200 with the same message.",
			body:    "NewMessage", answers: answers{201: "Message", 200: "Message"}, problems: []int{400, 403, 404, 409, 413, 507},
		}),
		v1(post, "/conversations/:conversation/messages/:message/retry", auth.Answer, s.retry, operation{
			summary: "Send a failed message again, as a new attempt.", answers: answers{200: "Message"}, problems: []int{404, 409},
		}),
		conversation("pick", s.pick, "Take a waiting conversation."),
		v1(post, "/conversations/:conversation/read", auth.Answer, s.read, operation{
			summary: "Say that one has read it.", answers: answers{204: ""}, problems: []int{404},
		}),
		conversation("end", s.end, "End it: after-work begins."),
		conversation("leave", s.leave, "Stop without ending it."),
		conversation("reopen", s.reopen, "Take it up again."),
		conversation("close", s.close, "After-work is done."),
		v1(post, "/conversations/:conversation/transfer", auth.Answer, s.transfer, operation{
			summary: "Hand it on to a queue or an agent.", body: "Transfer", answers: answers{200: "ConversationDetail"},
			problems: []int{400, 403, 404, 409},
		}),

		large(v1(post, "/uploads", auth.Answer, s.upload, operation{
			summary: "Upload a file, to name in the attachments of a message.", multipart: true, answers: answers{201: "Upload"},
			problems: []int{400, 413, 507},
		}), maxUpload+1<<20),
		v1(get, "/attachments/:conversation/:attachment", auth.Answer, s.attachment, operation{
			summary: "The content of an attachment.", file: true, problems: []int{404, 409, 410},
		}),

		v1(get, "/agents", auth.Answer, s.agents, operation{summary: "Colleagues, with presence and load.", answers: answers{200: "Agents"}}),
		v1(post, "/agents", auth.ManagePeople, s.addAgent, operation{
			summary: "Add a person; someone the configuration knows already only gets the password.", body: "AddAgent",
			answers: answers{201: "Agent"}, problems: []int{400, 403, 409, 503},
		}),
		v1(post, "/agents/:agent/password", auth.ManagePeople, s.setPassword, operation{
			summary: "Set a person's password; ends their sign-ins.", body: "SetPassword", answers: answers{204: ""},
			problems: []int{400, 403, 404, 409},
		}),
		v1(post, "/agents/:agent/disable", auth.ManagePeople, s.disable, operation{
			summary: "Shut a person out at once.", answers: answers{204: ""}, problems: []int{403, 404, 409},
		}),
		v1(post, "/agents/:agent/enable", auth.ManagePeople, s.enable, operation{
			summary: "Let a person in again.", answers: answers{204: ""}, problems: []int{403, 404},
		}),
		v1(get, "/queues", auth.Answer, s.queues, operation{summary: "Queues, with how many wait.", answers: answers{200: "Queues"}}),
		v1(get, "/contacts", auth.Answer, s.contacts, operation{
			summary: "Contacts of which every word of the query begins a word of the name, e-mail address, company, telephone number or an " +
				"identity; without a query all, the newest first. A page may be short and still go on.",
			query:   []parameter{{name: "query", schema: object{"type": "string"}}, cursorParameter, limitParameter},
			answers: answers{200: "Contacts"}, problems: []int{400},
		}),
		v1(post, "/contacts", auth.Answer, s.createContact, operation{
			summary: "Add a contact.", body: "ContactFields", answers: answers{201: "Contact"}, problems: []int{400},
		}),
		v1(get, "/contacts/:contact", auth.Answer, s.contact, operation{
			summary: "A contact; of a merged one, the contact that stands for it.", answers: answers{200: "Contact"}, problems: []int{404},
		}),
		v1(http.MethodPatch, "/contacts/:contact", auth.Answer, s.changeContact, operation{
			summary: "Change what is written about a contact; what is absent stays, an empty text clears. With the version that " +
				"was seen, a contact that somebody else has changed since is not changed.",
			body: "ChangeContact", answers: answers{200: "Contact"}, problems: []int{400, 404, 409},
		}),
		v1(get, "/contacts/:contact/conversations", auth.Answer, s.contactConversations, operation{
			summary: "A contact's conversations, the newest first: those that one may see and, while one serves the contact, " +
				"those before. What other identities have told stays out of sight where only an agent's link says whose they are.",
			query: []parameter{cursorParameter, limitParameter}, answers: answers{200: "Conversations"}, problems: []int{400, 404},
		}),
		v1(put, "/conversations/:conversation/contact", auth.Answer, s.linkContact, operation{
			summary: "Say whose the identity behind a conversation is: its conversations are that contact's, now and later.", body: "LinkContact",
			answers: answers{200: "ConversationDetail"}, problems: []int{400, 404, 409},
		}),
		v1(del, "/conversations/:conversation/contact", auth.Answer, s.unlinkContact, operation{
			summary: "Give the identity behind a conversation a contact of its own again.",
			answers: answers{200: "ConversationDetail"}, problems: []int{404, 409},
		}),
		v1(get, "/search", auth.Answer, s.search, operation{
			summary: "Up to ten contacts, and up to ten of the newest conversations with them that one may see.",
			query:   []parameter{{name: "query", schema: object{"type": "string"}}}, answers: answers{200: "Found"},
		}),
		v1(get, "/counts", auth.Answer, s.counts, operation{
			summary: "How many conversations are one's own, wait in one's queues, and, for supervisors, are not closed.", answers: answers{200: "Counts"},
		}),
		v1(put, "/conversations/:conversation/draft", auth.Answer, s.saveDraft, operation{
			summary: "Keep what one has begun to write; an empty text removes it.", body: "SaveDraft", answers: answers{200: "SavedDraft"},
			problems: []int{404},
		}),
		v1(put, "/conversations/:conversation/variables", auth.Answer, s.setVariables, operation{
			summary: "Set context variables; null removes one.", body: "SetVariables", answers: answers{200: "ConversationDetail"},
			problems: []int{404, 409},
		}),
		v1(post, "/contacts/:contact/merge", auth.Oversee, s.mergeContact, operation{
			summary: "Say that a contact is the same person as another, into which it is merged; answers with that one.",
			body:    "MergeContact", answers: answers{200: "Contact"}, problems: []int{400, 403, 404, 409},
		}),

		v1(get, "/plugins", auth.Oversee, s.plugins, operation{summary: "How the plugins are doing.", answers: answers{200: "Plugins"}, problems: []int{403}}),
		v1(post, "/plugins/:plugin/restart", auth.Configure, s.restartPlugin, operation{
			summary: "Let a plugin finish what it is doing and start it again; other plugins are not touched.", answers: answers{204: ""},
			problems: []int{403, 404},
		}),
		v1(get, "/plugins/:plugin/log", auth.Configure, s.pluginLog, operation{
			summary: "What a plugin wrote since the server's start, oldest first; without after, the newest lines.",
			query:   []parameter{{name: "after", schema: whole}, limitParameter}, answers: answers{200: "PluginLog"}, problems: []int{400, 403, 404},
		}),
		v1(get, "/accounts", auth.Oversee, s.accounts, operation{
			summary: "Accounts with their callback addresses and status; never their secrets.", answers: answers{200: "Accounts"}, problems: []int{403},
		}),
		v1(post, "/accounts/:account/validate", auth.ValidateSetup, s.validate, operation{
			summary: "Check an account against its provider.", answers: answers{200: "Checks"}, problems: []int{403, 404},
		}),
		v1(get, "/configuration", auth.Answer, s.configuration, operation{
			summary: "How the configuration stands. Problems are shown to administrators.", answers: answers{200: "Configuration"},
		}),
		v1(get, "/audit", auth.ReadAudit, s.audit, operation{
			summary: "Administrative acts, newest first.",
			query:   []parameter{{name: "before", schema: object{"type": "string"}}, limitParameter},
			answers: answers{200: "Audit"}, problems: []int{400, 403},
		}),

		public(v1(get, "/about", "", s.about, operation{summary: "Whose desk this is.", answers: answers{200: "About"}})),
		v1(post, "/agents/:agent/invitation", auth.ManagePeople, s.invite, operation{
			summary: "Make a one-time link with which a person chooses a password; it holds for seven days, and a newer one replaces it.",
			answers: answers{201: "Invitation"}, problems: []int{403, 404, 409},
		}),
		public(v1(post, "/invitations/look", "", s.invitation, operation{
			summary: "Who an invitation is for.", body: "LookAtInvitation", answers: answers{200: "Invited"}, problems: []int{400, 410, 429},
		})),
		public(v1(post, "/invitations/accept", "", s.acceptInvitation, operation{
			summary: "Accept an invitation: set one's password and sign in.", body: "AcceptInvitation", answers: answers{200: "Me"}, problems: []int{400, 401, 409, 410, 429},
		})),
		v1(get, "/diagnosis", auth.Answer, s.diagnosis, operation{
			summary: "How this request reached the server, and whether its parts are well.", answers: answers{200: "Diagnosis"},
		}),
		socket(v1(get, "/diagnosis/socket", auth.Answer, s.diagnosisSocket, operation{
			summary: "A socket (WebSocket) that gives back each text of up to 1 KB, for a minute.", answers: answers{101: ""}, problems: []int{400},
		})),

		socket(v1(get, "/events", auth.Answer, s.events, operation{
			summary: "The live socket (WebSocket): what changes, from the place given in since, or a snapshot.",
			query:   []parameter{{name: "since", schema: object{"type": "integer", "minimum": 0}}}, answers: answers{101: ""}, problems: []int{400},
		})),
		public(v1(get, "/openapi.json", "", s.openAPI, operation{summary: "This description.", answers: answers{200: "Anything"}})),

		page("/", s.home),
		page("/app", s.home),
		page("/app/*path", s.workspace),
		page("/widget.js", s.widgetLoader),
		page("/widget/*path", s.widget),
		page("/chat/:channel", s.chatPage),
		page("/chat/:channel/config", s.chatConfiguration),
		page("/demo", s.demo),
		page("/demo/*path", s.demo),
		{method: get, path: "/media/:token", public: true, handle: s.media},
		{method: get, path: "/healthz", public: true, handle: s.healthz},
		{method: get, path: readyPath, public: true, handle: s.readyz},
		{method: get, path: "/metrics", public: true, handle: s.metrics},
	}
}
