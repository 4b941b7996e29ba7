#!/usr/bin/python3
"""A complete channel in Python: what is posted to its callback, signed with the account's secret, is a message; what is
sent comes back as one. Everything that is not the channel is in guichet_plugin.py.
"""

import hashlib
import hmac
import json
import os
import sys

# The host runs the script by a descriptor: what lies beside it is found from its real place.
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import grpc  # noqa: E402

import channel_pb2 as pb  # noqa: E402
from guichet_plugin import Plugin, Status, log  # noqa: E402

plugin = Plugin()

MANIFEST = pb.Manifest(
    id="python-echo", name="Python echo", version="1", sdk_version="python-echo",
    services=["guichet.channel.v1.Webhook"],
    settings=[
        pb.Setting(key="secret", kind="secret", title="Secret", help="Requests are signed with it.", required=True, secret=True),
        pb.Setting(key="greeting", kind="string", title="Greeting", help="Written before each message that comes back.", default="echo"),
    ],
    callbacks=[pb.Callback(path="callback", title="Callback", help="Post messages here.")],
    # The host verifies and keeps requests by this while the plugin is down.
    verification=pb.Verification(
        algorithm="hmac-sha256", header="X-Signature", encoding="hex", secret_setting="secret", path="callback", status=200),
)


class Echo:
    def __init__(self):
        self.accounts = {}  # id: (revision, settings); replaced as a whole

    def account(self, name):
        try:
            return self.accounts[name][1]
        except KeyError:
            raise Status(grpc.StatusCode.NOT_FOUND, "the account %r is not open" % name)

    def Describe(self, request, context):
        return MANIFEST

    def Validate(self, request, context):
        return pb.ValidateResponse()

    def Open(self, request, context):
        account = request.account
        settings = read_settings(account)
        if account.id not in self.accounts or self.accounts[account.id][0] < account.revision:
            log.hide(account.id, [settings["secret"]])
            self.accounts[account.id] = (account.revision, settings)
        return pb.OpenResponse()

    def Close(self, request, context):
        self.accounts.pop(request.account, None)
        return pb.CloseResponse()

    def HandleHTTP(self, request, context):
        settings = self.account(request.account)
        if request.path != "callback" or request.method != "POST":
            return pb.HTTPResponse(status=404)
        good = hmac.new(settings["secret"].encode(), request.body, hashlib.sha256).hexdigest()
        given = next((h.value for h in request.headers if h.name.lower() == "x-signature"), "")
        if not hmac.compare_digest(good.encode(), given.encode()):
            return pb.HTTPResponse(status=401, body=b"the signature is wrong")
        try:
            said = json.loads(request.body)
            number, user, text = str(said["id"]), str(said["user"]), str(said.get("text", ""))
        except (ValueError, KeyError, TypeError, RecursionError):
            return pb.HTTPResponse(status=400, body=b"a message has an id and a user")
        event = about(number, user)
        event.raw = request.body
        if said.get("type", "message") == "message":
            event.message.id, event.message.text = number, text
        else:  # never fails the batch
            event.unknown.type = str(said["type"])
        return pb.HTTPResponse(status=200, events=[event])

    def Send(self, request, context):
        settings = self.account(request.account)
        if not request.text:
            return pb.SendResponse(rejected=pb.Rejected(cause=pb.Rejected.CONTENT, reason="there is no text to say back"))
        # Here a provider would be called. The echo comes back by the host's own service; its id is the same over all
        # attempts, so that a repeated send is received once.
        event = about("echo-" + request.outbox_id, request.recipient.value)
        event.message.id, event.message.text = event.id, settings["greeting"] + ": " + request.text
        plugin.host("Host", "Receive", pb.ReceiveRequest(account=request.account, events=[event]), pb.ReceiveResponse)
        return pb.SendResponse(external_ids=[request.outbox_id], accepted=pb.Accepted())


def about(number, user):
    """An event of a user."""
    return pb.Event(
        id=number, thread=pb.Thread(id=user, kind="user"),
        sender=pb.Sender(identities=[pb.Identity(kind="echo-user", value=user, scoped=True)]))


def read_settings(account):
    """Checks the settings. The error names the setting and never shows its value."""
    wrong = grpc.StatusCode.INVALID_ARGUMENT
    if not account.id:
        raise Status(wrong, "the account has no id")
    try:
        values = dict(json.loads(account.settings_json or b"{}"))
    except (ValueError, TypeError):
        raise Status(wrong, "the settings are not a JSON object")
    settings = {}
    for setting in MANIFEST.settings:
        value = values.get(setting.key, setting.default)
        if not isinstance(value, str):
            raise Status(wrong, "setting %s must be a text" % setting.key)
        if setting.required and not value:
            raise Status(wrong, "setting %s is required" % setting.key)
        settings[setting.key] = value
    return settings


if __name__ == "__main__":
    echo = Echo()
    plugin.serve(echo, Webhook=echo)
