package sdktest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// lineLimit is how long a line of the log may be.
const lineLimit = 64 << 10

// busyDay starts the plugin, does with it what goes well and what does not, and ends it. It returns what it wrote, and the
// texts of its errors and reasons.
func (s *suite) busyDay(t T) (run *suite, stdout, stderr, told []string) {
	t.Helper()
	l := s.launch(t, newHost())
	run = s.with(l.Plugin)
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	tell := func(what string, err error) {
		if err != nil {
			told = append(told, what+": "+status.Convert(err).Message())
		}
	}
	run.Open(t, "a", run.settings)
	for _, setting := range run.Manifest.GetSettings() {
		wrong := maps.Clone(run.settings)
		wrong[setting.GetKey()] = map[string]any{"not": "a value"}
		_, err := run.Channel.Open(ctx, &channelv1.OpenRequest{Account: run.Account(t, "wrong", wrong)})
		tell("Open", err)
	}
	if run.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
		for _, given := range []map[string]*channelv1.HTTPRequest{s.genuine, s.unknown, s.forged, {"nonsense": request("a", "POST", "callback", []byte("{"))}} {
			for _, name := range inOrder(given) {
				for _, r := range []*channelv1.HTTPRequest{run.signed(given[name]), proto.CloneOf(given[name])} {
					r.Account = "a"
					response, err := run.Webhook.HandleHTTP(ctx, r)
					tell("HandleHTTP", err)
					told = append(told, "HandleHTTP: "+string(response.GetBody()))
				}
			}
		}
	}
	for _, name := range inOrder(s.outcome) {
		settings := maps.Clone(run.settings)
		maps.Copy(settings, s.outcome[name].Settings)
		run.Open(t, "a", settings)
		send := proto.CloneOf(s.outcome[name].Send)
		send.Account, send.OutboxId = "a", "00000000-0000-4000-8000-000000000001"
		r, err := run.Channel.Send(ctx, send)
		tell("Send", err)
		told = append(told, "Send: "+r.String())
	}
	_, err := run.Channel.Close(ctx, &channelv1.CloseRequest{Account: "a"})
	tell("Close", err)
	_, err = run.Channel.Drain(ctx, &channelv1.DrainRequest{})
	tell("Drain", err)
	l.End()
	return run, l.process.stdout.all(), l.process.stderr.all(), told
}

// logFormat reads what the plugin wrote on a busy day.
func (s *suite) logFormat(t T) {
	_, stdout, stderr, _ := s.busyDay(t)
	for _, line := range stdout[min(1, len(stdout)):] {
		t.Errorf("it wrote to standard output after the handshake: %.200q", line)
	}
	for _, line := range stderr {
		if why := badLine(line); why != "" {
			t.Errorf("a line on standard error %s: %.200q", why, line)
		}
	}
}

// badLine says what is wrong with a line of the log.
func badLine(line string) string {
	if len(line) > lineLimit {
		return fmt.Sprintf("has %d bytes; the host cuts at 64 KiB", len(line))
	}
	if !utf8.ValidString(line) {
		return "is not UTF-8"
	}
	var fields map[string]any
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &fields) != nil {
		return "" // plain text
	}
	for _, key := range []string{"@message", "@level", "@timestamp"} {
		text, isText := fields[key].(string)
		if !isText {
			return "is JSON without a text " + key + ": the host shows it as it is, without its level"
		}
		switch key {
		case "@level":
			if !strings.Contains(" trace debug info warn warning error fatal ", " "+strings.ToLower(text)+" ") {
				return "has the @level " + text + "; there are trace, debug, info, warn, error"
			}
		case "@timestamp":
			if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
				return "has a @timestamp that is not RFC 3339"
			}
		}
	}
	return ""
}

// secretsKept looks for the account's secrets in all that the plugin wrote and said.
func (s *suite) secretsKept(t T) {
	run, stdout, stderr, told := s.busyDay(t)
	secrets := map[string]string{} // by key
	for _, setting := range run.Manifest.GetSettings() {
		if text, ok := run.settings[setting.GetKey()].(string); ok && setting.GetSecret() && len(text) >= 6 {
			secrets[setting.GetKey()] = text
		}
	}
	if len(secrets) == 0 {
		t.Skip("the plugin has no secret settings, or none of at least 6 characters was given")
	}
	for _, key := range inOrder(secrets) {
		secret := secrets[key]
		forms := map[string]string{secret: "", url.QueryEscape(secret): ", escaped", base64.StdEncoding.EncodeToString([]byte(secret)): ", in base64"}
		forms[secret] = ""
		for text, form := range forms {
			for where, lines := range map[string][]string{"standard output": stdout[min(1, len(stdout)):], "standard error": stderr, "an answer": told} {
				for _, line := range lines {
					if strings.Contains(line, text) {
						t.Errorf("the secret %s is in %s%s: %.200q", key, where, form, strings.ReplaceAll(line, text, "•••"))
						break
					}
				}
			}
		}
	}
}
