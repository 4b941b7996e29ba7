"""GUICHET=https://HOST/channels/ACCOUNT TOKEN=… SECRET=… PORT=… client.py WORDS: says them, and prints what is answered."""
import base64, hashlib, hmac, http.server, json, os, sys, time, urllib.request, uuid

def say(customer, text):
    """Posts a message. On any trouble send it again as it is: the same id counts once."""
    body = json.dumps({"id": str(uuid.uuid4()), "customer": {"id": customer}, "text": text}).encode()
    headers = {"Authorization": "Bearer " + os.environ["TOKEN"], "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(os.environ["GUICHET"] + "/messages", body, headers)) as answer:
        return json.load(answer)

class Hook(http.server.BaseHTTPRequestHandler):
    seen = set()  # in earnest a table: a delivery may come again, with the same id

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        id, at = self.headers["Webhook-Id"], self.headers["Webhook-Timestamp"]
        mac = hmac.new(os.environ["SECRET"].encode(), f"{id}.{at}.".encode() + body, hashlib.sha256)
        want = "v1," + base64.b64encode(mac.digest()).decode()
        genuine = any(hmac.compare_digest(want, given) for given in self.headers["Webhook-Signature"].split())
        genuine = genuine and abs(time.time() - int(at)) < 300
        event = json.loads(body)
        if genuine and event["type"] == "message" and id not in self.seen:
            print(event["customer"]["id"], "is told:", event["message"]["text"], flush=True)
            self.seen.add(id)
        self.send_response(204 if genuine else 401)
        self.end_headers()

if __name__ == "__main__":
    server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Hook)
    print("posted", say("ada", " ".join(sys.argv[1:]))["id"], flush=True)
    server.serve_forever()
