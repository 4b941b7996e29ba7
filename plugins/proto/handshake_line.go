package channelv1

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

// ReadHandshake passes on a plugin's standard output, and calls told with whether the plugin multiplexes its connections
// before the first line, the handshake, is passed on. A line that does not say so means that it does not.
//
// go-plugin wants to know this before it starts the plugin, and refuses a plugin that differs, though it can speak to both
// kinds; told is for setting its ClientConfig.GRPCBrokerMultiplex, which it looks at again when it has read the line.
func ReadHandshake(stdout io.ReadCloser, told func(multiplexed bool)) io.ReadCloser {
	return &handshakeReader{ReadCloser: stdout, told: told}
}

// handshakeLimit is how long the first line may be: a certificate is about 1 KiB.
const handshakeLimit = 16 << 10

type handshakeReader struct {
	io.ReadCloser
	told func(bool)
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
			r.told(multiplexed(string(line)))
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

// multiplexed reads the seventh field of the handshake line.
func multiplexed(line string) bool {
	fields := strings.Split(strings.TrimSpace(line), "|")
	if len(fields) < 7 {
		return false
	}
	yes, err := strconv.ParseBool(fields[6])
	return err != nil || yes // what it is neither is go-plugin's to complain about
}
