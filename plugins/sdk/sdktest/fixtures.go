package sdktest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Fixtures are what an author tells the command line of a plugin: the options of Run, as a JSON file. Whatever is not in
// it is not tested.
//
// With a provider, a fake of the provider's API is started first, in the file's directory; the address that it prints as
// its first line stands for {provider} everywhere in the file.
type Fixtures struct {
	Provider     []string                           `json:"provider"` // command and arguments
	Settings     map[string]any                     `json:"settings"`
	Genuine      map[string]FixtureRequest          `json:"genuine"`
	Forged       map[string]FixtureRequest          `json:"forged"`
	Unknown      map[string]FixtureRequest          `json:"unknown"`
	Live         *FixtureLive                       `json:"live"`
	Outcomes     map[string]FixtureOutcome          `json:"outcomes"`
	Media        *FixtureMedia                      `json:"media"`
	Pull         *FixturePull                       `json:"pull"`
	Registration *FixtureRegistration               `json:"registration"`
	Templates    *struct{ Settings map[string]any } `json:"templates"`
}

// FixtureRequest is a request as a provider sends it.
type FixtureRequest struct {
	Method  string            `json:"method"` // POST when it is not given
	Path    string            `json:"path"`   // below the account
	Query   string            `json:"query"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	JSON    json.RawMessage   `json:"json"` // a body that is JSON, instead of body
}

// FixtureLive is a live connection that is accepted, and what the browser says first.
type FixtureLive struct {
	Request FixtureRequest `json:"request"`
	Hello   string         `json:"hello"`
}

// FixtureOutcome is a message and where it is sent with the outcome.
type FixtureOutcome struct {
	Settings map[string]any  `json:"settings"`
	Send     json.RawMessage `json:"send"` // a SendRequest of channel.proto, in protobuf's JSON form
}

// FixtureMedia names attachments by their handles.
type FixtureMedia struct {
	Settings map[string]any `json:"settings"`
	Fetch    string         `json:"fetch"`
	Gone     string         `json:"gone"`
	Refused  string         `json:"refused"`
}

// FixturePull leads to a fake of the provider.
type FixturePull struct {
	Settings map[string]any `json:"settings"`
	Put      string         `json:"put"`   // an address; posted to with {n} replaced, it makes n new events
	Asked    string         `json:"asked"` // an address that tells how often events were asked for
}

// FixtureRegistration leads to a fake of the provider.
type FixtureRegistration struct {
	Settings map[string]any `json:"settings"`
	Address  string         `json:"address"` // an address that tells which callback is registered, "" for none
}

func (r FixtureRequest) wire() *channelv1.HTTPRequest {
	body := []byte(r.Body)
	if len(r.JSON) > 0 {
		body = r.JSON
	}
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	out := request("a", method, r.Path, body)
	out.Headers = nil
	for _, name := range inOrder(r.Headers) {
		out.Headers = append(out.Headers, &channelv1.Header{Name: name, Value: r.Headers[name]})
	}
	if out.RawQuery = r.Query; r.Query != "" {
		out.Url += "?" + r.Query
	}
	return out
}

// ReadFixtures reads a file of fixtures and starts the fake provider that it names, if it names one. The caller owes
// release.
func ReadFixtures(ctx context.Context, file string) (options []Option, release func(), err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("read the fixtures: %w", err)
	}
	end := func() {}
	defer func() {
		if err != nil {
			end()
		}
	}()
	var before struct {
		Provider []string `json:"provider"`
	}
	if err := json.Unmarshal(text, &before); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(before.Provider) > 0 {
		address, stop, err := startProvider(ctx, filepath.Dir(file), before.Provider)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: the provider: %w", file, err)
		}
		end = stop
		text = bytes.ReplaceAll(text, []byte("{provider}"), []byte(address))
	}
	var f Fixtures
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	options, err = f.options()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return options, end, nil
}

func (f *Fixtures) options() ([]Option, error) {
	options := []Option{Settings(f.Settings)}
	for name, r := range f.Genuine {
		options = append(options, Genuine(name, r.wire()))
	}
	for name, r := range f.Forged {
		options = append(options, Forged(name, r.wire()))
	}
	for name, r := range f.Unknown {
		options = append(options, Unknown(name, r.wire()))
	}
	if f.Live != nil {
		var hello []byte
		if f.Live.Hello != "" {
			hello = []byte(f.Live.Hello)
		}
		if f.Live.Request.Method == "" {
			f.Live.Request.Method = http.MethodGet
		}
		options = append(options, LiveRequest(f.Live.Request.wire(), hello))
	}
	for name, o := range f.Outcomes {
		send := &channelv1.SendRequest{}
		if err := protojson.Unmarshal(o.Send, send); err != nil {
			return nil, fmt.Errorf("outcomes.%s.send: %w", name, err)
		}
		if !slices.Contains(outcomeNames, name) {
			return nil, fmt.Errorf("outcomes.%s: there are %s", name, strings.Join(outcomeNames, ", "))
		}
		options = append(options, Sends(name, Outcome{Settings: o.Settings, Send: send}))
	}
	if m := f.Media; m != nil {
		options = append(options, Holds(Contents(*m)))
	}
	if p := f.Pull; p != nil {
		options = append(options, Pulls(Source{
			Settings: p.Settings,
			Put:      func(n int) { _ = askFake(http.MethodPost, strings.ReplaceAll(p.Put, "{n}", strconv.Itoa(n))) }, // then nothing comes
			Asked: func() int {
				n, _ := strconv.Atoi(askFake(http.MethodGet, p.Asked))
				return n
			},
		}))
	}
	if r := f.Registration; r != nil {
		options = append(options, Registers(Registry{
			Settings: r.Settings, Address: func() string { return askFake(http.MethodGet, r.Address) },
		}))
	}
	if f.Templates != nil {
		options = append(options, Catalogue(f.Templates.Settings))
	}
	return options, nil
}

// askFake calls a fake provider's own address and returns what it answers.
func askFake(method, address string) string {
	r, err := http.NewRequest(method, address, nil)
	if err != nil {
		return err.Error()
	}
	answer, err := (&http.Client{Timeout: patience}).Do(r)
	if err != nil {
		return err.Error()
	}
	body, _ := io.ReadAll(answer.Body) // half an answer is as wrong as none
	_ = answer.Body.Close()
	return strings.TrimSpace(string(body))
}

// startProvider starts a fake provider and reads its address from its first line.
func startProvider(ctx context.Context, dir string, command []string) (address string, end func(), err error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // running it is the purpose
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "", nil, err
	}
	end = func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // killed, as it should be
	}
	first := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		lines.Scan()
		first <- strings.TrimSpace(lines.Text())
		_, _ = io.Copy(io.Discard, out) // so that it never waits for a reader
	}()
	select {
	case address = <-first:
	case <-time.After(startLimit):
	}
	if !strings.HasPrefix(address, "http://") {
		end()
		return "", nil, fmt.Errorf("%s is to print its address, http://…, as its first line within %s, and printed %q", command[0], startLimit, address)
	}
	return address, end, nil
}
