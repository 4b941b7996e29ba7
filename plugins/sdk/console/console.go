// Package console plays the customer, the agent and the provider with a channel plugin, without a server: guichet plugin
// run. What is said and stored is kept in memory.
//
// It must not know the host beyond the protocol. Start reading at [Run].
package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk/sdktest"
)

// Options say with what to play.
type Options struct {
	Program   sdktest.Program
	Settings  map[string]any // of the account; nil: they are asked for
	Listen    string         // where the provider's requests are taken; "": a free port of this machine
	PublicURL string         // how the provider reaches that; "": as it is
	In        io.Reader
	Out       io.Writer
}

// account is the one account of a console.
const account = "console"

// patience is how long a call may take.
const patience = 30 * time.Second

// console is a plugin at play.
type console struct {
	options  Options
	lines    *bufio.Scanner
	settings map[string]any
	revision uint64
	address  string // of the account's callbacks

	printing sync.Mutex

	mu       sync.Mutex
	plugin   *sdktest.Launched
	stream   *sdktest.Stream // of live connections
	stopPull context.CancelFunc
	last     *channelv1.Event       // whom to answer
	sent     *channelv1.SendRequest // to be sent again
	numbers  int
}

// Run plays until the input ends or says so. Its error says why the plugin cannot be played with.
func Run(ctx context.Context, o Options) error {
	c := &console{options: o, lines: bufio.NewScanner(o.In)}
	c.lines.Buffer(nil, 1<<20)
	c.options.Program.Log = func(line string) { c.say("log", "%s", logText(line)) }
	plugin, err := sdktest.Launch(ctx, c.options.Program)
	if err != nil {
		return err
	}
	c.plugin = plugin
	defer func() { c.current().End() }()
	c.describe()
	if err := c.askSettings(); err != nil {
		return err
	}
	listen := o.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	c.address = "http://" + listener.Addr().String() + "/channels/" + account
	if o.PublicURL != "" {
		c.address = strings.TrimSuffix(o.PublicURL, "/") + "/channels/" + account
	}
	server := &http.Server{Handler: http.HandlerFunc(c.provider), ReadHeaderTimeout: patience}
	go func() { _ = server.Serve(listener) }() // until Close
	defer func() { _ = server.Close() }()
	if err := c.open(ctx); err != nil {
		return err
	}
	c.explain()
	c.play(ctx)
	c.close()
	return nil
}

func (c *console) current() *sdktest.Launched {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.plugin
}

// say prints a line: what of the conversation it is, and the text.
func (c *console) say(what, format string, args ...any) {
	c.printing.Lock()
	defer c.printing.Unlock()
	fmt.Fprintf(c.options.Out, "%s %s\n", what, fmt.Sprintf(format, args...))
}

// logText is a line of the plugin's log as people read it.
func logText(line string) string {
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil || fields["@message"] == nil {
		return line
	}
	text := fmt.Sprintf("%v: %v", fields["@level"], fields["@message"])
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if !strings.HasPrefix(key, "@") {
			text += fmt.Sprintf(" %s=%v", key, fields[key])
		}
	}
	return text
}

// describe shows the manifest.
func (c *console) describe() {
	m := c.plugin.Manifest
	c.say("#", "%s %s (plugin = %q)", m.GetName(), m.GetVersion(), m.GetId())
	var services []string
	for _, s := range m.GetServices() {
		services = append(services, strings.ToLower(s[strings.LastIndexByte(s, '.')+1:]))
	}
	if len(services) > 0 {
		c.say("#", "It serves %s.", strings.Join(services, ", "))
	}
	if limit := m.GetCapabilities().GetText(); limit.GetMax() > 0 {
		c.say("#", "A text has at most %d %s.", limit.GetMax(), strings.ToLower(limit.GetUnit().String()))
	}
	if notice := m.GetRetirementNotice(); notice != "" {
		c.say("#", "%s", notice)
	}
}

// askSettings asks for what is required and was not given.
func (c *console) askSettings() error {
	c.settings = map[string]any{}
	for key, value := range c.options.Settings {
		c.settings[key] = value
	}
	for _, s := range c.plugin.Manifest.GetSettings() {
		if _, given := c.settings[s.GetKey()]; given || c.options.Settings != nil || !s.GetRequired() || !c.shown(s) {
			continue
		}
		help := strings.TrimSpace(s.GetTitle() + ". " + s.GetHelp())
		if len(s.GetOptions()) > 0 {
			help += " One of " + strings.Join(s.GetOptions(), ", ") + "."
		}
		c.say("?", "%s: %s", s.GetKey(), help)
		if !c.lines.Scan() {
			return fmt.Errorf("the setting %s is required, and was not given", s.GetKey())
		}
		value, err := valueOf(s, strings.TrimSpace(c.lines.Text()))
		if err != nil {
			return fmt.Errorf("the setting %s: %w", s.GetKey(), err)
		}
		c.settings[s.GetKey()] = value
	}
	return nil
}

// shown reports whether a setting is asked for, with those that were given before it.
func (c *console) shown(s *channelv1.Setting) bool {
	key, want, conditional := strings.Cut(s.GetShowIf(), "=")
	if !conditional {
		return true
	}
	value := fmt.Sprint(c.settings[key])
	if c.settings[key] == nil {
		for _, other := range c.plugin.Manifest.GetSettings() {
			if other.GetKey() == key {
				value = other.GetDefault()
			}
		}
	}
	return value == want
}

// valueOf reads a setting's value as it is typed.
func valueOf(s *channelv1.Setting, text string) (any, error) {
	switch s.GetKind() {
	case "int":
		return strconv.Atoi(text)
	case "bool":
		return strconv.ParseBool(text)
	case "list":
		return strings.Split(text, ","), nil
	case "select":
		if !slices.Contains(s.GetOptions(), text) {
			return nil, fmt.Errorf("%q is none of its options", text)
		}
	}
	if text == "" {
		return nil, errors.New("it is empty")
	}
	return text, nil
}

// open opens the account, and what goes on beside the calls.
func (c *console) open(ctx context.Context) error {
	document, err := json.Marshal(c.settings)
	if err != nil {
		return err
	}
	c.revision++
	call, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	plugin := c.current()
	_, err = plugin.Channel.Open(call, &channelv1.OpenRequest{Account: &channelv1.Account{
		Id: account, Revision: c.revision, SettingsJson: document, PublicUrl: c.address, Test: true,
		Channels: []*channelv1.ChannelAddress{{Channel: account}},
	}})
	if err != nil {
		return fmt.Errorf("open the account: %s", reason(err))
	}
	plugin.Host.OnReceive(func(_ string, events []*channelv1.Event) { c.received(events) })
	if c.serves(channelv1.Live_ServiceDesc.ServiceName) {
		stream, err := plugin.OpenStream()
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.stream = stream
		c.mu.Unlock()
	}
	if c.serves(channelv1.Pull_ServiceDesc.ServiceName) {
		pulling, stop := context.WithCancel(ctx)
		c.stopPull = stop
		go c.pull(pulling, plugin)
	}
	return nil
}

func (c *console) serves(service string) bool {
	return slices.Contains(c.current().Manifest.GetServices(), service)
}

// explain says where the provider is to call, and how to go on.
func (c *console) explain() {
	callbacks := c.current().Manifest.GetCallbacks()
	if len(callbacks) == 0 && c.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
		c.say("#", "Requests: %s/…", c.address)
	}
	for _, callback := range callbacks {
		c.say("#", "%s: %s/%s  %s", callback.GetTitle(), c.address, callback.GetPath(), callback.GetHelp())
	}
	if c.serves(channelv1.Live_ServiceDesc.ServiceName) {
		c.say("#", "Live connections: ws%s/…", strings.TrimPrefix(c.address, "http"))
	}
	c.say("#", "Answer with > TEXT; /help lists the rest.")
}

// close ends the account as the end of the host does.
func (c *console) close() {
	if c.stopPull != nil {
		c.stopPull()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := c.current().Channel.Drain(ctx, &channelv1.DrainRequest{}); err != nil {
		c.say("!", "the plugin did not drain: %s", reason(err))
	}
	if c.stream != nil {
		c.stream.Break()
	}
}

// pull keeps a pull open, as the host does.
func (c *console) pull(ctx context.Context, plugin *sdktest.Launched) {
	for ctx.Err() == nil {
		cursor := plugin.Host.Cursor(account, channelv1.PullCursor)
		stream, err := plugin.Pull.Pull(ctx, &channelv1.PullRequest{Account: account, Cursor: cursor})
		after := time.Second
		for err == nil {
			var news *channelv1.PullResponse
			if news, err = stream.Recv(); err != nil {
				break
			}
			if ended := news.GetEnded(); ended != nil {
				after = max(after, ended.GetAfter().AsDuration())
				c.say("!", "the pull ended (%s): %s", strings.ToLower(ended.GetCause().String()), ended.GetReason())
				if ended.GetCause() == channelv1.PullEnded_NOTHING_TO_PULL {
					return
				}
			}
		}
		select {
		case <-time.After(after):
		case <-ctx.Done():
		case <-plugin.Ended():
			return
		}
	}
}
