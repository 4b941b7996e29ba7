//go:build linux

package sdktest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk"
)

// deafVariable makes the sample plugin overlook the host's certificate.
const deafVariable = "SDKTEST_DEAF"

func TestWithoutTLS(t *testing.T) {
	if os.Getenv(servedVariable) == t.Name() {
		if os.Getenv(deafVariable) != "" {
			_ = os.Unsetenv("PLUGIN_CLIENT_CERT")
		}
		sdk.Serve(sample(""))
		os.Exit(0)
	}
	program := again(t)

	t.Run("the contract is kept", func(t *testing.T) {
		program := program
		program.NoTLS = true
		handshake := false
		Prove(t.Context(), program, func(r Result) {
			if r.State == Failed {
				t.Errorf("%s: %q", r.Requirement, r.Failures)
			}
			handshake = handshake || r.Requirement == "handshake" && r.State == Passed
		}, genuine())
		if !handshake {
			t.Error("the handshake was not tested")
		}
	})

	t.Run("a plugin that does not speak TLS", func(t *testing.T) {
		deaf := program
		deaf.Env = append(deaf.Env[:len(deaf.Env):len(deaf.Env)], deafVariable+"=1")
		if _, err := Launch(t.Context(), deaf); err == nil || !strings.Contains(err.Error(), "write tls = false into plugin.toml") {
			t.Errorf("started with %v", err)
		}
		Prove(t.Context(), deaf, func(r Result) {
			if r.Requirement == "handshake" && (r.State != Failed || !strings.Contains(strings.Join(r.Failures, "\n"), "guichet plugin test takes --no-tls")) {
				t.Errorf("the handshake is %v: %q", r.State, r.Failures)
			}
		}, genuine())
	})

	t.Run("others do not reach the host", func(t *testing.T) {
		dir, err := socketDirectory()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		t.Setenv("TMPDIR", dir)
		program := program
		program.NoTLS = true
		l, err := Launch(t.Context(), program)
		if err != nil {
			t.Fatal(err)
		}
		defer l.End()
		sockets, err := filepath.Glob(filepath.Join(dir, "guichet-*", "plugin-dir*", "plugin*"))
		if err != nil || len(sockets) != 2 {
			t.Fatalf("the sockets are %q, %v; one is the plugin's and one the host's", sockets, err)
		}
		refused := 0
		for _, socket := range sockets {
			conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				t.Fatal(err)
			}
			_, err = channelv1.NewHostClient(conn).GetState(t.Context(), &channelv1.GetStateRequest{Account: "a", Key: "k"})
			_ = conn.Close()
			switch status.Code(err) {
			case codes.Unavailable:
				refused++
			case codes.Unimplemented: // the plugin
			default:
				t.Errorf("this process, which is no part of the plugin, was answered %v", err)
			}
		}
		if refused != 1 {
			t.Errorf("the host refused %d connections", refused)
		}
	})
}
