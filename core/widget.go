package core

// Widget is how the chat of a live channel looks, and where it may be shown.
type Widget struct {
	Title    string // the organization's name where nothing else is set
	Subtitle string
	Color    string // #rrggbb
	Position string // "bottom-right" or "bottom-left"
	LogoURL  string // an http(s) address, or a path of our own; "" for none
	Hidden   bool   // the shop opens it by script
	// Domains are the hosts whose pages may show it, such as "shop.example.com" or "*.example.com:8443"; none: every one.
	Domains []string
	// Languages are those that the chat may speak, chosen by the browser's wish; the channel's comes first.
	Languages []string
}
