package channelv1

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadHandshake(t *testing.T) {
	for text, want := range map[string]bool{
		"1|1|unix|/s|grpc|CERT|true\nmore\n": true,
		"1|1|unix|/s|grpc|CERT|false\n":      false,
		"1|1|unix|/s|grpc|CERT\n":            false,
		"1|1|unix|/s|grpc|CERT|perhaps\n":    true, // so that go-plugin complains of it
		"hello":                              false,
		"":                                   false,
		strings.Repeat("x", 100_000):         false,
	} {
		var told []bool
		r := ReadHandshake(io.NopCloser(iotest.HalfReader(strings.NewReader(text))), func(m bool) { told = append(told, m) })
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
			t.Errorf("%.40q: told %v, want once %t", text, told, want)
		}
	}
}
