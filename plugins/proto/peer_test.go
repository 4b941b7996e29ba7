package channelv1

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// meet makes a connection over a Unix socket and runs the handshakes of both of its ends.
func meet(t *testing.T, path string, dialled, accepted func(Peer) error) (client, server error) {
	t.Helper()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	near, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = near.Close() }()
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = far.Close() }()
	_, _, client = InClear(dialled).ClientHandshake(t.Context(), "", near)
	_, _, server = InClear(accepted).ServerHandshake(far)
	return client, server
}

func TestPeerIsKnownAtBothEnds(t *testing.T) {
	var seen [2]Peer
	note := func(i int) func(Peer) error { return func(p Peer) error { seen[i] = p; return nil } }
	client, server := meet(t, filepath.Join(t.TempDir(), "s"), note(0), note(1))
	if err := errors.Join(client, server); err != nil {
		t.Fatal(err)
	}
	for _, p := range seen {
		if err := p.Check(os.Geteuid(), os.Getpid()); err != nil {
			t.Error(err)
		}
		if err := p.Check(os.Geteuid(), 0); err != nil {
			t.Error(err)
		}
		if p.UID < 0 {
			continue // this system does not tell
		}
		if err := p.Check(os.Geteuid()+1, 0); err == nil || !strings.Contains(err.Error(), "is of the user") {
			t.Errorf("another user: %v", err)
		}
	}
}

func TestPeerThatIsNotTaken(t *testing.T) {
	no, yes := errors.New("not that one"), func(Peer) error { return nil }
	client, server := meet(t, filepath.Join(t.TempDir(), "s"), func(Peer) error { return no }, yes)
	if !errors.Is(client, no) || server != nil {
		t.Errorf("who connects refuses: %v, %v", client, server)
	}
	client, server = meet(t, filepath.Join(t.TempDir(), "s"), yes, func(Peer) error { return no })
	if client != nil || !errors.Is(server, no) {
		t.Errorf("who listens refuses: %v, %v", client, server)
	}
	near, far := net.Pipe()
	defer func() { _, _ = near.Close(), far.Close() }()
	if _, _, err := InClear(yes).ServerHandshake(far); err == nil || !strings.Contains(err.Error(), "only Unix sockets") {
		t.Errorf("what is no Unix socket: %v", err)
	}
}
