package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// help lists what can be typed.
const help = `> TEXT                      answer the customer who wrote last
/to USER                    write to this user from now on
/retry                      send the last answer again, as after an outcome that was lost
/media FILE                 send a file
/fetch [HANDLE]             fetch an attachment (the last that came)
/typing                     show that somebody types
/http METHOD PATH [Name:value …] [--] [BODY]
                            call as the provider does; a signature that the manifest declares is added
/check, /register           look how the provider calls, or have it call
/restart                    kill the plugin and start it again
/quit                       end`

// play does what is typed, line by line.
func (c *console) play(ctx context.Context) {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for c.lines.Scan() {
			lines <- c.lines.Text()
		}
	}()
	for {
		ended := c.current().Ended()
		select {
		case <-ctx.Done():
			return
		case <-ended:
			c.say("!", "the plugin has ended: /restart starts it again")
			if line, more := <-lines; !more || !c.obey(ctx, line) {
				return
			}
		case line, more := <-lines:
			if !more || !c.obey(ctx, line) {
				return
			}
		}
	}
}

// obey does what one line says. It returns false at the end.
func (c *console) obey(ctx context.Context, line string) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	var err error
	switch word {
	case "", "#":
	case ">":
		err = c.answer(ctx, &channelv1.SendRequest{Text: rest})
	case "/to":
		err = c.to(rest)
	case "/retry":
		err = c.retry(ctx)
	case "/media":
		err = c.media(ctx, rest)
	case "/fetch":
		err = c.fetch(ctx, rest)
	case "/typing":
		err = c.typing(ctx)
	case "/http":
		err = c.request(ctx, rest)
	case "/check":
		err = c.check(ctx, false)
	case "/register":
		err = c.check(ctx, true)
	case "/restart":
		err = c.restart(ctx)
	case "/help":
		for l := range strings.SplitSeq(help, "\n") {
			c.say("#", "%s", l)
		}
	case "/quit":
		return false
	default:
		err = fmt.Errorf("there is no %s; /help lists what there is, and > TEXT answers", word)
	}
	if err != nil {
		c.say("!", "%s", reason(err))
	}
	return true
}

// reason is an error as people read it.
func reason(err error) string {
	if s, ok := status.FromError(err); ok {
		return strings.ToLower(s.Code().String()) + ": " + s.Message()
	}
	return err.Error()
}

var errNobody = errors.New("nobody has written yet; /to USER writes to somebody")

// to makes a user the one who is answered.
func (c *console) to(user string) error {
	if user == "" {
		return errors.New("call it as: /to USER")
	}
	kind := c.current().Manifest.GetId() + "-user"
	c.mu.Lock()
	defer c.mu.Unlock()
	if ids := c.last.GetSender().GetIdentities(); len(ids) > 0 {
		kind = ids[0].GetKind()
	}
	c.last = &channelv1.Event{
		Thread: &channelv1.Thread{Id: user, Kind: "user"},
		Sender: &channelv1.Sender{Identities: []*channelv1.Identity{{Kind: kind, Value: user, Scoped: true}}},
	}
	return nil
}

// answer sends to the customer who wrote last.
func (c *console) answer(ctx context.Context, send *channelv1.SendRequest) error {
	c.mu.Lock()
	last := c.last
	c.numbers++
	number := c.numbers
	c.mu.Unlock()
	if last == nil {
		return errNobody
	}
	send.Account, send.OutboxId = account, fmt.Sprintf("00000000-0000-4000-8000-%012d", number)
	send.Thread, send.Address = last.GetThread(), last.GetAddress()
	if ids := last.GetSender().GetIdentities(); len(ids) > 0 {
		send.Recipient = ids[0]
	}
	send.Author = &channelv1.Author{Kind: channelv1.Author_AGENT, Name: "You"}
	send.Context = &channelv1.Context{
		ReplyToken: last.GetMessage().GetReplyToken(), LastInboundId: last.GetMessage().GetId(), LastInboundAt: last.GetOccurredAt(),
	}
	if plugin := c.current(); c.serves(channelv1.Live_ServiceDesc.ServiceName) {
		plugin.Conversations.Say(account, last.GetThread(), &channelv1.ThreadMessage{
			Id: send.GetOutboxId(), ExternalId: send.GetOutboxId(), Text: send.GetText(), CreatedAt: timestamppb.Now(),
			Author: &channelv1.ThreadAuthor{Kind: channelv1.ThreadAuthor_AGENT, Name: "You"},
		})
	}
	return c.send(ctx, send)
}

// send gives a message to the plugin, all its parts, and says what came of it.
func (c *console) send(ctx context.Context, send *channelv1.SendRequest) error {
	c.mu.Lock()
	c.sent = proto.CloneOf(send)
	c.mu.Unlock()
	for range 20 {
		r, err := c.current().Channel.Send(ctx, send)
		if err != nil {
			return fmt.Errorf("the outcome is not known: %s", reason(err))
		}
		c.say(">", "%s", outcomeText(r))
		resume := r.GetAccepted().GetResume()
		if resume == "" {
			return nil
		}
		send = proto.CloneOf(send)
		send.Resume = resume
	}
	return errors.New("the message has more than 20 parts: it is not sent on")
}

func outcomeText(r *channelv1.SendResponse) string {
	m := r.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("outcome"))
	if field == nil {
		return "no outcome: the host takes that for unknown"
	}
	text := strings.ReplaceAll(string(field.Name()), "_", " ")
	if a := r.GetAccepted(); a.GetAlready() {
		text = "already accepted"
	}
	if len(r.GetExternalIds()) > 0 {
		text += " as " + strings.Join(r.GetExternalIds(), ", ")
	}
	inner := m.Get(field).Message()
	if why := inner.Descriptor().Fields().ByName("reason"); why != nil && inner.Get(why).String() != "" {
		text += ": " + inner.Get(why).String()
	}
	if after := r.GetRateLimited().GetAfter().AsDuration() + r.GetRetryable().GetAfter().AsDuration(); after > 0 {
		text += fmt.Sprintf(" (again after %s)", after)
	}
	return text
}

// retry sends the last answer again, under its id.
func (c *console) retry(ctx context.Context) error {
	c.mu.Lock()
	send := c.sent
	c.mu.Unlock()
	if send == nil {
		return errors.New("nothing was sent yet")
	}
	send = proto.CloneOf(send)
	send.Previous = append(send.Previous, &channelv1.Attempt{StartedAt: timestamppb.Now(), Context: send.GetContext(), WithoutOutcome: true})
	return c.send(ctx, send)
}

func (c *console) media(ctx context.Context, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	kind := mime.TypeByExtension(filepath.Ext(file))
	if kind == "" {
		kind = "application/octet-stream"
	}
	kind, _, _ = strings.Cut(kind, ";")
	handle := c.current().Host.AddMedia(account, kind, filepath.Base(file), content)
	return c.answer(ctx, &channelv1.SendRequest{Attachments: []*channelv1.OutgoingAttachment{
		{Handle: handle, Type: kind, Name: filepath.Base(file), Size: uint64(len(content))},
	}})
}

func (c *console) fetch(ctx context.Context, handle string) error {
	if !c.serves(channelv1.Media_ServiceDesc.ServiceName) {
		return errors.New("the plugin fetches no attachments")
	}
	c.mu.Lock()
	if attachments := c.last.GetMessage().GetAttachments(); handle == "" && len(attachments) > 0 {
		handle = attachments[len(attachments)-1].GetHandle()
	}
	c.mu.Unlock()
	stream, err := c.current().Media.FetchMedia(ctx, &channelv1.FetchMediaRequest{Account: account, Handle: handle, MaxBytes: 64 << 20})
	size, kind := 0, ""
	for err == nil {
		var part *channelv1.FetchMediaResponse
		if part, err = stream.Recv(); err != nil {
			break
		}
		size += len(part.GetChunk())
		if head := part.GetHead(); head != nil {
			kind = head.GetType()
		} else if part.GetChunk() == nil {
			c.say("#", "%v", part)
		}
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	c.say("#", "%d bytes of %s", size, kind)
	return nil
}

func (c *console) typing(ctx context.Context) error {
	if !c.serves(channelv1.Signals_ServiceDesc.ServiceName) {
		return errors.New("the plugin passes on no signals")
	}
	c.mu.Lock()
	last := c.last
	c.mu.Unlock()
	if last == nil {
		return errNobody
	}
	signal := &channelv1.SignalRequest{Account: account, Thread: last.GetThread(), Kind: &channelv1.SignalRequest_Typing{Typing: &channelv1.Typing{}}}
	if ids := last.GetSender().GetIdentities(); len(ids) > 0 {
		signal.Recipient = ids[0]
	}
	_, err := c.current().Signals.Signal(ctx, signal)
	return err
}

var headerForm = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*):(\S*)$`)

// request plays the provider: METHOD PATH [Name:value …] [--] [BODY].
func (c *console) request(ctx context.Context, words string) error {
	method, rest, _ := strings.Cut(words, " ")
	path, rest, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if method == "" || path == "" {
		return errors.New("call it as: /http METHOD PATH [Name:value …] [--] [BODY]")
	}
	r := &channelv1.HTTPRequest{Method: strings.ToUpper(method), RemoteAddress: "127.0.0.1"}
	target, err := url.Parse(strings.TrimPrefix(path, "/"))
	if err != nil {
		return err
	}
	r.Path, r.RawQuery = target.EscapedPath(), target.RawQuery
	r.Url = c.address + "/" + target.String()
	for rest = strings.TrimSpace(rest); rest != ""; {
		word, more, _ := strings.Cut(rest, " ")
		if word == "--" {
			rest = more
			break
		}
		header := headerForm.FindStringSubmatch(word)
		if header == nil {
			break
		}
		r.Headers = append(r.Headers, &channelv1.Header{Name: header[1], Value: header[2]})
		rest = strings.TrimSpace(more)
	}
	r.Body = []byte(rest)
	response, err := c.handle(ctx, r, true)
	if err != nil {
		return err
	}
	c.say("#", "%d %.200s", response.GetStatus(), strings.TrimSpace(string(response.GetBody())))
	return nil
}

func (c *console) check(ctx context.Context, register bool) error {
	if !c.serves(channelv1.Registration_ServiceDesc.ServiceName) {
		return errors.New("the plugin registers nothing")
	}
	var checks []*channelv1.Check
	if register {
		r, err := c.current().Registration.Register(ctx, &channelv1.RegisterRequest{Account: account})
		if err != nil {
			return err
		}
		checks = r.GetChecks()
	} else {
		r, err := c.current().Registration.CheckSubscription(ctx, &channelv1.CheckSubscriptionRequest{Account: account})
		if err != nil {
			return err
		}
		checks = r.GetChecks()
	}
	for _, check := range checks {
		c.say("#", "%s: %s %s %s", check.GetTitle(), strings.ToLower(check.GetState().String()), check.GetDetail(), check.GetFix())
	}
	return nil
}

// restart kills the plugin and starts it with the state that the host keeps.
func (c *console) restart(ctx context.Context) error {
	if c.stopPull != nil {
		c.stopPull()
	}
	former := c.current()
	former.Kill()
	former.End()
	began := time.Now()
	next, err := former.Again(ctx, c.options.Program)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.plugin, c.stream = next, nil
	c.mu.Unlock()
	c.say("#", "the plugin was started again in %s", time.Since(began).Round(time.Millisecond))
	return c.open(context.WithoutCancel(ctx))
}
