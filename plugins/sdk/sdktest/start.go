// Package sdktest proves that a channel plugin keeps the contract: [Run] is the conformance suite, over real gRPC in one
// process; [Start] is what it is made of, for a plugin's own tests.
//
// It must not know the host beyond the protocol. Start reading at [Run].
package sdktest

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk"
)

// Plugin is a plugin under test, reached by gRPC.
type Plugin struct {
	Manifest     *channelv1.Manifest
	Channel      channelv1.ChannelClient
	Webhook      channelv1.WebhookClient
	Media        channelv1.MediaClient
	Profiles     channelv1.ProfilesClient
	Signals      channelv1.SignalsClient
	Reconciler   channelv1.ReconcilerClient
	Live         channelv1.LiveClient
	Pull         channelv1.PullClient
	Registration channelv1.RegistrationClient
	Templates    channelv1.TemplatesClient
	Host         *Host
	// Conversations is what the host knows of the customers' conversations.
	Conversations *Conversations
	revision      uint64
}

func newPlugin(conn *grpc.ClientConn, host *Host, conversations *Conversations) *Plugin {
	return &Plugin{
		Channel: channelv1.NewChannelClient(conn), Webhook: channelv1.NewWebhookClient(conn), Media: channelv1.NewMediaClient(conn),
		Profiles: channelv1.NewProfilesClient(conn), Signals: channelv1.NewSignalsClient(conn),
		Reconciler: channelv1.NewReconcilerClient(conn), Live: channelv1.NewLiveClient(conn),
		Pull: channelv1.NewPullClient(conn), Registration: channelv1.NewRegistrationClient(conn),
		Templates: channelv1.NewTemplatesClient(conn), Host: host, Conversations: conversations,
	}
}

// Start serves p in this process and connects to it; the test's end closes both.
func Start[S any](t testing.TB, p sdk.Plugin[S]) *Plugin {
	t.Helper()
	return start(t, p, newHost())
}

func start[S any](t testing.TB, p sdk.Plugin[S], host *Host) *Plugin {
	t.Helper()
	served, err := sdk.Served(p)
	if err != nil {
		t.Fatalf("the plugin cannot be served: %v", err)
	}
	conversations := newConversations()
	client, server := plugin.TestPluginGRPCConn(t, true, map[string]plugin.Plugin{channelv1.PluginName: &both{served: served, host: host, conversations: conversations}})
	t.Cleanup(func() {
		// The closing client asks the server to stop; a second Stop beside it would be a race.
		_ = client.Close()
		select {
		case <-server.DoneCh:
		case <-time.After(10 * time.Second):
			t.Error("the plugin's server did not stop")
		}
	})
	dispensed, err := client.Dispense(channelv1.PluginName)
	if err != nil {
		t.Fatalf("connect to the plugin: %v", err)
	}
	started := newPlugin(dispensed.(*grpc.ClientConn), host, conversations)
	var at peer.Peer
	started.Manifest, err = started.Channel.Describe(t.Context(), &channelv1.DescribeRequest{HostVersion: "sdktest"}, grpc.Peer(&at))
	// All connections go over this one, and go-plugin leaves its socket behind in the temporary directory.
	if at.Addr != nil && at.Addr.Network() == "unix" {
		_ = os.Remove(at.Addr.String()) // what stays does no harm
	}
	if err != nil {
		t.Fatalf("describe: %v", err)
	}
	return started
}

// Account makes an account with a revision higher than all before.
func (p *Plugin) Account(t T, id string, settings map[string]any) *channelv1.Account {
	t.Helper()
	document, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	p.revision++
	return &channelv1.Account{
		Id: id, Revision: p.revision, SettingsJson: document, PublicUrl: "https://desk.example.com/channels/" + id, Test: true,
	}
}

// Open opens an account, or replaces its settings.
func (p *Plugin) Open(t T, id string, settings map[string]any) {
	t.Helper()
	if _, err := p.Channel.Open(t.Context(), &channelv1.OpenRequest{Account: p.Account(t, id, settings)}); err != nil {
		t.Fatalf("open account %s: %v", id, err)
	}
}

// both is the two ends of a plugin for go-plugin's in-process connection.
type both struct {
	plugin.NetRPCUnsupportedPlugin
	served        plugin.GRPCPlugin
	host          *Host
	conversations *Conversations
	way           []grpc.ServerOption // of what is served to the plugin
}

// GRPCServer serves the plugin.
func (b *both) GRPCServer(broker *plugin.GRPCBroker, server *grpc.Server) error {
	return b.served.GRPCServer(broker, server)
}

// GRPCClient serves the host to the plugin and hands out the connection.
func (b *both) GRPCClient(_ context.Context, broker *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	ready, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		broker.AcceptAndServe(channelv1.HostBrokerID, func(options []grpc.ServerOption) *grpc.Server {
			defer close(ready)
			server := grpc.NewServer(append(append(options, b.way...),
				grpc.MaxRecvMsgSize(channelv1.MaxMessageBytes), grpc.MaxSendMsgSize(channelv1.MaxMessageBytes))...)
			channelv1.RegisterHostServer(server, b.host)
			channelv1.RegisterConversationsServer(server, b.conversations)
			return server
		})
	}()
	select {
	case <-ready:
		return conn, nil
	case <-ended:
		return nil, errNoHost
	case <-time.After(5 * time.Second):
		return nil, errNoHost
	}
}
