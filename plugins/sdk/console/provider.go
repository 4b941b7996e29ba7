package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk/sdktest"
)

// handle has the plugin handle a request, and takes its events.
func (c *console) handle(ctx context.Context, r *channelv1.HTTPRequest, sign bool) (*channelv1.HTTPResponse, error) {
	if !c.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
		return nil, errors.New("the plugin takes no requests")
	}
	plugin := c.current()
	r.Account, r.ReceivedAt = account, timestamppb.Now()
	if sign {
		sdktest.Sign(plugin.Manifest, c.settings, r)
	}
	response, err := plugin.Webhook.HandleHTTP(ctx, r)
	if err != nil {
		return nil, err
	}
	c.received(response.GetEvents())
	return response, nil
}

// received prints events, and remembers whom to answer.
func (c *console) received(events []*channelv1.Event) {
	for _, e := range events {
		c.mu.Lock()
		if known := e.GetSender() != nil || e.GetThread() != nil; known && (e.GetMessage() != nil || c.last == nil) {
			c.last = e
		}
		c.mu.Unlock()
		c.say("<", "%s", eventText(e))
		if m := e.GetMessage(); m != nil && c.serves(channelv1.Live_ServiceDesc.ServiceName) {
			c.current().Conversations.Say(account, e.GetThread(), &channelv1.ThreadMessage{
				Id: e.GetId(), ExternalId: m.GetId(), Text: m.GetText(), CreatedAt: timestamppb.Now(),
				Author: &channelv1.ThreadAuthor{Kind: channelv1.ThreadAuthor_CUSTOMER, Name: who(e)},
			})
		}
	}
}

func who(e *channelv1.Event) string {
	switch {
	case e.GetSender().GetName() != "":
		return e.GetSender().GetName()
	case len(e.GetSender().GetIdentities()) > 0:
		return e.GetSender().GetIdentities()[0].GetValue()
	}
	return e.GetThread().GetId()
}

// eventText tells an event in a line.
func eventText(e *channelv1.Event) string {
	m := e.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("kind"))
	if field == nil {
		return fmt.Sprintf("event %s says nothing", e.GetId())
	}
	text := fmt.Sprintf("%s %s from %s", strings.ReplaceAll(string(field.Name()), "_", " "), e.GetId(), who(e))
	if said := e.GetMessage(); said != nil {
		text += ": " + said.GetText()
		for _, a := range said.GetAttachments() {
			text += fmt.Sprintf(" [%s %s, %d bytes]", a.GetType(), a.GetName(), a.GetSize())
		}
		return text
	}
	inner, err := protojson.Marshal(m.Get(field).Message().Interface())
	if err != nil || string(inner) == "{}" {
		return text
	}
	return text + " " + string(inner)
}

// provider takes the requests that come to the console's address.
func (c *console) provider(w http.ResponseWriter, r *http.Request) {
	path, found := strings.CutPrefix(r.URL.EscapedPath(), "/channels/"+account+"/")
	if !found {
		http.Error(w, "requests of the provider come to /channels/"+account+"/…", http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	wire := &channelv1.HTTPRequest{
		Account: account, Method: r.Method, Url: c.address + "/" + path, Path: path, RawQuery: r.URL.RawQuery, Body: body,
		RemoteAddress: r.RemoteAddr, ReceivedAt: timestamppb.Now(),
	}
	if r.URL.RawQuery != "" {
		wire.Url += "?" + r.URL.RawQuery
	}
	for name, values := range r.Header {
		for _, value := range values {
			wire.Headers = append(wire.Headers, &channelv1.Header{Name: name, Value: value})
		}
	}
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && c.serves(channelv1.Live_ServiceDesc.ServiceName) {
		c.connect(w, r, wire)
		return
	}
	response, err := c.handle(r.Context(), wire, false)
	if err != nil {
		c.say("!", "%s %s: %s", r.Method, path, reason(err))
		http.Error(w, "try again later", http.StatusServiceUnavailable)
		return
	}
	write(w, response)
}

func write(w http.ResponseWriter, response *channelv1.HTTPResponse) {
	for _, h := range response.GetHeaders() {
		w.Header().Add(h.GetName(), h.GetValue())
	}
	w.WriteHeader(max(int(response.GetStatus()), 200))
	_, _ = w.Write(response.GetBody()) // who has gone needs no answer
}

// connect carries a live connection between a browser and the plugin.
func (c *console) connect(w http.ResponseWriter, r *http.Request, wire *channelv1.HTTPRequest) {
	c.mu.Lock()
	stream := c.stream
	c.mu.Unlock()
	if stream == nil {
		http.Error(w, "try again later", http.StatusServiceUnavailable)
		return
	}
	b := stream.Open(wire)
	refused, err := b.Verdict()
	switch {
	case err != nil:
		http.Error(w, "try again later", http.StatusServiceUnavailable)
		return
	case refused != nil:
		write(w, refused)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // any page may be tried
	if err != nil {
		b.Close(0)
		return
	}
	conn.SetReadLimit(channelv1.LiveMaxPayloadBytes)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel()
		for {
			_, content, err := conn.Read(ctx)
			if err != nil || b.Send(content) != nil {
				b.Close(int(max(websocket.CloseStatus(err), 0)))
				return
			}
		}
	}()
	for ctx.Err() == nil {
		content, err := b.Receive()
		switch {
		case err == nil:
			write, done := context.WithTimeout(ctx, 10*time.Second)
			err = conn.Write(write, websocket.MessageText, content)
			done()
			if err != nil {
				return
			}
		case errors.Is(err, sdktest.ErrClosed):
			code, _ := b.Closed()
			_ = conn.Close(websocket.StatusCode(max(code, 1000)), "") // it may have gone
			return
		case !errors.Is(err, sdktest.ErrNothingCame):
			_ = conn.Close(websocket.StatusServiceRestart, "the plugin has gone") // likewise
			return
		}
	}
}
