package sdktest

import (
	"context"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// samples makes a value for each setting that fits its kind.
func samples(settings []*channelv1.Setting) map[string]any {
	values := map[string]any{}
	for _, s := range settings {
		if s.GetDefault() != "" || s.GetTestOnly() || s.GetShowIf() != "" && !s.GetRequired() {
			continue
		}
		switch s.GetKind() {
		case "int":
			values[s.GetKey()] = 1
		case "bool":
			values[s.GetKey()] = false
		case "duration":
			values[s.GetKey()] = "1m"
		case "url":
			values[s.GetKey()] = "https://sample.invalid"
		case "email":
			values[s.GetKey()] = "sample@example.com"
		case "select":
			values[s.GetKey()] = slices.Concat(s.GetOptions(), []string{""})[0]
		case "list":
			values[s.GetKey()] = []string{"sample"}
		default:
			values[s.GetKey()] = "sample-of-" + s.GetKey()
		}
	}
	return values
}

func (s *suite) serves(service string) bool {
	return slices.Contains(s.Manifest.GetServices(), service)
}

var (
	idForm   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	keyForm  = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	kinds    = []string{"string", "text", "secret", "int", "bool", "duration", "url", "email", "select", "list", "file"}
	optional = []string{
		channelv1.Webhook_ServiceDesc.ServiceName, channelv1.Media_ServiceDesc.ServiceName, channelv1.Profiles_ServiceDesc.ServiceName,
		channelv1.Signals_ServiceDesc.ServiceName, channelv1.Live_ServiceDesc.ServiceName, channelv1.Reconciler_ServiceDesc.ServiceName,
		channelv1.Pull_ServiceDesc.ServiceName, channelv1.Registration_ServiceDesc.ServiceName, channelv1.Templates_ServiceDesc.ServiceName,
	}
)

func (s *suite) manifest(t T) {
	m := s.Manifest
	if !idForm.MatchString(m.GetId()) {
		t.Errorf("the id %q is not kebab-case: it is what TOML names as plugin", m.GetId())
	}
	if m.GetName() == "" || m.GetVersion() == "" {
		t.Errorf("the name %q or the version %q is missing", m.GetName(), m.GetVersion())
	}
	s.soundSettings(t, "setting", m.GetSettings())
	s.soundSettings(t, "address", m.GetAddress())
	paths := map[string]bool{}
	for _, callback := range m.GetCallbacks() {
		path := callback.GetPath()
		if _, err := url.PathUnescape(path); err != nil || strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?# ") {
			t.Errorf("the callback path %q is to be one below the account, without a slash before it and without a query", path)
		}
		if paths[path] {
			t.Errorf("the callback path %q is there twice", path)
		}
		paths[path] = true
	}
	for _, service := range m.GetServices() {
		if !slices.Contains(optional, service) {
			t.Errorf("there is no service %q: the names are those of channel.proto, with its package", service)
		}
	}
	if len(m.GetCallbacks()) > 0 && !s.serves(optional[0]) {
		t.Errorf("callbacks need the service %s, and the manifest does not name it", optional[0])
	}
	s.soundTranslations(t)
	s.servedAsNamed(t)
	again, err := s.Channel.Describe(t.Context(), &channelv1.DescribeRequest{})
	if err != nil || !proto.Equal(m, again) {
		t.Errorf("the manifest is another when asked again: %v", err)
	}
	s.soundVerification(t)
	s.soundCapabilities(t)
}

func (s *suite) soundSettings(t T, what string, settings []*channelv1.Setting) {
	keys := map[string]*channelv1.Setting{}
	for _, setting := range settings {
		key := setting.GetKey()
		if keys[key] != nil {
			t.Errorf("%s %q is there twice", what, key)
		}
		keys[key] = setting
	}
	for _, setting := range settings {
		key, kind := setting.GetKey(), setting.GetKind()
		if !keyForm.MatchString(key) {
			t.Errorf("%s %q: a key is lower case letters, digits and underscores", what, key)
		}
		if setting.GetTitle() == "" {
			t.Errorf("%s %s has no title", what, key)
		}
		if !slices.Contains(kinds, kind) {
			t.Errorf("%s %s has the kind %q; the kinds are %s", what, key, kind, strings.Join(kinds, ", "))
		}
		if kind == "secret" != setting.GetSecret() {
			t.Errorf("%s %s: a secret is marked as such, and nothing else", what, key)
		}
		pattern, err := regexp.Compile("^(?:" + setting.GetPattern() + ")$")
		if err != nil {
			t.Errorf("%s %s: the pattern is no RE2: %v", what, key, err)
		}
		options := setting.GetOptions()
		if kind == "select" != (len(options) > 0) || len(slices.Compact(slices.Sorted(slices.Values(options)))) != len(options) {
			t.Errorf("%s %s: a select has options, each once, and only a select has: %q", what, key, options)
		}
		if def := setting.GetDefault(); def != "" {
			if why := misfit(setting, pattern, def); why != "" {
				t.Errorf("%s %s: the default %q %s", what, key, def, why)
			}
		}
		if on, value, found := strings.Cut(setting.GetShowIf(), "="); setting.GetShowIf() != "" {
			other := keys[on]
			if !found || other == nil || on == key || len(other.GetOptions()) > 0 && !slices.Contains(other.GetOptions(), value) {
				t.Errorf("%s %s: show_if %q is to be key=value with another setting's key and a value of it", what, key, setting.GetShowIf())
			}
		}
	}
}

// misfit says why a default is none of its setting.
func misfit(s *channelv1.Setting, pattern *regexp.Regexp, def string) string {
	var err error
	switch s.GetKind() {
	case "int":
		_, err = strconv.Atoi(def)
	case "bool":
		_, err = strconv.ParseBool(def)
	case "duration":
		days, isDays := strings.CutSuffix(def, "d")
		if _, err = strconv.Atoi(days); !isDays || err != nil {
			_, err = time.ParseDuration(def)
		}
	case "select":
		if !slices.Contains(s.GetOptions(), def) {
			return "is none of the options"
		}
	}
	switch {
	case err != nil:
		return "is no " + s.GetKind()
	case s.GetSecret():
		return "is a secret that everybody knows"
	case s.GetPattern() != "" && pattern != nil && !pattern.MatchString(def):
		return "does not match the pattern"
	}
	return ""
}

// servedAsNamed calls each optional service about an account that is not open: it is NOT_FOUND where it is served, and
// UNIMPLEMENTED where it is not.
func (s *suite) servedAsNamed(t T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const nobody = "never-opened"
	for service, call := range map[string]func() error{
		optional[0]: func() error { _, err := s.Webhook.HandleHTTP(ctx, request(nobody, "GET", "", nil)); return err },
		optional[1]: func() error {
			stream, err := s.Media.FetchMedia(ctx, &channelv1.FetchMediaRequest{Account: nobody, Handle: "x", MaxBytes: 1})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
		optional[2]: func() error {
			_, err := s.Profiles.FetchProfile(ctx, &channelv1.FetchProfileRequest{Account: nobody})
			return err
		},
		optional[3]: func() error {
			_, err := s.Signals.Signal(ctx, &channelv1.SignalRequest{Account: nobody, Kind: &channelv1.SignalRequest_Typing{Typing: &channelv1.Typing{}}})
			return err
		},
		optional[5]: func() error {
			_, err := s.Reconciler.Reconcile(ctx, &channelv1.ReconcileRequest{Send: &channelv1.SendRequest{Account: nobody}})
			return err
		},
	} {
		code := status.Code(call())
		switch named := s.serves(service); {
		case named && code == codes.Unimplemented:
			t.Errorf("the manifest names the service %s, and a call of it is UNIMPLEMENTED", service)
		case named && code != codes.NotFound:
			t.Errorf("%s, called about an account that is not open: %s instead of NOT_FOUND", service, code)
		case !named && code != codes.Unimplemented:
			t.Errorf("the service %s is served (%s), and the manifest does not name it: the host will not call it", service, code)
		}
	}
}

func (s *suite) soundVerification(t T) {
	v := s.Manifest.GetVerification()
	if v == nil {
		return
	}
	if newDigest(v.GetAlgorithm()) == nil {
		t.Errorf("verification: the host does not know the algorithm %q: hmac-sha1, hmac-sha256, hmac-sha512", v.GetAlgorithm())
	}
	if v.GetEncoding() != "hex" && v.GetEncoding() != "base64" {
		t.Errorf("verification: the encoding is hex or base64, not %q", v.GetEncoding())
	}
	if v.GetHeader() == "" || !s.serves(optional[0]) {
		t.Errorf("verification: it needs a header (it is %q) and the service %s", v.GetHeader(), optional[0])
	}
	known := func(key string) bool {
		return slices.ContainsFunc(s.Manifest.GetSettings(), func(s *channelv1.Setting) bool { return s.GetKey() == key && s.GetSecret() })
	}
	if !known(v.GetSecretSetting()) || v.GetPreviousSecretSetting() != "" && !known(v.GetPreviousSecretSetting()) {
		t.Errorf("verification: %q and %q are to be settings of the kind secret", v.GetSecretSetting(), v.GetPreviousSecretSetting())
	}
	if code := v.GetStatus(); code != 0 && (code < 200 || code > 299) {
		t.Errorf("verification: a request that was kept is answered with 2xx, not %d", code)
	}
}

func (s *suite) soundCapabilities(t T) {
	c := s.Manifest.GetCapabilities()
	if limit := c.GetText(); limit.GetMax() > 0 && (limit.GetUnit() < 1 || limit.GetUnit() > channelv1.TextLimit_GRAPHEMES) {
		t.Errorf("the text limit %d has no unit: characters, UTF-16 units, bytes or graphemes", limit.GetMax())
	}
	for _, m := range c.GetMedia() {
		if len(m.GetTypes()) == 0 {
			t.Errorf("a media limit of %d bytes is for no type", m.GetMaxBytes())
		}
		for _, kind := range m.GetTypes() {
			if major, minor, found := strings.Cut(kind, "/"); !found || major == "" || minor == "" {
				t.Errorf("media: %q is no MIME type", kind)
			}
		}
	}
	for _, r := range c.GetRates() {
		if r.GetCalls() == 0 || r.GetPer().AsDuration() <= 0 || r.GetScope() == channelv1.RateLimited_SCOPE_UNSPECIFIED {
			t.Errorf("a rate says for whom, how many calls, and in which time: %v", r)
		}
	}
}

func (s *suite) health(t T) {
	s.healthy(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	watch, err := s.Channel.Watch(ctx, &channelv1.WatchRequest{})
	if err != nil {
		t.Fatalf("Watch: %v", err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatalf("Watch sent nothing at once: %v", err)
	}
	more := make(chan error, 1)
	go func() { _, err := watch.Recv(); more <- err }()
	select {
	case err := <-more:
		t.Errorf("Watch sent more, or ended (%v), while the plugin lives: the host takes its end for the plugin's", err)
	case <-time.After(quiet):
	}
}

func (s *suite) wrongSettings(t T) {
	open := func(what, key string, settings map[string]any, must bool) {
		account := s.Account(t, "wrong", settings)
		_, err := s.Channel.Open(t.Context(), &channelv1.OpenRequest{Account: account})
		switch code := status.Code(err); {
		case code == codes.InvalidArgument && !strings.Contains(status.Convert(err).Message(), key):
			t.Errorf("Open with %s: INVALID_ARGUMENT %q, which does not name %q", what, status.Convert(err).Message(), key)
		case code == codes.InvalidArgument || err == nil && !must:
		case err == nil:
			t.Errorf("Open with %s: the account was opened", what)
		default:
			t.Errorf("Open with %s: %s instead of INVALID_ARGUMENT: %v", what, code, status.Convert(err).Message())
		}
	}
	for _, setting := range s.Manifest.GetSettings() {
		key := setting.GetKey()
		wrong := maps.Clone(s.settings)
		wrong[key] = map[string]any{"not": "a value"}
		open("the setting "+key+" of the wrong type", key, wrong, true)
		if setting.GetRequired() && setting.GetShowIf() == "" && !setting.GetTestOnly() && setting.GetDefault() == "" {
			missing := maps.Clone(s.settings)
			delete(missing, key)
			open("the required setting "+key+" missing", key, missing, true)
		}
	}
	garbage := s.Account(t, "wrong", nil)
	garbage.SettingsJson = []byte("{")
	if _, err := s.Channel.Open(t.Context(), &channelv1.OpenRequest{Account: garbage}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("Open with settings that are no JSON: %s instead of INVALID_ARGUMENT", status.Code(err))
	}
	if len(s.Manifest.GetSettings()) == 0 {
		t.Logf("the plugin has no settings")
	}
}

func (s *suite) accounts(t T) {
	ctx := t.Context()
	s.Open(t, "a", s.settings)
	s.Open(t, "a", s.settings) // replaces
	s.Open(t, "b", s.settings)
	same := s.Account(t, "b", s.settings)
	same.Revision--
	if _, err := s.Channel.Open(ctx, &channelv1.OpenRequest{Account: same}); err != nil {
		t.Errorf("opening with the same revision again: %v", err)
	}
	for _, id := range []string{"a", "a", "never-opened"} {
		if _, err := s.Channel.Close(ctx, &channelv1.CloseRequest{Account: id}); err != nil {
			t.Errorf("close %s: %v", id, err)
		}
	}
	s.unknownAccount(t, "a", "that was closed")
	s.Open(t, "a", s.settings)
	s.unknownAccount(t, "unknown", "that was never opened")
}

func (s *suite) unknownAccount(t T, id, which string) {
	_, err := s.Channel.Send(t.Context(), &channelv1.SendRequest{Account: id, OutboxId: "1", Text: "hello"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("Send for an account %s: %s instead of NOT_FOUND", which, status.Code(err))
	}
	if s.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
		_, err = s.Webhook.HandleHTTP(t.Context(), request(id, "POST", "callback", nil))
		if status.Code(err) != codes.NotFound {
			t.Errorf("HandleHTTP for an account %s: %s instead of NOT_FOUND", which, status.Code(err))
		}
	}
}
