package line

import "github.com/guichet/guichet/plugins/sdk"

// translations are what the manifest and the checks say in other languages. The names of tabs and switches stay as the LINE
// Developers console shows them, which does not speak French.
var translations = sdk.Translations{"fr": {
	"LINE": "LINE",

	"Messaging API channel": "Canal Messaging API",
	"Test":                  "Test",
	"Channel ID":            "Channel ID",
	"LINE Developers console, Basic settings tab. Needed when no access token is given, to have short-lived ones issued.": "Console LINE Developers, onglet « Basic settings ». Nécessaire quand aucun jeton d’accès n’est donné, pour en obtenir de courte durée.",
	"Channel secret": "Channel secret",
	"LINE Developers console, Basic settings tab. It signs every webhook.": "Console LINE Developers, onglet « Basic settings ». Il signe chaque appel du webhook.",
	"Previous channel secret": "Channel secret précédent",
	"Only while you reissue the channel secret: webhooks signed with either are accepted.": "Seulement pendant que vous renouvelez le channel secret : les appels signés de l’un ou de l’autre sont acceptés.",
	"Channel access token": "Jeton d’accès du canal",
	"Messaging API tab, long-lived. Leave it empty to use tokens of 15 minutes that are issued from the channel ID and secret.": "Onglet « Messaging API », jeton de longue durée (« long-lived »). Laissez vide pour des jetons de 15 minutes, délivrés d’après le Channel ID et le channel secret.",
	"API base address":                     "Adresse de base de l’API",
	"Instead of https://api.line.me.":      "Au lieu de https://api.line.me.",
	"Content base address":                 "Adresse de base des contenus",
	"Instead of https://api-data.line.me.": "Au lieu de https://api-data.line.me.",
	"Webhook URL":                          "Adresse du webhook",
	"Paste this address in the LINE Developers console, Messaging API tab, under Webhook settings. Switch on \"Use webhook\" and \"Webhook redelivery\" there, and switch off the automatic response messages in LINE Official Account Manager.": "Collez cette adresse dans la console LINE Developers, onglet « Messaging API », sous « Webhook settings ». Activez-y « Use webhook » et « Webhook redelivery », et désactivez les réponses automatiques dans LINE Official Account Manager.",

	"Access token":                            "Jeton d’accès",
	"Official account":                        "Compte officiel",
	"LINE can reach the webhook":              "LINE joint le webhook",
	"Webhook redelivery switched on":          "Nouvel envoi des événements (« Webhook redelivery ») activé",
	"Monthly quota":                           "Quota du mois",
	"The webhook URL has to be right first.":  "L’adresse du webhook doit d’abord être juste.",
	"The access token has to be right first.": "Le jeton d’accès doit d’abord être juste.",

	"LINE answered {1}":                                         "LINE a répondu {1}",
	"No access token was issued: LINE answered {1}":             "Aucun jeton d’accès n’a été délivré : LINE a répondu {1}",
	"LINE did not answer: {1}":                                  "LINE n’a pas répondu : {1}",
	"LINE limits how often this may be asked; try again later.": "LINE limite la fréquence de cette question ; réessayez plus tard.",
	"Check in the LINE Developers console that this is a Messaging API channel and that its plan allows this call.": "Vérifiez dans la console LINE Developers qu’il s’agit d’un canal Messaging API et que sa formule permet cet appel.",
	"LINE could not be asked; check this server's way to the internet and try again.":                               "LINE n’a pas pu être interrogé ; vérifiez l’accès de ce serveur à internet et réessayez.",

	"Neither an access token nor a channel ID is set.":                                                          "Ni jeton d’accès ni Channel ID ne sont renseignés.",
	"Set channel_access_token, or channel_id to have tokens issued.":                                            "Renseignez channel_access_token, ou channel_id pour que des jetons soient délivrés.",
	"Compare the channel ID and the channel secret with the Basic settings tab of the LINE Developers console.": "Comparez le Channel ID et le channel secret avec l’onglet « Basic settings » de la console LINE Developers.",
	"LINE issues tokens for this channel.":                                                                      "LINE délivre des jetons pour ce canal.",
	"Issue a new channel access token in the Messaging API tab of the LINE Developers console and paste it.":    "Délivrez un nouveau jeton d’accès dans l’onglet « Messaging API » de la console LINE Developers et collez-le.",
	"The token belongs to channel {1}, not to {2}.":                                                             "Le jeton appartient au canal {1}, et non à {2}.",
	"Use the ID, the secret and the token of one and the same channel.":                                         "Prenez l’ID, le secret et le jeton d’un seul et même canal.",
	"The token ends in {1} hours.":                                                                              "Le jeton expire dans {1} h.",
	"Use a long-lived token, or leave the token empty to have short-lived ones issued.":                         "Prenez un jeton de longue durée, ou laissez-le vide pour en obtenir de courte durée.",
	"The token is valid for channel {1}.":                                                                       "Le jeton vaut pour le canal {1}.",

	"Set channel_id to have the secret checked.":                                                "Renseignez channel_id pour que le secret soit vérifié.",
	"It is checked together with the access token.":                                             "Il est vérifié avec le jeton d’accès.",
	"Copy the channel secret again from the Basic settings tab of the LINE Developers console.": "Copiez de nouveau le channel secret depuis l’onglet « Basic settings » de la console LINE Developers.",
	"The secret belongs to the channel.":                                                        "Le secret est bien celui du canal.",

	"{1} ({2}), bot user {3}.": "{1} ({2}), utilisateur du bot {3}.",
	"Messages are marked as read by LINE itself; set the read mode to manual to have agents do it.": "LINE marque lui-même les messages comme lus ; passez ce mode en manuel pour que les agents le fassent.",

	"Set the webhook URL in the Messaging API tab of the LINE Developers console to {1}.": "Dans l’onglet « Messaging API » de la console LINE Developers, donnez au webhook l’adresse {1}.",
	"No webhook URL is set at LINE.":                                                     "Aucune adresse de webhook n’est indiquée chez LINE.",
	"LINE calls {1} instead of {2}.":                                                     "LINE appelle {1} au lieu de {2}.",
	"The webhook URL is right, but its use is switched off.":                             "L’adresse du webhook est juste, mais il est désactivé.",
	"Switch on \"Use webhook\" in the Messaging API tab of the LINE Developers console.": "Activez « Use webhook » dans l’onglet « Messaging API » de la console LINE Developers.",
	"LINE calls https addresses only.":                                                   "LINE n’appelle que des adresses https.",
	"Set public_url to the https address of this server.":                                "Donnez à public_url l’adresse https de ce serveur.",
	"LINE calls {1}.": "LINE appelle {1}.",

	"LINE called the webhook and was answered.":                                                   "LINE a appelé le webhook et a reçu une réponse.",
	"LINE called the webhook, but its signature did not match.":                                   "LINE a appelé le webhook, mais sa signature ne correspondait pas.",
	"LINE called the webhook without success: {1} ({2}, {3}).":                                    "LINE a appelé le webhook sans succès : {1} ({2}, {3}).",
	"Make sure that {1} is reachable from the internet with a certificate of a public authority.": "Assurez-vous que {1} est joignable depuis internet, avec un certificat d’une autorité publique.",

	"LINE last redelivered an event on {1}.":                                                     "Dernier événement envoyé de nouveau par LINE : {1}.",
	"LINE has no way to ask whether redelivery is on, and none has been received yet.":           "LINE ne permet pas de savoir si le nouvel envoi est activé, et rien n’est encore arrivé de nouveau.",
	"It is off by default: messages that arrive while this server is unreachable would be lost.": "Il est désactivé au départ : les messages qui arrivent pendant que ce serveur n’est pas joignable seraient perdus.",
	"Switch on \"Webhook redelivery\" in the Messaging API tab of the LINE Developers console.":  "Activez « Webhook redelivery » dans l’onglet « Messaging API » de la console LINE Developers.",
	"If it is on already, there is nothing to do.":                                               "S’il est déjà activé, il n’y a rien à faire.",

	"No limit; {1} messages sent this month.": "Sans limite ; messages envoyés ce mois-ci : {1}.",
	"{1} of {2} messages sent this month.":    "Messages envoyés ce mois-ci : {1} sur {2}.",
	"Choose a larger plan in LINE Official Account Manager; answers within a minute still go out free of charge.": "Choisissez une formule plus large dans LINE Official Account Manager ; les réponses dans la minute partent toujours gratuitement.",
}}
