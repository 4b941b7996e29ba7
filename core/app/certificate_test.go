package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/guichet/guichet/core/config"
)

// certify writes a certificate for 127.0.0.1 and its key.
func certify(t *testing.T, dir string, serial int64) config.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := config.TLS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	for name, block := range map[string]*pem.Block{
		files.CertFile: {Type: "CERTIFICATE", Bytes: der}, files.KeyFile: {Type: "PRIVATE KEY", Bytes: raw},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestServerSpeaksTLS(t *testing.T) {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	files := certify(t, t.TempDir(), 7)
	listener, err := secured(plain, files, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // the test is over
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake() // the client tells whether it went well
		}
	}()
	conn, err := tls.Dial("tcp", plain.Addr().String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // its own certificate
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the test is over
	if serial := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); serial != 7 {
		t.Errorf("certificate %d was served, want 7", serial)
	}
}

func TestMissingCertificateIsAnError(t *testing.T) {
	if _, err := secured(nil, config.TLS{CertFile: "absent.pem", KeyFile: "absent.pem"}, hclog.NewNullLogger()); err == nil {
		t.Fatal("a certificate that is not there was taken")
	}
}

func TestRenewedCertificateIsServed(t *testing.T) {
	dir := t.TempDir()
	c := &certificate{files: certify(t, dir, 1), log: hclog.NewNullLogger()}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	serialOf := func() int64 {
		t.Helper()
		c.looked = time.Time{} // a minute has passed
		pair, err := c.current(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.SerialNumber.Int64()
	}
	certify(t, dir, 2)
	later := time.Now().Add(time.Minute)
	for _, name := range []string{c.files.CertFile, c.files.KeyFile} {
		if err := os.Chtimes(name, later, later); err != nil {
			t.Fatal(err)
		}
	}
	if got := serialOf(); got != 2 {
		t.Fatalf("certificate %d is served after the renewal, want 2", got)
	}
	if err := os.WriteFile(c.files.CertFile, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(c.files.CertFile, later.Add(time.Minute), later.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got := serialOf(); got != 2 {
		t.Fatalf("a bad renewal replaced the certificate by %d", got)
	}
}
