package channel

import (
	"google.golang.org/grpc"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// clients are the stubs of one process, made once, with what it described itself as. A stub of a service that the
// manifest does not name is nil.
type clients struct {
	manifest   *channelv1.Manifest
	channel    channelv1.ChannelClient
	webhook    channelv1.WebhookClient
	media      channelv1.MediaClient
	profiles   channelv1.ProfilesClient
	signals    channelv1.SignalsClient
	reconciler channelv1.ReconcilerClient
	live       channelv1.LiveClient

	pull         channelv1.PullClient
	registration channelv1.RegistrationClient
	templates    channelv1.TemplatesClient
}

func newClients(conn grpc.ClientConnInterface, manifest *channelv1.Manifest) *clients {
	c := &clients{manifest: manifest, channel: channelv1.NewChannelClient(conn)}
	for _, service := range manifest.GetServices() {
		switch service {
		case channelv1.Webhook_ServiceDesc.ServiceName:
			c.webhook = channelv1.NewWebhookClient(conn)
		case channelv1.Media_ServiceDesc.ServiceName:
			c.media = channelv1.NewMediaClient(conn)
		case channelv1.Profiles_ServiceDesc.ServiceName:
			c.profiles = channelv1.NewProfilesClient(conn)
		case channelv1.Signals_ServiceDesc.ServiceName:
			c.signals = channelv1.NewSignalsClient(conn)
		case channelv1.Reconciler_ServiceDesc.ServiceName:
			c.reconciler = channelv1.NewReconcilerClient(conn)
		case channelv1.Live_ServiceDesc.ServiceName:
			c.live = channelv1.NewLiveClient(conn)
		case channelv1.Pull_ServiceDesc.ServiceName:
			c.pull = channelv1.NewPullClient(conn)
		case channelv1.Registration_ServiceDesc.ServiceName:
			c.registration = channelv1.NewRegistrationClient(conn)
		case channelv1.Templates_ServiceDesc.ServiceName:
			c.templates = channelv1.NewTemplatesClient(conn)
		}
	}
	return c
}
