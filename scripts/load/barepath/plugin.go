package barepath

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"

	hclog "github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

const secretVariable = "BARE_SECRET"

var handshake = plugin.HandshakeConfig{
	ProtocolVersion: channelv1.ProtocolMajor, MagicCookieKey: channelv1.MagicCookieKey, MagicCookieValue: channelv1.MagicCookieValue,
}

// ServePlugin is the subprocess.
func ServePlugin() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: handshake,
		VersionedPlugins: map[int]plugin.PluginSet{
			channelv1.ProtocolMajor: {channelv1.PluginName: &barePlugin{secret: []byte(os.Getenv(secretVariable))}},
		},
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options,
				grpc.MaxRecvMsgSize(channelv1.MaxMessageBytes), grpc.MaxSendMsgSize(channelv1.MaxMessageBytes))...)
		},
	})
}

// barePlugin is both sides of the connection in go-plugin's form.
type barePlugin struct {
	plugin.NetRPCUnsupportedPlugin
	channelv1.UnimplementedWebhookServer
	secret []byte
}

// GRPCServer registers the one service.
func (p *barePlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	channelv1.RegisterWebhookServer(s, p)
	return nil
}

// GRPCClient hands out the connection.
func (p *barePlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

// webhook is LINE's envelope, decoded as far as a text message goes.
type webhook struct {
	Destination string `json:"destination"`
	Events      []struct {
		Type            string `json:"type"`
		Mode            string `json:"mode"`
		Timestamp       int64  `json:"timestamp"`
		WebhookEventID  string `json:"webhookEventId"`
		ReplyToken      string `json:"replyToken"`
		DeliveryContext struct {
			IsRedelivery bool `json:"isRedelivery"`
		} `json:"deliveryContext"`
		Source struct {
			Type   string `json:"type"`
			UserID string `json:"userId"`
		} `json:"source"`
		Message struct {
			Type            string `json:"type"`
			ID              string `json:"id"`
			Text            string `json:"text"`
			QuoteToken      string `json:"quoteToken"`
			MarkAsReadToken string `json:"markAsReadToken"`
		} `json:"message"`
	} `json:"events"`
}

// HandleHTTP checks the signature and decodes the body.
func (p *barePlugin) HandleHTTP(_ context.Context, r *channelv1.HTTPRequest) (*channelv1.HTTPResponse, error) {
	signature := ""
	for _, h := range r.GetHeaders() {
		if strings.EqualFold(h.GetName(), "x-line-signature") {
			signature = h.GetValue()
		}
	}
	mac := hmac.New(sha256.New, p.secret)
	mac.Write(r.GetBody())
	given, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		return &channelv1.HTTPResponse{Status: http.StatusUnauthorized}, nil
	}
	var w webhook
	if err := json.Unmarshal(r.GetBody(), &w); err != nil || len(w.Events) == 0 {
		return &channelv1.HTTPResponse{Status: http.StatusBadRequest}, nil
	}
	return &channelv1.HTTPResponse{Status: http.StatusOK}, nil
}
