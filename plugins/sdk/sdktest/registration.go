package sdktest

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Registry is a fake of the provider that a plugin which registers its address is put to the proof with.
type Registry struct {
	// Settings lead an account to the fake; they go over those of the suite.
	Settings map[string]any
	// Address is the callback address that the fake has registered, "" where there is none. There is none at first.
	Address func() string
}

// Registers names the fake provider of a plugin that registers its address.
func Registers(registry Registry) Option { return func(s *suite) { s.register = &registry } }

// Catalogue names settings of an account whose templates can be listed from a fake provider, which has at least one.
func Catalogue(settings map[string]any) Option {
	return func(s *suite) { s.listed = maps.Clone(settings) }
}

// registration registers an address, repeatedly, and takes it back. To check changes nothing, however often.
func (s *suite) registration(t T) {
	if !s.serves(channelv1.Registration_ServiceDesc.ServiceName) {
		t.Skip("the plugin registers nothing")
	}
	if s.register == nil {
		t.Skip("no fake of the provider was given to register at: name one (sdktest.Registers; in the fixtures: \"registration\")")
	}
	ctx := t.Context()
	if _, err := s.Registration.Register(ctx, &channelv1.RegisterRequest{Account: "unknown"}); status.Code(err) != codes.NotFound {
		t.Errorf("registering an account that is not open: %v", err)
	}
	settings := maps.Clone(s.settings)
	maps.Copy(settings, s.register.Settings)
	s.Open(t, "a", settings)
	if at := s.register.Address(); at != "" {
		t.Fatalf("opening an account registered %s: that is for Register to do", at)
	}
	check := func(when string, register bool) {
		t.Helper()
		for range 2 {
			before := s.register.Address()
			r, err := s.Registration.CheckSubscription(ctx, &channelv1.CheckSubscriptionRequest{Account: "a"})
			if err != nil {
				t.Fatalf("%s, check: %v", when, err)
			}
			if r.GetRegister() != register {
				t.Errorf("%s the check says that Register would help: %t; its checks: %v", when, r.GetRegister(), r.GetChecks())
			}
			if len(r.GetChecks()) == 0 {
				t.Errorf("%s the check names nothing that it looked at", when)
			}
			for _, c := range r.GetChecks() {
				s.soundCheck(t, c)
			}
			if after := s.register.Address(); after != before {
				t.Errorf("%s the check changed the registered address from %q to %q", when, before, after)
			}
		}
	}
	check("at first", true)
	for range 2 { // repeated without harm
		if _, err := s.Registration.Register(ctx, &channelv1.RegisterRequest{Account: "a"}); err != nil {
			t.Fatalf("register: %v", err)
		}
		if at := s.register.Address(); !strings.HasPrefix(at, "https://desk.example.com/channels/a/") {
			t.Errorf("the provider has %q registered; the account's address is https://desk.example.com/channels/a", at)
		}
	}
	check("when it is registered", false)
	for range 2 {
		if _, err := s.Registration.Unregister(ctx, &channelv1.UnregisterRequest{Account: "a"}); err != nil {
			t.Fatalf("unregister: %v", err)
		}
		if at := s.register.Address(); at != "" {
			t.Errorf("the provider still has %q registered", at)
		}
	}
	check("when it is registered no more", true)
}

func (s *suite) soundCheck(t T, c *channelv1.Check) {
	t.Helper()
	if c.GetName() == "" || c.GetTitle() == "" || c.GetState() == channelv1.Check_STATE_UNSPECIFIED {
		t.Errorf("a check has a name, a title and a state: %v", c)
	}
	known := func(setting *channelv1.Setting) bool { return setting.GetKey() == c.GetField() }
	if c.GetField() != "" && !slices.ContainsFunc(s.Manifest.GetSettings(), known) {
		t.Errorf("check %s is about %q, which is no setting", c.GetName(), c.GetField())
	}
	for _, text := range []struct {
		name, whole string
		sentences   []*channelv1.Sentence
	}{{"detail", c.GetDetail(), c.GetDetailSentences()}, {"fix", c.GetFix(), c.GetFixSentences()}} {
		if said := channelv1.SaidBy(text.sentences); len(text.sentences) > 0 && said != text.whole {
			t.Errorf("check %s: the sentences of its %s say %q in English, and the %s itself says %q", c.GetName(), text.name, said, text.name, text.whole)
		}
	}
}

var placeholder = regexp.MustCompile(`\{\{([^{}]+)\}\}`)

// templates lists the catalogue, which is the same each time.
func (s *suite) templates(t T) {
	if !s.serves(channelv1.Templates_ServiceDesc.ServiceName) {
		t.Skip("the plugin lists no templates")
	}
	if s.listed == nil {
		t.Skip("no account with templates was given: name its settings (sdktest.Catalogue; in the fixtures: \"templates\")")
	}
	settings := maps.Clone(s.settings)
	maps.Copy(settings, s.listed)
	s.Open(t, "a", settings)
	list := func(account string) (*channelv1.ListTemplatesResponse, error) {
		return s.Templates.ListTemplates(t.Context(), &channelv1.ListTemplatesRequest{Account: account})
	}
	if _, err := list("unknown"); status.Code(err) != codes.NotFound {
		t.Errorf("listing for an account that is not open: %v", err)
	}
	first, err := list("a")
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	if len(first.GetTemplates()) == 0 {
		t.Error("the catalogue is empty")
	}
	if again, err := list("a"); err != nil || !proto.Equal(first, again) {
		t.Errorf("the catalogue is another when asked again: %v", err)
	}
	seen := map[string]bool{}
	for _, m := range first.GetTemplates() {
		key := m.GetName() + " in " + m.GetLanguage()
		if m.GetName() == "" || m.GetStatus() == channelv1.MessageTemplate_STATUS_UNSPECIFIED || seen[key] {
			t.Errorf("a template has a name, a status and one entry for each language: %v", m)
		}
		seen[key] = true
		for _, in := range placeholder.FindAllStringSubmatch(m.GetText(), -1) {
			if !slices.Contains(m.GetPlaceholders(), in[1]) {
				t.Errorf("template %s: its text has {{%s}}, and its placeholders are %q", key, in[1], m.GetPlaceholders())
			}
		}
	}
}
