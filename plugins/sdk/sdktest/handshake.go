package sdktest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// handshake starts the program bare, without go-plugin, to see what it says and whom it serves.
func (s *suite) handshake(t T) {
	s.startedByHand(t)
	dir := shortDirectory(t)
	noTLS := s.subject.program.NoTLS
	var certificates []tls.Certificate
	env := s.hostEnvironment(dir)
	if !noTLS {
		certificates = []tls.Certificate{newCertificate(t), newCertificate(t)} // the host's, and a stranger's
		env = append(env, "PLUGIN_CLIENT_CERT="+pemOf(certificates[0]))
	}
	p := s.startBare(t, dir, env...)
	timely(startLimit, func() bool { return len(p.stdout.all()) > 0 || p.over() })
	lines := p.stdout.all()
	if len(lines) == 0 {
		t.Fatalf("it wrote no line to standard output within %s (it has ended: %t %s); on standard error:\n%s", startLimit, p.over(), p.result, p.stderr.last())
	}
	fields := strings.Split(lines[0], "|")
	if len(fields) != 6 && len(fields) != 7 && !(noTLS && len(fields) == 5) {
		t.Fatalf("the first line on standard output has %d fields instead of 6 or 7: %.300q", len(fields), lines[0])
	}
	for i, want := range []string{"1", "1", "unix", "", "grpc"} {
		if want != "" && fields[i] != want {
			t.Errorf("field %d of the handshake is %q, not %q", i+1, fields[i], want)
		}
	}
	if inside, err := filepath.Rel(dir, fields[3]); err != nil || strings.HasPrefix(inside, "..") {
		t.Errorf("it listens on %s, which is not in the directory PLUGIN_UNIX_SOCKET_DIR (%s): others could reach it", fields[3], dir)
	}
	if noTLS {
		servedInClear(t, dir, fields)
	} else {
		servedWithTLS(t, fields, certificates[0], certificates[1])
	}
	if more := p.stdout.all()[1:]; len(more) > 0 {
		t.Errorf("after the handshake it wrote to standard output: %.200q", more[0])
	}
}

// servedWithTLS looks at the plugin's certificate, and whether it serves the host and nobody else.
func servedWithTLS(t T, fields []string, host, stranger tls.Certificate) {
	der, err := base64.RawStdEncoding.DecodeString(fields[5])
	if err != nil || len(der) == 0 {
		t.Fatalf("field 6 is no certificate in base64 without padding (%v): %.60q; where the language's TLS cannot, plugin.toml says tls = false, and guichet plugin test takes --no-tls", err, fields[5])
	}
	served, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("field 6 is no certificate in DER: %v", err)
	}
	if err := served.VerifyHostname("localhost"); err != nil {
		t.Errorf("the certificate is not for localhost: %v", err)
	}
	over := func(client tls.Certificate) error {
		pool := x509.NewCertPool()
		pool.AddCert(served)
		return describeOver(t.Context(), fields[3], credentials.NewTLS(&tls.Config{
			Certificates: []tls.Certificate{client}, RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12,
		}))
	}
	if err := over(host); err != nil {
		t.Fatalf("it does not serve the host whose certificate it was given: %v", err)
	}
	if err := over(stranger); err == nil {
		t.Errorf("it serves whoever comes: a client with another certificate than PLUGIN_CLIENT_CERT was answered")
	}
}

// servedInClear looks whether the plugin serves without TLS, and leaves the directory of its socket as private as it is.
func servedInClear(t T, dir string, fields []string) {
	if len(fields) > 5 && fields[5] != "" {
		t.Fatalf("field 6 of the handshake is %.60q: without PLUGIN_CLIENT_CERT there is no TLS, and the field is empty", fields[5])
	}
	if len(fields) > 6 && fields[6] != "false" {
		t.Errorf("field 7 of the handshake is %q: without TLS connections are not multiplexed", fields[6])
	}
	if err := describeOver(t.Context(), fields[3], insecure.NewCredentials()); err != nil {
		t.Fatalf("it does not serve a host that gives no certificate: %v", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory PLUGIN_UNIX_SOCKET_DIR, which was private, has become %v (%v): others could reach the socket", info.Mode(), err)
	}
}

// hostEnvironment is what every host tells a plugin.
func (s *suite) hostEnvironment(dir string) []string {
	return []string{channelv1.MagicCookieKey + "=" + channelv1.MagicCookieValue, "PLUGIN_PROTOCOL_VERSIONS=1", "PLUGIN_UNIX_SOCKET_DIR=" + dir}
}

// startedByHand starts the program as a person would.
func (s *suite) startedByHand(t T) {
	p := s.startBare(t, shortDirectory(t))
	if !timely(startLimit, p.over) {
		t.Errorf("started without the cookie %s it keeps running: whoever starts it by hand waits for nothing", channelv1.MagicCookieKey)
		return
	}
	if p.cmd.ProcessState.Success() {
		t.Errorf("started without the cookie %s it ends with success", channelv1.MagicCookieKey)
	}
	if len(p.stdout.all()) > 0 && strings.Count(p.stdout.all()[0], "|") > 3 {
		t.Errorf("started without the cookie %s it serves all the same: %.100q", channelv1.MagicCookieKey, p.stdout.all()[0])
	}
	if len(p.stderr.all())+len(p.stdout.all()) == 0 {
		t.Errorf("started without the cookie %s it ends without a word", channelv1.MagicCookieKey)
	}
}

// startBare starts the program with the variables given; the requirement's end kills it.
func (s *suite) startBare(t T, dir string, env ...string) *process {
	t.Helper()
	cmd := s.subject.program.command(dir)
	cmd.Env = append(cmd.Env, env...)
	p, err := newProcess(cmd)
	if err == nil {
		err = p.Start(t.Context())
	}
	if err != nil {
		t.Fatalf("it cannot be started: %v", err)
	}
	go func() {
		read := make(chan struct{})
		go func() { _, _ = io.Copy(io.Discard, p.Stderr()); close(read) }()
		_, _ = io.Copy(io.Discard, p.Stdout())
		<-read
		_ = p.Wait(context.Background()) // its result is kept
	}()
	t.Cleanup(func() {
		_ = p.Kill(context.Background()) // it cannot fail
		<-p.ended
	})
	return p
}

// shortDirectory makes a private directory whose path leaves room for sockets.
func shortDirectory(t T) string {
	t.Helper()
	dir, err := socketDirectory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// describeOver calls Describe on a socket.
func describeOver(ctx context.Context, socket string, transport credentials.TransportCredentials) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(transport))
	if err != nil {
		return err
	}
	_, err = channelv1.NewChannelClient(conn).Describe(ctx, &channelv1.DescribeRequest{HostVersion: "conformance"})
	_ = conn.Close() // the answer is there
	return err
}

func newCertificate(t T) tls.Certificate {
	t.Helper()
	certificate, err := makeCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// makeCertificate makes a key and a certificate like the host's: self-signed, P-256, for localhost.
func makeCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		NotBefore:   time.Now().Add(-time.Minute), NotAfter: time.Now().AddDate(1, 0, 0), BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func pemOf(c tls.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}
