package app

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/guichet/guichet/core/config"
)

// certificateLook is how often the files of the certificate are looked at, so that a renewed one is served without a
// restart.
const certificateLook = time.Minute

// secured makes a listener speak TLS where the configuration names a certificate. One that cannot be loaded is an error
// at once.
func secured(listener net.Listener, files config.TLS, log hclog.Logger) (net.Listener, error) {
	if files.CertFile == "" {
		return listener, nil
	}
	c := &certificate{files: files, log: log}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("the certificate cannot be used: %w (see [server.tls])", err)
	}
	return tls.NewListener(listener, &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: c.current, NextProtos: []string{"http/1.1"},
	}), nil
}

// certificate is a certificate that follows its files.
type certificate struct {
	files config.TLS
	log   hclog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	changed time.Time // of the newer file
	looked  time.Time
}

func (c *certificate) load() error {
	changed, err := c.newest()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.files.CertFile, c.files.KeyFile)
	if err != nil {
		return err
	}
	c.pair, c.changed, c.looked = &pair, changed, time.Now()
	return nil
}

func (c *certificate) newest() (time.Time, error) {
	var newest time.Time
	for _, name := range []string{c.files.CertFile, c.files.KeyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return time.Time{}, err
		}
		if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest, nil
}

// current returns the certificate, read again when its files have changed. A bad renewal leaves the old one in use.
func (c *certificate) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < certificateLook {
		return c.pair, nil
	}
	c.looked = time.Now()
	if changed, err := c.newest(); err == nil && changed.After(c.changed) {
		if err := c.load(); err != nil {
			c.log.Error("the renewed certificate cannot be used; the old one stays", "error", err)
		}
	}
	return c.pair, nil
}
