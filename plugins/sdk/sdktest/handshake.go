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

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// handshake starts the program bare, without go-plugin, to see what it says and whom it serves.
func (s *suite) handshake(t T) {
	s.startedByHand(t)
	dir := shortDirectory(t)
	host, stranger := newCertificate(t), newCertificate(t)
	p := s.startBare(t, dir,
		channelv1.MagicCookieKey+"="+channelv1.MagicCookieValue, "PLUGIN_PROTOCOL_VERSIONS=1", "PLUGIN_UNIX_SOCKET_DIR="+dir,
		"PLUGIN_CLIENT_CERT="+pemOf(host))
	timely(startLimit, func() bool { return len(p.stdout.all()) > 0 || p.over() })
	lines := p.stdout.all()
	if len(lines) == 0 {
		t.Fatalf("it wrote no line to standard output within %s (it has ended: %t %s); on standard error:\n%s", startLimit, p.over(), p.result, p.stderr.last())
	}
	fields := strings.Split(lines[0], "|")
	if len(fields) != 6 && len(fields) != 7 {
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
	der, err := base64.RawStdEncoding.DecodeString(fields[5])
	if err != nil || len(der) == 0 {
		t.Fatalf("field 6 is no certificate in base64 without padding (%v): %.60q", err, fields[5])
	}
	served, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("field 6 is no certificate in DER: %v", err)
	}
	if err := served.VerifyHostname("localhost"); err != nil {
		t.Errorf("the certificate is not for localhost: %v", err)
	}
	if err := describeOver(t.Context(), fields[3], served, host); err != nil {
		t.Fatalf("it does not serve the host whose certificate it was given: %v", err)
	}
	if err := describeOver(t.Context(), fields[3], served, stranger); err == nil {
		t.Errorf("it serves whoever comes: a client with another certificate than PLUGIN_CLIENT_CERT was answered")
	}
	if more := p.stdout.all()[1:]; len(more) > 0 {
		t.Errorf("after the handshake it wrote to standard output: %.200q", more[0])
	}
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

// describeOver calls Describe on a socket with a client's certificate.
func describeOver(ctx context.Context, socket string, served *x509.Certificate, client tls.Certificate) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pool := x509.NewCertPool()
	pool.AddCert(served)
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{client}, RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12,
	})))
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
