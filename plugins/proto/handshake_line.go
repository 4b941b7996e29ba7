package channelv1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
)

// Handshake is what a plugin says of itself in the first line of its standard output, as far as hosts act on it before
// go-plugin does.
type Handshake struct {
	Network, Address string
	Certificate      bool // it speaks TLS
	Multiplexed      bool // its connections go over one socket
}

// Check says what is wrong with a handshake, to the plugin's author. noTLS is what plugin.toml, or who starts the plugin,
// says of it; sockets is the folder that it was given.
func (h Handshake) Check(noTLS bool, sockets string) error {
	switch {
	case noTLS && h.Certificate:
		return errors.New("it speaks TLS (the sixth field of its handshake is a certificate), but it was to be spoken with in clear and was given no certificate: " +
			"serve without TLS where PLUGIN_CLIENT_CERT is not set, or leave tls = false out of plugin.toml (and --no-tls of guichet plugin test)")
	case !noTLS && !h.Certificate:
		return errors.New("it does not speak TLS (the sixth field of its handshake is no certificate): serve TLS where PLUGIN_CLIENT_CERT is set, and print your certificate; " +
			"where the language's TLS cannot, write tls = false into plugin.toml (guichet plugin test and run take --no-tls)")
	case !noTLS:
		return nil
	case h.Network != "unix":
		return fmt.Errorf("it listens on %s %s: without TLS only a Unix socket in PLUGIN_UNIX_SOCKET_DIR will do", h.Network, h.Address)
	case h.Multiplexed:
		return errors.New("it multiplexes its connections, which is not done without TLS: the seventh field of the handshake is false, or left out")
	}
	// An abstract socket has no folder.
	if inside, err := filepath.Rel(sockets, h.Address); err != nil || !filepath.IsLocal(inside) || inside == "." {
		return fmt.Errorf("it listens on %s, which is not in PLUGIN_UNIX_SOCKET_DIR (%s): without TLS others could reach it", h.Address, sockets)
	}
	return nil
}

// ReadHandshake passes on a plugin's standard output, and calls told with its handshake before the first line is passed on.
// A line that is none is go-plugin's to complain about.
//
// go-plugin wants to know whether connections are multiplexed before it starts the plugin, and refuses a plugin that
// differs, though it can speak to both kinds; told is for setting its ClientConfig.GRPCBrokerMultiplex, which it looks at
// again when it has read the line.
func ReadHandshake(stdout io.ReadCloser, told func(Handshake)) io.ReadCloser {
	return &handshakeReader{ReadCloser: stdout, told: told}
}

// handshakeLimit is how long the first line may be: a certificate is about 1 KiB.
const handshakeLimit = 16 << 10

type handshakeReader struct {
	io.ReadCloser
	told func(Handshake)
	line []byte // read and not passed on
	done bool
	err  error
}

func (r *handshakeReader) Read(p []byte) (int, error) {
	for !r.done {
		chunk := make([]byte, 1024)
		n, err := r.ReadCloser.Read(chunk)
		r.line = append(r.line, chunk[:n]...)
		if line, _, found := bytes.Cut(r.line, []byte("\n")); found || err != nil || len(r.line) > handshakeLimit {
			r.told(parseHandshake(string(line)))
			r.done, r.err = true, err
		}
	}
	if len(r.line) > 0 {
		n := copy(p, r.line)
		r.line = r.line[n:]
		return n, nil
	}
	if r.err != nil {
		return 0, r.err
	}
	return r.ReadCloser.Read(p)
}

// shortestCertificate is what go-plugin takes for a certificate: some old plugins have something else in its place.
const shortestCertificate = 51

// parseHandshake reads 1|1|NETWORK|ADDRESS|grpc|CERTIFICATE|MULTIPLEXED. A line that does not say that connections are
// multiplexed means that they are not.
func parseHandshake(line string) (h Handshake) {
	fields := strings.Split(strings.TrimSpace(line), "|")
	if len(fields) >= 4 {
		h.Network, h.Address = fields[2], fields[3]
	}
	h.Certificate = len(fields) >= 6 && len(fields[5]) >= shortestCertificate
	if len(fields) >= 7 {
		yes, err := strconv.ParseBool(fields[6])
		h.Multiplexed = err != nil || yes // what it is neither is go-plugin's to complain about
	}
	return h
}
