package channel

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"
)

// TestHostCertificate: what a plugin is given is the public half of what the host speaks with, on a curve that every TLS
// library takes, for as long as a plugin may run, and another one for each start.
func TestHostCertificate(t *testing.T) {
	config, text, err := mutualTLS()
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
		t.Fatalf("it is given %q", text)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := c.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("its key is a %T", c.PublicKey)
	}
	roots := x509.NewCertPool()
	roots.AddCert(c)
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		for _, at := range []time.Time{time.Now(), time.Now().AddDate(20, 0, 0)} {
			if _, err := c.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}, CurrentTime: at}); err != nil {
				t.Errorf("in %d: %v", at.Year(), err)
			}
		}
	}
	if string(config.Certificates[0].Certificate[0]) != string(block.Bytes) {
		t.Error("the host speaks with another certificate")
	}
	if _, again, err := mutualTLS(); err != nil || string(again) == string(text) {
		t.Errorf("the next start has the same certificate: %v", err)
	}
}
