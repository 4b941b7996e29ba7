package channel

import (
	"context"
	"errors"

	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// hostSide is the host's end of a plugin for go-plugin: it serves the host's services on the one brokered connection and
// hands out the connection to the plugin.
type hostSide struct {
	plugin.NetRPCUnsupportedPlugin
	service       channelv1.HostServer
	conversations channelv1.ConversationsServer
	way           *transport
}

func newHostSide(h *Host, plugin string, way *transport) *hostSide {
	service := newHostService(h, plugin)
	return &hostSide{service: service, conversations: &conversationsService{hostService: service}, way: way}
}

var _ plugin.GRPCPlugin = (*hostSide)(nil)

// GRPCServer is the plugin's business.
func (*hostSide) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("channel: the host is no plugin")
}

// GRPCClient implements plugin.GRPCPlugin. It returns when the Host service can be reached: a plugin that knocks before
// the listener is there would be turned away.
func (s *hostSide) GRPCClient(_ context.Context, broker *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	ready, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		broker.AcceptAndServe(channelv1.HostBrokerID, func(options []grpc.ServerOption) *grpc.Server {
			defer close(ready)
			server := grpc.NewServer(append(append(options, s.way.serverOptions()...),
				grpc.MaxRecvMsgSize(channelv1.MaxMessageBytes), grpc.MaxSendMsgSize(channelv1.MaxMessageBytes))...)
			channelv1.RegisterHostServer(server, s.service)
			channelv1.RegisterConversationsServer(server, s.conversations)
			return server
		})
	}()
	select {
	case <-ready:
		return conn, nil
	case <-ended:
		return nil, errors.New("the connection for the host's services could not be offered")
	}
}
