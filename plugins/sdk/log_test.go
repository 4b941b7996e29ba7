package sdk

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestLogIsReadableAndScrubbed(t *testing.T) {
	var out bytes.Buffer
	s := newScrubber()
	s.set("shop", []string{"s3cret/token+1", "tiny"})
	s.set("other", []string{"s3cret/token+1-longer"})
	log := newLogger(&out, slog.LevelInfo, s).With("account", "shop")
	log.Debug("not written")
	log.Warn("calling s3cret/token+1 tiny", "url", "https://x/?t=s3cret%2Ftoken%2B1", "error", fmt.Errorf("get: %w", errors.New("s3cret/token+1-longer")),
		slog.Group("g", "path", "/bots3cret%2Ftoken+1/send"))
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Fatalf("%d lines:\n%s", n, out.String())
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["@level"] != "warn" || line["@message"] != "calling ••• tiny" || line["account"] != "shop" ||
		line["error"] != "get: •••" || line["url"] != "https://x/?t=•••" {
		t.Errorf("%v", line)
	}
	// The form that go-plugin's host reads.
	if _, err := time.Parse("2006-01-02T15:04:05.000000Z07:00", line["@timestamp"].(string)); err != nil {
		t.Error(err)
	}
	if strings.Contains(out.String(), "s3cret") {
		t.Errorf("a secret is in %s", out.String())
	}
	s.set("shop", nil)
	if got := s.scrub("s3cret/token+1"); got != "s3cret/token+1" {
		t.Errorf("the secret of a closed account is still masked: %s", got)
	}
}

// one is a value that says itself what is to be logged of it.
type one struct{ secret string }

func (o one) LogValue() slog.Value {
	return slog.GroupValue(slog.String("inner", o.secret), slog.Any("err", errors.New(o.secret)))
}

func TestSecretsAreScrubbedWhereverTheyAreWritten(t *testing.T) {
	secret := "12:a/b c\"<d>\\é=ü"
	parse := func(address string) *url.URL {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	_, failed := http.NewRequest("GET", "http://a.example/bot"+secret+"\x7f/getMe", nil)
	inJSON, err := json.Marshal(map[string]string{"token": secret})
	if err != nil {
		t.Fatal(err)
	}
	for what, log := range map[string]func(*slog.Logger){
		"message": func(l *slog.Logger) { l.Info("with " + secret) },
		"text":    func(l *slog.Logger) { l.Info("", "a", "x"+secret+"x") },
		"key":     func(l *slog.Logger) { l.Info("", "x"+secret, 1) },
		"path": func(l *slog.Logger) {
			l.Info("", "a", &url.URL{Scheme: "https", Host: "a.example", Path: "/bot" + secret + "/x"})
		},
		"escaped path": func(l *slog.Logger) { l.Info("", "a", parse("https://a.example/"+url.PathEscape(secret))) },
		"query":        func(l *slog.Logger) { l.Info("", "a", "https://a.example/?t="+url.QueryEscape(secret)) },
		"lower case": func(l *slog.Logger) {
			l.Info("", "a", "?t="+escapes.ReplaceAllStringFunc(url.QueryEscape(secret), strings.ToLower))
		},
		"password": func(l *slog.Logger) {
			l.Info("", "a", &url.URL{Scheme: "https", User: url.UserPassword("me", secret), Host: "a.example"})
		},
		"failed address": func(l *slog.Logger) { l.Info("", "a", failed) },
		"wrapped error": func(l *slog.Logger) {
			l.Info("", "a", fmt.Errorf("get: %w", errors.Join(errors.New("x"), &Retryable{Reason: secret})))
		},
		"quoted":          func(l *slog.Logger) { l.Info(fmt.Sprintf("got %q", secret)) },
		"JSON":            func(l *slog.Logger) { l.Info("", "a", string(inJSON)) },
		"raw JSON":        func(l *slog.Logger) { l.Info("", "a", json.RawMessage(inJSON)) },
		"bytes":           func(l *slog.Logger) { l.Info("", "a", []byte(secret)) },
		"header":          func(l *slog.Logger) { l.Info("", "a", http.Header{"Authorization": {"Bearer " + secret}}) },
		"struct":          func(l *slog.Logger) { l.Info("", "a", struct{ Token string }{secret}) },
		"base64":          func(l *slog.Logger) { l.Info("", "a", base64.StdEncoding.EncodeToString([]byte(secret))) },
		"group":           func(l *slog.Logger) { l.Info("", slog.Group("g", slog.Group("h", "a", errors.New(secret)))) },
		"logger's group":  func(l *slog.Logger) { l.WithGroup("g").WithGroup("h").With("b", secret).Info("", "a", secret) },
		"value of itself": func(l *slog.Logger) { l.Info("", "a", one{secret}) },
		"known keys":      func(l *slog.Logger) { l.Info("", "level", secret, "time", secret, "msg", secret) },
	} {
		var out bytes.Buffer
		s := newScrubber()
		s.set("shop", []string{secret})
		log(newLogger(&out, slog.LevelInfo, s))
		if strings.Contains(out.String(), "12:a") || strings.Contains(out.String(), "12%3") || !strings.Contains(out.String(), masked) {
			t.Errorf("%s: %s", what, out.String())
		}
	}
}

func TestSecretsInsideSecretsAreScrubbed(t *testing.T) {
	s := newScrubber()
	s.set("azure", []string{"endpoint=https://contoso.example/;accesskey=AAECAwQFBgcICQ=="})
	s.set("google", []string{`{"type":"service_account","project_id":"my-shop","private_key":"-----BEGIN-----\nabcdef\n"}`})
	got := s.scrub("signed with AAECAwQFBgcICQ== for https://contoso.example/ of my-shop, -----BEGIN-----\nabcdef\n")
	if got != "signed with "+masked+" for https://contoso.example/ of my-shop, "+masked {
		t.Errorf("left %q", got)
	}
}
