package telegram

import "github.com/guichet/guichet/plugins/sdk"

// translations are what the manifest and the checks say in other languages. What is written to @BotFather stays English,
// which is all that it understands.
var translations = sdk.Translations{"fr": {
	"Telegram": "Telegram",

	"Bot":       "Bot",
	"Test":      "Test",
	"Bot token": "Jeton du bot",
	"Write to @BotFather in Telegram, /newbot or /mybots, then API Token. It looks like 123456789:AAE…. A bot can serve one account only.": "Écrivez à @BotFather dans Telegram : /newbot ou /mybots, puis « API Token ». Il ressemble à 123456789:AAE…. Un bot ne peut servir qu’un seul compte.",
	"How messages arrive": "Arrivée des messages",
	"poll asks Telegram all the time and works behind any firewall. webhook has Telegram call this server, which needs a public https address.": "Avec poll, ce serveur interroge Telegram sans cesse : cela marche derrière n’importe quel pare-feu. Avec webhook, Telegram appelle ce serveur, qui a besoin d’une adresse https publique.",
	"poll":         "Interroger Telegram (poll)",
	"webhook":      "Être appelé par Telegram (webhook)",
	"Secret token": "Jeton secret",
	"Telegram sends it with every call, to prove that it is Telegram. Leave it empty: then it is made from the bot token, and there is nothing to remember. It is told to Telegram by itself.": "Telegram l’envoie avec chaque appel, pour prouver que c’est bien lui. Laissez vide : il est alors tiré du jeton du bot, et il n’y a rien à retenir. Il est communiqué à Telegram automatiquement.",
	"API base address":                     "Adresse de base de l’API",
	"Instead of https://api.telegram.org.": "Au lieu de https://api.telegram.org.",
	"Webhook URL":                          "Adresse du webhook",
	"Nothing to paste: with mode = \"webhook\" this address is told to Telegram by itself, and with \"poll\" it is not used.": "Rien à coller : avec mode = \"webhook\", cette adresse est communiquée à Telegram automatiquement, et avec \"poll\" elle ne sert pas.",

	"Groups":         "Groupes",
	"Public address": "Adresse publique",
	"Webhook":        "Webhook",
	"Deliveries":     "Livraisons",

	"The token has to be right first.":                                   "Le jeton doit d’abord être juste.",
	"Copy the token again from @BotFather: /mybots, the bot, API Token.": "Copiez de nouveau le jeton chez @BotFather : /mybots, le bot, « API Token ».",
	"Telegram does not know this token ({1}).":                           "Telegram ne connaît pas ce jeton ({1}).",
	"{1} (@{2}).": "{1} (@{2}).",
	"The bot cannot be added to groups, only written to.":                                                                              "Le bot ne peut pas être ajouté à des groupes ; on peut seulement lui écrire.",
	"The bot sees all messages of the groups that it is in.":                                                                           "Le bot voit tous les messages des groupes dont il fait partie.",
	"In groups the bot sees only commands and answers to its own messages (privacy mode). Private chats are complete.":                 "Dans les groupes, le bot ne voit que les commandes et les réponses à ses propres messages (« privacy mode »). Les discussions privées sont complètes.",
	"To serve groups, switch privacy off with @BotFather: /setprivacy, Disable; then take the bot out of its groups and add it again.": "Pour servir des groupes, désactivez ce mode chez @BotFather : /setprivacy, « Disable » ; puis retirez le bot de ses groupes et ajoutez-le de nouveau.",
	"Polling needs none.": "Interroger Telegram n’en demande pas.",

	"No webhook is set at Telegram, so it delivers nothing.":          "Aucun webhook n’est indiqué chez Telegram, qui ne livre donc rien.",
	"It is set by itself within minutes.":                             "Il l’est automatiquement en quelques minutes.",
	"Telegram delivers this bot's messages to {1} instead of {2}.":    "Telegram livre les messages de ce bot à {1} au lieu de {2}.",
	"It is set to this server by itself.":                             "Il est dirigé vers ce serveur automatiquement.",
	"If it changes back, another program uses the same bot: stop it.": "S’il change de nouveau, un autre programme se sert du même bot : arrêtez-le.",
	"Telegram delivers other kinds of updates than are needed.":       "Telegram livre d’autres sortes d’événements qu’il n’en faut.",
	"It is put right by itself within minutes.":                       "C’est corrigé automatiquement en quelques minutes.",
	"Telegram makes at most {1} calls at once.":                       "Nombre d’appels simultanés de Telegram limité à {1}.",
	"Telegram calls {1}.":                                             "Telegram appelle {1}.",

	"No webhook is set, as polling needs it.":                                          "Aucun webhook n’est indiqué, comme il le faut pour interroger Telegram.",
	"The webhook of this account is still set.":                                        "Le webhook de ce compte est encore indiqué.",
	"It is taken away by itself.":                                                      "Il est retiré automatiquement.",
	"Telegram delivers this bot's messages to {1}, so that they cannot be fetched.":    "Telegram livre les messages de ce bot à {1}, si bien qu’on ne peut pas aller les chercher.",
	"Remove the webhook there, or set mode = \"webhook\" to have them delivered here.": "Retirez-y le webhook, ou réglez mode = \"webhook\" pour qu’ils soient livrés ici.",

	"No failed delivery in the last hour.":             "Aucune livraison manquée depuis une heure.",
	"Telegram's last failed delivery was at {1}: {2}.": "Dernière livraison manquée par Telegram à {1} : {2}.",
	"Telegram repeats what failed for 24 hours.":       "Telegram répète pendant 24 heures ce qui a échoué.",
	"If it goes on, see that this server is reachable from the internet with a certificate of a public authority.": "Si cela continue, assurez-vous que ce serveur est joignable depuis internet, avec un certificat d’une autorité publique.",
	"{1} updates wait to be delivered.": "Événements qui attendent d’être livrés : {1}.",

	"Set public_url of [server] to this server's https address, or set mode = \"poll\", which needs none.": "Donnez à public_url de [server] l’adresse https de ce serveur, ou réglez mode = \"poll\", qui n’en demande pas.",
	"The public_url is not an address.":                                             "La public_url n’est pas une adresse.",
	"Telegram calls https addresses only, and public_url is not one.":               "Telegram n’appelle que des adresses https, et public_url n’en est pas une.",
	"Telegram calls the ports 443, 80, 88 and 8443 only, and public_url names {1}.": "Telegram n’appelle que les ports 443, 80, 88 et 8443, et public_url indique {1}.",
	"Telegram cannot reach {1}, which is an address of this network only.":          "Telegram ne peut pas joindre {1}, qui n’est une adresse que de ce réseau.",

	"{1} was answered, but not in Telegram's form.":                                         "La réponse a été {1}, mais pas sous la forme de Telegram.",
	"Telegram answered {1}":                                                                 "Telegram a répondu {1}",
	"Telegram did not answer: {1}":                                                          "Telegram n’a pas répondu : {1}",
	"Telegram limits how often this may be asked; try again later.":                         "Telegram limite la fréquence de cette question ; réessayez plus tard.",
	"Telegram could not be asked; see that this server reaches the internet and try again.": "Telegram n’a pas pu être interrogé ; vérifiez l’accès de ce serveur à internet et réessayez.",
}}
