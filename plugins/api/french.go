package api

import "github.com/guichet/guichet/plugins/sdk"

// translations are what the manifest and the checks say in other languages.
var translations = sdk.Translations{"fr": {
	"API": "API",

	"Requests": "Requêtes",
	"Token":    "Jeton",
	"Your program sends it with every request, as Authorization: Bearer. Make a long random one: openssl rand -hex 32.": "Votre programme l’envoie avec chaque requête, en « Authorization: Bearer ». Faites-en un long, au hasard : openssl rand -hex 32.",
	"Previous token": "Jeton précédent",
	"It is good as well, for as long as it stands here: set the former token while you replace it.": "Il vaut aussi, tant qu’il figure ici : indiquez l’ancien jeton pendant que vous le remplacez.",
	"Webhooks":        "Webhooks",
	"Webhook address": "Adresse du webhook",
	"Where your program hears what agents say. Leave it empty to fetch it instead.": "Là où votre programme apprend ce que disent les agents. Laissez vide pour aller le chercher.",
	"Webhook secret": "Secret du webhook",
	"Signs every webhook. At least 16 characters; one that begins with whsec_ holds the key in base64, as Standard Webhooks has it.": "Il signe chaque appel. Au moins 16 caractères ; s’il commence par whsec_, la suite est la clé en base64, selon Standard Webhooks.",
	"Previous webhook secret": "Secret précédent du webhook",
	"Signs every webhook as well, for as long as it stands here: set the former secret while you replace it.": "Il signe aussi chaque appel, tant qu’il figure ici : indiquez l’ancien secret pendant que vous le remplacez.",
	"Address to post messages to": "Adresse où poster les messages",
	"POST what customers say here, with the header Authorization: Bearer and the token. The address beside it that ends in openapi.json describes everything.": "Postez ici (POST) ce que disent les clients, avec l’en-tête « Authorization: Bearer » et le jeton. L’adresse voisine qui finit par openapi.json décrit tout.",

	"Webhook":               "Webhook",
	"Correct the settings.": "Corrigez les réglages.",
	"There is no webhook_url: your program fetches messages itself.":                       "Il n’y a pas de webhook_url : votre programme va chercher les messages lui-même.",
	"The receiver took a ping.":                                                            "Le destinataire a accepté un essai (ping).",
	"See that your program runs at webhook_url and answers 2xx also to the type \"ping\".": "Assurez-vous que votre programme tourne à l’adresse webhook_url et répond 2xx aussi au type « ping ».",
	"webhook_url cannot be called":                                                         "webhook_url ne peut pas être appelée",
	"The receiver answered {1}":                                                            "Le destinataire a répondu {1}",
	"The receiver did not answer within {1}.":                                              "Le destinataire n’a pas répondu en {1}.",
	"The receiver could not be reached: {1}":                                               "Le destinataire n’a pas pu être joint : {1}",

	"api: a webhook secret that begins with whsec_ goes on in base64":                                 "La suite d’un secret de webhook qui commence par whsec_ doit être en base64.",
	"api: webhook_url must be an address that begins with https:// (http:// within your own network)": "webhook_url doit être une adresse qui commence par https:// (http:// dans votre propre réseau).",
	"api: webhook_url holds no user name and no fragment; a secret belongs in webhook_secret":         "webhook_url ne contient ni nom d’utilisateur ni fragment ; un secret va dans webhook_secret.",
	"api: set webhook_secret too: your program has to know that a webhook comes from here":            "Renseignez aussi webhook_secret : votre programme doit savoir qu’un appel vient d’ici.",
}}
