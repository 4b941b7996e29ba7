package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"slices"

	hclog "github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

var idForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Serve runs the plugin until the host ends it. It is all that a plugin's main does; it does not return before the end,
// and ends the process at once when the plugin's manifest or settings are wrong, or when the host is gone.
//
// SIGTERM and SIGINT are ignored while the host lives: it drains its plugins itself.
//
// A host that gives no certificate (PLUGIN_CLIENT_CERT) is spoken with in clear, over Unix sockets in a directory that is
// private to this user, and only if it runs as this user too.
func Serve[S any](p Plugin[S]) {
	stderr := os.Stderr // go-plugin replaces the variable by a pipe
	served, err := served(p, stderr)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		os.Exit(2)
	}
	var transport []grpc.ServerOption
	if os.Getenv(channelv1.MagicCookieKey) == channelv1.MagicCookieValue {
		served.stderr = stderr
		if os.Getenv(clientCertificate) == "" {
			if served.clear, err = inClear(); err != nil {
				_, _ = fmt.Fprintln(stderr, err)
				os.Exit(2)
			}
			transport = []grpc.ServerOption{grpc.Creds(served.clear)}
		}
		slog.SetDefault(served.log)
		log.SetFlags(0) // slog adds the time
		ignoreSignals()
		watchHost(func(reason string) {
			_, _ = fmt.Fprintln(stderr, "the host is gone ("+reason+"): ending")
			os.Exit(3)
		})
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: channelv1.ProtocolMajor,
			MagicCookieKey:  channelv1.MagicCookieKey, MagicCookieValue: channelv1.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{channelv1.ProtocolMajor: {channelv1.PluginName: served}},
		Logger: hclog.New(&hclog.LoggerOptions{
			Name: "go-plugin", Level: hclog.Warn, Output: stderr, JSONFormat: true,
		}),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(append(options, transport...),
				grpc.MaxRecvMsgSize(channelv1.MaxMessageBytes), grpc.MaxSendMsgSize(channelv1.MaxMessageBytes))...)
		},
	})
}

// Served returns p as go-plugin serves it, for tests and for hosts that want it in process. The manifest and the
// settings are checked.
func Served[S any](p Plugin[S]) (plugin.GRPCPlugin, error) { return served(p, os.Stderr) }

func served[S any](p Plugin[S], stderr io.Writer) (*servedPlugin, error) {
	manifest, err := ManifestOf(p)
	if err != nil {
		return nil, err
	}
	if p.Open == nil {
		return nil, errors.New("sdk: the plugin has no Open")
	}
	scrub := newScrubber()
	s := &servedPlugin{
		manifest: manifest, services: p.Manifest.Services, rates: p.Manifest.Capabilities.Rates, scrubber: scrub,
		log: newLogger(stderr, slog.LevelInfo, scrub), clock: p.Clock,
		open: func(ctx context.Context, account Account, document []byte) (Channel, error) {
			var settings S
			if err := decodeSettings(document, &settings); err != nil {
				return nil, err
			}
			return p.Open(ctx, account, settings)
		},
	}
	if p.Validate != nil {
		s.validate = func(ctx context.Context, account Account, document []byte) ([]Check, error) {
			var settings S
			if err := decodeSettings(document, &settings); err != nil {
				return nil, err
			}
			return p.Validate(ctx, account, settings), nil
		}
	}
	return s, nil
}

// ManifestOf assembles the manifest that the host reads: the author's, the settings schema, the optional services. It
// needs no process, so that first-party schemas can be known without starting any.
func ManifestOf[S any](p Plugin[S]) (*channelv1.Manifest, error) {
	settings, err := settingsOf(reflect.TypeFor[S]())
	if err != nil {
		return nil, err
	}
	address, err := SettingsOf(p.Manifest.Address)
	if err != nil {
		return nil, err
	}
	m := p.Manifest
	switch {
	case !idForm.MatchString(m.ID):
		return nil, fmt.Errorf("sdk: the manifest's ID %q must be kebab-case", m.ID)
	case m.Name == "":
		return nil, errors.New("sdk: the manifest has no Name")
	case m.Version == "":
		return nil, errors.New("sdk: the manifest has no Version")
	case m.Verification != nil && !m.Services.Webhook:
		return nil, errors.New("sdk: a Verification needs the Webhook service")
	}
	if err := checkRates(m.Capabilities.Rates); err != nil {
		return nil, err
	}
	if err := m.Translations.check(); err != nil {
		return nil, err
	}
	if v := m.Verification; v != nil {
		known := func(key string) bool {
			return slices.ContainsFunc(settings, func(s Setting) bool { return s.Key == key })
		}
		if !known(v.SecretSetting) {
			return nil, fmt.Errorf("sdk: Verification.SecretSetting %q is no setting", v.SecretSetting)
		}
		if v.PreviousSecretSetting != "" && !known(v.PreviousSecretSetting) {
			return nil, fmt.Errorf("sdk: Verification.PreviousSecretSetting %q is no setting", v.PreviousSecretSetting)
		}
	}
	return manifestOut(&m, settings, address), nil
}

// servedPlugin is a Plugin without its type parameter, in go-plugin's form.
type servedPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	manifest *channelv1.Manifest
	services Services
	open     func(ctx context.Context, account Account, settings []byte) (Channel, error)
	validate func(ctx context.Context, account Account, settings []byte) ([]Check, error)
	log      *slog.Logger
	clock    Clock
	rates    []Rate
	scrubber *scrubber
	stderr   *os.File                         // where output goes in a process of its own; nil in one that is shared
	clear    credentials.TransportCredentials // of connections without TLS; nil otherwise, and where the process is shared
}

var _ plugin.GRPCPlugin = (*servedPlugin)(nil)

// GRPCServer registers the services that the manifest names.
func (p *servedPlugin) GRPCServer(broker *plugin.GRPCBroker, registrar *grpc.Server) error {
	s := &server{
		manifest: p.manifest, services: p.services, open: p.open, validate: p.validate,
		stderr: p.stderr, host: &hostLink{broker: broker, clear: p.clear}, log: p.log, clock: p.clock, scrubber: p.scrubber, calls: newGate(), limits: newRateLimits(p.rates),
		accounts: map[string]*openAccount{},
	}
	for _, setting := range p.manifest.GetSettings() {
		if setting.GetSecret() {
			s.secrets = append(s.secrets, setting.GetKey())
		}
	}
	channelv1.RegisterChannelServer(registrar, s)
	if p.services.Webhook {
		channelv1.RegisterWebhookServer(registrar, &webhookServer{server: s})
	}
	if p.services.Media {
		channelv1.RegisterMediaServer(registrar, &mediaServer{server: s})
	}
	if p.services.Profiles {
		channelv1.RegisterProfilesServer(registrar, &profilesServer{server: s})
	}
	if p.services.Signals {
		channelv1.RegisterSignalsServer(registrar, &signalsServer{server: s})
	}
	if p.services.Reconciler {
		channelv1.RegisterReconcilerServer(registrar, &reconcilerServer{server: s})
	}
	if p.services.Live {
		channelv1.RegisterLiveServer(registrar, &liveServer{server: s})
	}
	if p.services.Pull {
		channelv1.RegisterPullServer(registrar, &pullServer{server: s})
	}
	if p.services.Registration {
		channelv1.RegisterRegistrationServer(registrar, &registrationServer{server: s})
	}
	if p.services.Templates {
		channelv1.RegisterTemplatesServer(registrar, &templatesServer{server: s})
	}
	return nil
}

// GRPCClient is the host's side, which the host has for itself; here it hands out the bare connection.
func (p *servedPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}
