package channel

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// TestPluginWithoutTLS: it is called and reaches the host, after a restart too, and others of this user do not reach the
// host by its socket.
func TestPluginWithoutTLS(t *testing.T) {
	s := newStrangers(t)
	s.approve(t, "1.0", "no-tls", "")
	l := s.run(t)
	for range 2 {
		if r, err := s.post(t, "shop", "receive", nil); err != nil || r.Status != 200 {
			t.Fatalf("a request that has the plugin call the host: %+v %v\n%s", r, err, s.log)
		}
		if !slices.Contains(s.received.ids(), "pulled") {
			t.Errorf("the host received %q", s.received.ids())
		}
		if got := s.Send(t.Context(), outgoing("fine")); got.Kind != core.OutcomeAccepted {
			t.Errorf("sending: %+v", got)
		}
		if _, err := s.post(t, "shop", "crash", nil); err == nil {
			t.Error("a crash was answered")
		}
		s.hurry()
		l = s.live(t, l.generation)
	}
	if status := s.Status()[0]; !slices.ContainsFunc(status.Enforced, func(line string) bool { return strings.HasPrefix(line, "Connection: without TLS") }) {
		t.Errorf("shown as %q", status.Enforced)
	}

	sockets, err := filepath.Glob(filepath.Join(s.sockets(t), "plugin*"))
	if err != nil || len(sockets) != 2 {
		t.Fatalf("the sockets are %q, %v; one is the plugin's and one the host's", sockets, err)
	}
	refused := 0
	for _, socket := range sockets {
		conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		_, err = channelv1.NewHostClient(conn).GetState(t.Context(), &channelv1.GetStateRequest{Account: "shop", Key: "k"})
		_ = conn.Close()
		switch status.Code(err) {
		case codes.Unavailable:
			refused++
		case codes.Unimplemented: // the plugin
		default:
			t.Errorf("this process, which is no part of the plugin, was answered %v", err)
		}
	}
	if refused != 1 || !strings.Contains(s.log.String(), "nor started by it") {
		t.Errorf("the host refused %d connections, and logged:\n%s", refused, s.log)
	}
}

// shakeHands prints the handshake of a plugin that is not to be spoken with in clear.
func shakeHands(behaviour string) {
	network, certificate := "unix", ""
	address := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "other")
	switch behaviour {
	case "no-tls-certificate":
		certificate = strings.Repeat("A", 400)
	case "no-tls-tcp":
		network, address = "tcp", "127.0.0.1:9"
	case "no-tls-elsewhere":
		address = filepath.Join(os.TempDir(), "s")
	case "no-tls-another": // another process listens, see listenInstead
		for {
			if _, err := os.Stat(address); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	fmt.Printf("1|1|%s|%s|grpc|%s|false\n", network, address, certificate)
}

// sockets is the folder of the sockets of the process that runs.
func (s *strangers) sockets(t *testing.T) string {
	t.Helper()
	run, _, err := directories(s.options.Data, "fake", false)
	if err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob(filepath.Join(run, "plugin-dir*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("%s has %q, %v", run, folders, err)
	}
	newest := slices.MaxFunc(folders, func(a, b string) int {
		x, errX := os.Stat(a)
		y, errY := os.Stat(b)
		if err := errors.Join(errX, errY); err != nil {
			t.Fatal(err)
		}
		return x.ModTime().Compare(y.ModTime())
	})
	return newest
}

// TestTransportDisagreement: what the plugin does and what its plugin.toml says must agree, and nothing but its own process
// in its own folder is spoken with in clear.
func TestTransportDisagreement(t *testing.T) {
	for behaviour, want := range map[string]string{
		"without-tls":        "write tls = false into plugin.toml",
		"no-tls-certificate": "leave tls = false out of plugin.toml",
		"no-tls-tcp":         "listens on tcp 127.0.0.1:9: without TLS only a Unix socket",
		"no-tls-elsewhere":   "is not in PLUGIN_UNIX_SOCKET_DIR",
		"no-tls-another":     "refused, as there is no TLS: the process at the other end of the socket is ",
	} {
		t.Run(behaviour, func(t *testing.T) {
			s := newStrangers(t)
			s.approve(t, "1.0", behaviour, "")
			if err := s.Apply(s.setup); err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(behaviour, "another") {
				s.listenInstead(t)
			}
			until(t, "the refusal is shown", func() bool { return s.Status()[0].LastExit != nil })
			if exit := s.Status()[0].LastExit; !strings.Contains(exit.Reason, want) {
				t.Errorf("shown: %s", exit.Reason)
			}
		})
	}
}

// listenInstead has this process, which is no part of the plugin, listen in the plugin's folder.
func (s *strangers) listenInstead(t *testing.T) {
	t.Helper()
	run, _, err := directories(s.options.Data, "fake", false)
	if err != nil {
		t.Fatal(err)
	}
	var listener net.Listener
	until(t, "the plugin has its folder", func() bool {
		folders, _ := filepath.Glob(filepath.Join(run, "plugin-dir*")) // the pattern is right
		if len(folders) == 0 {
			return false
		}
		listener, err = net.Listen("unix", filepath.Join(folders[0], "other"))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	channelv1.RegisterChannelServer(server, channelv1.UnimplementedChannelServer{})
	go func() { _ = server.Serve(listener) }() // until Stop
	t.Cleanup(server.Stop)
}
