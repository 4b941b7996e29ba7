package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// incoming is a request as ServeWebhook gets it.
func incoming(t *testing.T, address, path string, body []byte, headers ...string) *http.Request {
	t.Helper()
	m := &channelv1.HTTPRequest{Method: "POST", Url: address, Path: path, Body: body}
	for i := 0; i < len(headers); i += 2 {
		m.Headers = append(m.Headers, &channelv1.Header{Name: headers[i], Value: headers[i+1]})
	}
	r, err := requestIn(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func vectors(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// answer is the status with which an error is refused.
func answer(err error) int {
	w := httptest.NewRecorder()
	Refuse(w, err)
	return w.Code
}

type signatures struct {
	Body []struct{ Name, Algorithm, Encoding, Prefix, Secret, Content, Signature string }
	URL  []struct {
		Name, Secret, URL, Body, Signature string
		Form                               map[string]string
	}
}

func TestHashOverTheBody(t *testing.T) {
	var v signatures
	vectors(t, "signatures.json", &v)
	for _, c := range v.Body {
		declared := &Verification{Algorithm: c.Algorithm, Header: "X-Sum", Encoding: c.Encoding, Prefix: c.Prefix}
		try := func(signature, content string, secrets ...string) error {
			body, err := declared.Verify(incoming(t, "https://desk.example.com/channels/a/in", "in", []byte(content), "x-sum", signature), secrets...)
			if err == nil && string(body) != content {
				t.Errorf("%s: the body came back as %q", c.Name, body)
			}
			return err
		}
		if err := try(c.Signature, c.Content, c.Secret); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		if err := try(c.Signature, c.Content, "new", c.Secret); err != nil {
			t.Errorf("%s, with the former secret: %v", c.Name, err)
		}
		for what, err := range map[string]error{
			"another secret":   try(c.Signature, c.Content, "another"),
			"no secret":        try(c.Signature, c.Content, "", ""),
			"another body":     try(c.Signature, c.Content+" ", c.Secret),
			"no signature":     try("", c.Content, c.Secret),
			"a part of it":     try(c.Signature[:len(c.Signature)-4], c.Content, c.Secret),
			"only its prefix":  try(c.Prefix+"", c.Content, c.Secret),
			"no encoding":      try(c.Prefix+"!!", c.Content, c.Secret),
			"a wrong encoding": try(c.Signature+"=", c.Content, c.Secret),
		} {
			if answer(err) != http.StatusUnauthorized {
				t.Errorf("%s: %s was answered %d", c.Name, what, answer(err))
			}
		}
	}
	empty := &Verification{Algorithm: "hmac-sha1", Encoding: "hex", Header: "X-Sum"}
	if err := empty.VerifyBytes("fbdb1d1b18aa6c08324b7d64b71fb76370690e1d", nil, ""); answer(err) != http.StatusUnauthorized {
		t.Errorf("the hash of nothing with no secret: %v", err)
	}
	for _, unknown := range []*Verification{{Algorithm: "md5", Encoding: "hex"}, {Algorithm: "hmac-sha1", Encoding: "rot13"}} {
		if err := unknown.VerifyBytes("00", nil, "x"); err == nil || answer(err) != http.StatusServiceUnavailable {
			t.Errorf("%v: %v", unknown, err)
		}
	}
}

func TestHashOverURLAndForm(t *testing.T) {
	var v signatures
	vectors(t, "signatures.json", &v)
	signature := URLSignature{Header: "X-Twilio-Signature"}
	for _, c := range v.URL {
		body, kind := c.Body, "application/json"
		if c.Form != nil {
			form := url.Values{}
			for name, value := range c.Form {
				form.Set(name, value)
			}
			body, kind = form.Encode(), "application/x-www-form-urlencoded; charset=utf-8"
		}
		try := func(address, body, kind string, secrets ...string) error {
			r := incoming(t, address, "in", []byte(body), "X-Twilio-Signature", c.Signature, "Content-Type", kind)
			_, err := signature.Verify(r, secrets...)
			if err == nil && c.Form["From"] != "" && r.FormValue("From") != c.Form["From"] {
				t.Errorf("%s: the form reads %v", c.Name, r.Form)
			}
			return err
		}
		for what, err := range map[string]error{
			"as it is":               try(c.URL, body, kind, c.Secret),
			"with the former secret": try(c.URL, body, kind, "new", c.Secret),
			"with the port":          try(strings.Replace(c.URL, ".com/", ".com:443/", 1), body, kind, c.Secret),
			"with a fragment":        try(c.URL+"#rc=3", body, kind, c.Secret),
		} {
			if err != nil {
				t.Errorf("%s %s: %v", c.Name, what, err)
			}
		}
		for what, err := range map[string]error{
			"another secret":       try(c.URL, body, kind, "another"),
			"no secret":            try(c.URL, body, kind),
			"another path":         try(strings.Replace(c.URL, ".com/", ".com/x", 1), body, kind, c.Secret),
			"another port":         try(strings.Replace(c.URL, ".com/", ".com:8443/", 1), body, kind, c.Secret),
			"another query":        try(c.URL+"&more=1", body, kind, c.Secret),
			"another body":         try(c.URL, body+"&More=1", kind, c.Secret),
			"another kind":         try(c.URL, body, "text/plain", c.Secret),
			"no parameters at all": try(c.URL, "", kind, c.Secret),
		} {
			if what == "another kind" && c.Form == nil {
				continue // its hash is in the address
			}
			if answer(err) != http.StatusUnauthorized {
				t.Errorf("%s: %s was answered %d", c.Name, what, answer(err))
			}
		}
	}
	if got := sortedForm(url.Values{"b": {"2", "1", "2"}, "B": {"3"}, "a": {""}}); got != "B3ab1b2" {
		t.Errorf("repeated names are signed as %q", got)
	}
}

func TestSharedSecret(t *testing.T) {
	r := incoming(t, "https://desk.example.com/channels/a/in/s%2Fcret?k=s%2Fcret", "in/s%2Fcret", nil,
		"X-Telegram-Bot-Api-Secret-Token", "s/cret", "Authorization", "bearer s/cret")
	for what, place := range map[string]SharedSecret{
		"header": SecretInHeader("X-Telegram-Bot-Api-Secret-Token"), "bearer": SecretInBearer(), "query": SecretInQuery("k"), "path": SecretInPath(1),
	} {
		if err := place.Verify(r, "s/cret"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if err := place.Verify(r, "new", "s/cret"); err != nil {
			t.Errorf("%s, with the former secret: %v", what, err)
		}
		for _, secrets := range [][]string{nil, {""}, {"", "s/cre"}, {"S/CRET"}, {"s/cret "}} {
			if err := place.Verify(r, secrets...); answer(err) != http.StatusUnauthorized {
				t.Errorf("%s: with %q set: %v", what, secrets, err)
			}
		}
	}
	for what, place := range map[string]SharedSecret{"header": SecretInHeader("X"), "query": SecretInQuery("x"), "path": SecretInPath(2)} {
		if err := place.Verify(r, "", "s/cret"); answer(err) != http.StatusUnauthorized {
			t.Errorf("%s without one: %v", what, err)
		}
	}
	basic := incoming(t, "https://desk.example.com/channels/a/in", "in", nil, "Authorization", "Basic s/cret")
	if err := SecretInBearer().Verify(basic, "s/cret"); answer(err) != http.StatusUnauthorized {
		t.Errorf("of another kind: %v", err)
	}
}

// keys is a host that publishes a key set.
type keys struct {
	Host
	document []byte
	err      error
}

func (k keys) Keys(context.Context, string, string) ([]byte, error) { return k.document, k.err }

type tokenVectors struct {
	Now       int64 `json:"now_unix"`
	EventGrid struct {
		Tenant    string
		Audiences []string
		Caller    string `json:"caller_app_id"`
		Role      string
		Issuers   []string
	} `json:"eventgrid_config"`
	Bot struct {
		Issuer, Audience string
		ServiceURL       string `json:"activity_service_url"`
	} `json:"botframework_config"`
	EventGridKeys json.RawMessage `json:"jwks_eventgrid"`
	BotKeys       json.RawMessage `json:"jwks_botframework"`
	Vectors       []struct{ Name, Profile, Expect, Token string }
}

// judge looks at what a provider's tokens must say beside what every token must.
func (v *tokenVectors) judge(profile string, token *Token) error {
	if profile == "eventgrid" {
		caller := token.Text("azp") + token.Text("appid")
		roles, _ := token.Claims["roles"].([]any)
		if caller != v.EventGrid.Caller || len(roles) != 1 || roles[0] != v.EventGrid.Role || token.Text("tid") != v.EventGrid.Tenant {
			return &Forbidden{Reason: "the token is of another caller"}
		}
		return nil
	}
	if token.Text("serviceurl") != v.Bot.ServiceURL {
		return &Forbidden{Reason: "the token is for another address"}
	}
	return nil
}

func TestBearerTokens(t *testing.T) {
	var v tokenVectors
	vectors(t, "jwt.json", &v)
	now := time.Unix(v.Now, 0)
	grid := &BearerToken{Host: keys{document: v.EventGridKeys}, Issuers: v.EventGrid.Issuers, Audiences: v.EventGrid.Audiences, Clock: func() time.Time { return now }}
	bot := &BearerToken{Host: keys{document: v.BotKeys}, Issuers: []string{v.Bot.Issuer}, Audiences: []string{v.Bot.Audience}, Clock: func() time.Time { return now }}
	if len(v.Vectors) != 19 {
		t.Fatalf("%d vectors", len(v.Vectors))
	}
	for _, c := range v.Vectors {
		verifier := bot
		if c.Profile == "eventgrid" {
			verifier = grid
		}
		token, err := verifier.Verify(incoming(t, "https://desk.example.com/channels/a/in", "in", nil, "Authorization", "Bearer "+c.Token))
		if err == nil {
			err = v.judge(c.Profile, token)
		}
		want := map[string]int{
			"eg_expired": 401, "bf_skew_6min": 401, "any_alg_none": 401, "any_hs256_with_public_key": 401, "any_tampered": 401, "any_unknown_kid": 503,
		}[c.Name]
		switch {
		case c.Expect == "accept":
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
			if c.Profile != "eventgrid" && !strings.Contains(string(token.Key), "endorsements") {
				t.Errorf("%s: the key came as %s", c.Name, token.Key)
			}
			continue
		case err == nil:
			t.Errorf("%s was taken", c.Name)
			continue
		case want == 0:
			want = 403
		}
		if answer(err) != want {
			t.Errorf("%s was answered %d, want %d: %v", c.Name, answer(err), want, err)
		}
	}
	good := v.Vectors[8]
	if good.Name != "bf_ok" {
		t.Fatal(good.Name)
	}
	// It is the time when the host received the request that counts.
	r := incoming(t, "https://desk.example.com/channels/a/in", "in", nil, "Authorization", "Bearer "+good.Token)
	late := *bot
	late.Clock = func() time.Time { return now.Add(24 * time.Hour) }
	if _, err := late.Verify(r); answer(err) != http.StatusUnauthorized {
		t.Errorf("a day later: %v", err)
	}
	kept, err := requestIn(t.Context(), &channelv1.HTTPRequest{
		Method: "POST", Url: "https://desk.example.com/channels/a/in", ReceivedAt: timestamppb.New(now),
		Headers: []*channelv1.Header{{Name: "Authorization", Value: "Bearer " + good.Token}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := late.Verify(kept); err != nil {
		t.Errorf("received a day ago: %v", err)
	}
	// What nobody can know is to be asked again, and is no proof of a forgery.
	for what, host := range map[string]Host{
		"no host": nil, "no keys": keys{err: errors.New("reset")}, "no key set": keys{document: []byte("<html>")}, "an empty one": keys{document: []byte(`{"keys":[]}`)},
		"keys of another kind": keys{document: []byte(`{"keys":[{"kty":"EC","kid":"test-key-1"},{"kty":"RSA","kid":"test-key-1","use":"enc"},{"kty":"RSA","kid":"test-key-1","n":"!"}, 7]}`)},
	} {
		unsure := *bot
		unsure.Host = host
		if _, err := unsure.Verify(r); !errors.Is(err, ErrKeysUnavailable) || answer(err) != http.StatusServiceUnavailable {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, header := range []string{"", "Bearer", "Basic " + good.Token, "Bearer x.y", "Bearer " + strings.Repeat(".", 1000)} {
		if _, err := bot.Verify(incoming(t, "https://desk.example.com/channels/a/in", "in", nil, "Authorization", header)); answer(err) != http.StatusUnauthorized {
			t.Errorf("%.20q: %v", header, err)
		}
	}
}

func TestBodyThatCannotBeRead(t *testing.T) {
	r := incoming(t, "https://desk.example.com/channels/a/in", "in", nil, "X-Sum", "00")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("a"), failing{}))
	_, err := (&Verification{Algorithm: "hmac-sha1", Encoding: "hex", Header: "X-Sum"}).Verify(r, "x")
	if answer(err) != http.StatusServiceUnavailable {
		t.Errorf("%v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func FuzzVerifiers(f *testing.F) {
	f.Add("https://a.example/x?bodySHA256=00", "Bearer a.b.c", "sha1=00", "a=b")
	f.Fuzz(func(t *testing.T, address, authorization, signature, body string) {
		r, err := requestIn(t.Context(), &channelv1.HTTPRequest{Method: "POST", Url: address, Path: address, Body: []byte(body), Headers: []*channelv1.Header{
			{Name: "Authorization", Value: authorization}, {Name: "X-Sum", Value: signature}, {Name: "Content-Type", Value: "application/x-www-form-urlencoded"},
		}})
		if err != nil {
			return
		}
		_, hash := (&Verification{Algorithm: "hmac-sha512", Encoding: "base64", Prefix: "sha1=", Header: "X-Sum"}).Verify(r, "a secret that nobody guesses")
		_, form := URLSignature{Header: "X-Sum"}.Verify(r, "a secret that nobody guesses")
		_, token := (&BearerToken{Host: keys{document: []byte(body)}}).Verify(r)
		if hash == nil || form == nil || token == nil || SecretInPath(1).Verify(r, "a secret that nobody guesses") == nil {
			t.Error("nonsense was taken")
		}
	})
}
