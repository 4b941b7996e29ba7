// Package barepath is the floor under Guichet's webhook: the same net/http server and httprouter route, one unary gRPC
// call with AutoMTLS into a subprocess that checks the HMAC and decodes the JSON, one write of seven keys with as many
// bytes as the desk writes for such a message, through the same group commit, and the answer. It has no domain logic and
// batches nothing by time. What Guichet needs beyond it is what Guichet's own work costs.
//
// Start reading at [Serve]; plugin.go is the subprocess, sizes.go finds out how many bytes the desk writes.
package barepath

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"github.com/julienschmidt/httprouter"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/badgerkv"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Keys is how many pairs one request writes.
const Keys = 7

// Options say how to serve.
type Options struct {
	Dir    string // of the engine and the plugin's socket
	Bytes  int    // that one request writes, keys and values
	Plugin []string
	Secret string
}

// Serve serves until SIGTERM, and prints the address that it listens at.
func Serve(o Options) error {
	db, err := badgerkv.Open(badgerkv.Options{Dir: filepath.Join(o.Dir, "db"), Durability: "group"})
	if err != nil {
		return fmt.Errorf("bare path: %w", err)
	}
	client, webhook, err := start(o)
	if err != nil {
		return errors.Join(fmt.Errorf("bare path: start the plugin: %w", err), db.Close())
	}
	defer client.Kill()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(fmt.Errorf("bare path: %w", err), db.Close())
	}
	h := &handler{db: db, webhook: webhook, size: max(0, o.Bytes/Keys-keyLength)}
	router := httprouter.New()
	router.POST("/channels/:account/*path", h.serve)
	server := &http.Server{
		Handler: router, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: hclog.NewNullLogger().StandardLogger(nil),
	}
	fmt.Println("listening at", listener.Addr())
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-ended
		_ = server.Close() // requests under way do not matter any more
	}()
	if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(fmt.Errorf("bare path: %w", err), db.Close())
	}
	return db.Close()
}

// handler is the whole of the bare path.
type handler struct {
	db      kv.DB
	webhook channelv1.WebhookClient
	size    int // bytes of a value
	count   atomic.Uint64
}

const (
	bodyLimit  = 16 << 20
	callLimit  = 1500 * time.Millisecond
	keyLength  = 26
	sharedKeys = 5000 // conversations
)

func (h *handler) serve(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		http.Error(w, "body", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callLimit)
	defer cancel()
	request := &channelv1.HTTPRequest{
		Account: params.ByName("account"), Method: r.Method, Url: r.URL.String(), Path: params.ByName("path"), RawQuery: r.URL.RawQuery,
		Body: body, RemoteAddress: r.RemoteAddr, ReceivedAt: timestamppb.Now(),
	}
	for name, values := range r.Header {
		for _, value := range values {
			request.Headers = append(request.Headers, &channelv1.Header{Name: name, Value: value})
		}
	}
	answer, err := h.webhook.HandleHTTP(ctx, request)
	if err != nil {
		http.Error(w, "plugin", http.StatusServiceUnavailable)
		return
	}
	if answer.GetStatus() == http.StatusOK {
		if err := h.write(ctx, body); err != nil {
			http.Error(w, "write", http.StatusServiceUnavailable)
			return
		}
	}
	w.WriteHeader(int(answer.GetStatus()))
}

// write commits seven pairs: one is written again and again, as a conversation's record is, the others are new.
func (h *handler) write(ctx context.Context, body []byte) error {
	n := h.count.Add(1)
	value := make([]byte, h.size)
	for at := 0; at < len(value); {
		at += copy(value[at:], body)
	}
	return h.db.Update(ctx, func(tx kv.Tx) error {
		for i := range uint64(Keys) {
			key := make([]byte, keyLength)
			key[0] = byte(i)
			id := n
			if i == 0 {
				id = n % sharedKeys
			}
			// Ids of conversations are spread over the key space by time and chance; a multiplication does the same here.
			binary.BigEndian.PutUint64(key[1:], (n%sharedKeys)*0x9E3779B97F4A7C15)
			binary.BigEndian.PutUint64(key[9:], id)
			tx.Set(key, value)
		}
		return nil
	})
}

// start runs the plugin with the settings that Guichet uses.
func start(o Options) (*plugin.Client, channelv1.WebhookClient, error) {
	sockets := filepath.Join(o.Dir, "run")
	if err := os.MkdirAll(sockets, 0o700); err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(o.Plugin[0], o.Plugin[1:]...)
	cmd.Env = []string{secretVariable + "=" + o.Secret}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: handshake,
		VersionedPlugins: map[int]plugin.PluginSet{
			channelv1.ProtocolMajor: {channelv1.PluginName: &barePlugin{}},
		},
		Cmd:                 cmd,
		AllowedProtocols:    []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:            true,
		SkipHostEnv:         true,
		GRPCBrokerMultiplex: true,
		UnixSocketConfig:    &plugin.UnixSocketConfig{TempDir: sockets},
		Stderr:              os.Stderr,
		Logger:              hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(
				grpc.MaxCallRecvMsgSize(channelv1.MaxMessageBytes), grpc.MaxCallSendMsgSize(channelv1.MaxMessageBytes)),
			grpc.WithIdleTimeout(0),
		},
	})
	protocol, err := client.Client()
	if err != nil {
		client.Kill()
		return nil, nil, err
	}
	dispensed, err := protocol.Dispense(channelv1.PluginName)
	if err != nil {
		client.Kill()
		return nil, nil, err
	}
	return client, channelv1.NewWebhookClient(dispensed.(*grpc.ClientConn)), nil
}
