package channelv1

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadHandshake(t *testing.T) {
	certificate := strings.Repeat("C", 100)
	for text, want := range map[string]Handshake{
		"1|1|unix|/s|grpc|" + certificate + "|true\nmore\n": {"unix", "/s", true, true},
		"1|1|unix|/s|grpc|" + certificate + "|false\n":      {"unix", "/s", true, false},
		"1|1|unix|/s|grpc|" + certificate + "\r\n":          {"unix", "/s", true, false},
		"1|1|unix|/s|grpc|" + certificate + "|perhaps\n":    {"unix", "/s", true, true}, // so that go-plugin complains of it
		"1|1|unix|/s|grpc||false\n":                         {"unix", "/s", false, false},
		"1|1|unix|/s|grpc|\n":                               {"unix", "/s", false, false},
		"1|1|tcp|:1|grpc\n":                                 {"tcp", ":1", false, false},
		"hello":                                             {},
		"":                                                  {},
		strings.Repeat("x", 100_000):                        {},
	} {
		var told []Handshake
		r := ReadHandshake(io.NopCloser(iotest.HalfReader(strings.NewReader(text))), func(h Handshake) { told = append(told, h) })
		one := make([]byte, 1)
		n, _ := r.Read(one)
		if n > 0 && len(told) != 1 {
			t.Errorf("%.40q: the first byte was passed on before it was told", text)
		}
		rest, err := io.ReadAll(r)
		if err != nil || string(one[:n])+string(rest) != text {
			t.Errorf("%.40q came out as %.40q: %v", text, string(one[:n])+string(rest), err)
		}
		if len(told) != 1 || told[0] != want {
			t.Errorf("%.40q: told %+v, want once %+v", text, told, want)
		}
	}
}

func TestCheckHandshake(t *testing.T) {
	const sockets = "/run/plugin-dir1"
	for _, c := range []struct {
		said  Handshake
		noTLS bool
		want  string
	}{
		{Handshake{"unix", sockets + "/plugin1", true, true}, false, ""},
		{Handshake{"unix", sockets + "/plugin1", true, false}, false, ""},
		{Handshake{"unix", sockets + "/plugin1", false, false}, false, "write tls = false into plugin.toml"},
		{Handshake{"unix", sockets + "/plugin1", false, false}, true, ""},
		{Handshake{"unix", sockets + "/deeper/plugin1", false, false}, true, ""},
		{Handshake{"unix", sockets + "/plugin1", true, false}, true, "leave tls = false out"},
		{Handshake{"unix", sockets + "/plugin1", false, true}, true, "multiplexes"},
		{Handshake{"tcp", "127.0.0.1:9000", false, false}, true, "listens on tcp 127.0.0.1:9000"},
		{Handshake{"unix", sockets + "2/plugin1", false, false}, true, "is not in PLUGIN_UNIX_SOCKET_DIR"},
		{Handshake{"unix", sockets + "/../plugin1", false, false}, true, "is not in PLUGIN_UNIX_SOCKET_DIR"},
		{Handshake{"unix", sockets, false, false}, true, "is not in PLUGIN_UNIX_SOCKET_DIR"},
		{Handshake{"unix", "@plugin1", false, false}, true, "is not in PLUGIN_UNIX_SOCKET_DIR"},
		{Handshake{"unix", "plugin1", false, false}, true, "is not in PLUGIN_UNIX_SOCKET_DIR"},
	} {
		err := c.said.Check(c.noTLS, sockets)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v, without TLS %t: %v, want %q", c.said, c.noTLS, err, c.want)
		}
	}
}
