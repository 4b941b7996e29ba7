package webchat

import "github.com/guichet/guichet/plugins/sdk"

// translations are what the manifest says in other languages.
var translations = sdk.Translations{"fr": {
	"Web chat": "Chat du site",
}}
