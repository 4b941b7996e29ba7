package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestLogIsReadableAndScrubbed(t *testing.T) {
	var out bytes.Buffer
	s := newScrubber()
	s.set("shop", []string{"s3cret/token+1", "tiny"})
	s.set("other", []string{"s3cret/token+1-longer"})
	log := newLogger(&out, slog.LevelInfo, s).With("account", "shop")
	log.Debug("not written")
	log.Warn("calling s3cret/token+1 tiny", "url", "https://x/?t=s3cret%2Ftoken%2B1", "error", fmt.Errorf("get: %w", errors.New("s3cret/token+1-longer")),
		slog.Group("g", "path", "/bots3cret%2Ftoken+1/send"))
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Fatalf("%d lines:\n%s", n, out.String())
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["@level"] != "warn" || line["@message"] != "calling ••• tiny" || line["account"] != "shop" ||
		line["error"] != "get: •••" || line["url"] != "https://x/?t=•••" {
		t.Errorf("%v", line)
	}
	// The form that go-plugin's host reads.
	if _, err := time.Parse("2006-01-02T15:04:05.000000Z07:00", line["@timestamp"].(string)); err != nil {
		t.Error(err)
	}
	if strings.Contains(out.String(), "s3cret") {
		t.Errorf("a secret is in %s", out.String())
	}
	s.set("shop", nil)
	if got := s.scrub("s3cret/token+1"); got != "s3cret/token+1" {
		t.Errorf("the secret of a closed account is still masked: %s", got)
	}
}
