package sdktest

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

const (
	drainLimit = 10 * time.Second
	// endLimit is how long a plugin may take to end by itself; the sentences say 3 s, and the machine may be busy.
	endLimit = 5 * time.Second
)

func (s *suite) healthy(t T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if r, err := s.Channel.Health(ctx, &channelv1.HealthRequest{}); err != nil || !r.GetHealthy() {
		t.Errorf("Health: %v, %v", r, err)
	}
}

// answering reports a plugin that does not answer, whatever it answers.
func (s *suite) answering(t T, after string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := s.Channel.Health(ctx, &channelv1.HealthRequest{}); err != nil {
		t.Errorf("after %s it answers no more: %v", after, err)
	}
}

// spooling has a request handled by one process, and the same one much later by another.
func (s *suite) spooling(t T) {
	first := s.with(s.launch(t, newHost()).Plugin)
	v := first.Manifest.GetVerification()
	if v == nil {
		t.Skip("the manifest declares no verification: while the plugin is down, the provider gets 503")
	}
	var names []string
	for _, name := range inOrder(s.genuine) {
		if verifiable(v, s.genuine[name]) && newDigest(v.GetAlgorithm()) != nil {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Skip("no genuine request for the path of the verification was given (in the fixtures: \"genuine\")")
	}
	first.Open(t, "a", first.settings)
	now := map[string]*channelv1.HTTPResponse{}
	for _, name := range names {
		r := first.signed(s.genuine[name])
		r.Account = "a"
		now[name] = first.handle(t, r)
	}
	later := s.with(s.launch(t, newHost()).Plugin)
	later.Open(t, "a", later.settings)
	for _, name := range names {
		r := later.signed(s.genuine[name])
		r.Account, r.ReceivedAt = "a", timestamppb.New(time.Now().Add(-26*time.Hour))
		response := later.handle(t, r)
		if response.GetStatus() >= 400 || len(response.GetEvents()) == 0 {
			t.Errorf("%s, kept for 26 h: the plugin answered %d with %d events, though the host has verified it by the manifest and told the provider that it was taken",
				name, response.GetStatus(), len(response.GetEvents()))
			continue
		}
		later.sameEvents(t, name, now[name], response)
	}
}

// isolation does what no host would do, and looks who notices.
func (s *suite) isolation(t T) {
	l := s.launch(t, newHost())
	s = s.with(l.Plugin)
	s.Open(t, "a", s.settings)
	s.Open(t, "b", s.settings)
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	var odd []*channelv1.HTTPRequest
	paths := []string{""}
	for _, callback := range s.Manifest.GetCallbacks() {
		paths = append(paths, callback.GetPath())
	}
	for _, path := range paths {
		for _, body := range []string{"", "{", "null", "{\"events\":null}", "{\"events\":[null]}", "[[]]", "\x00\xff", strings.Repeat("[", 200_000)} {
			odd = append(odd, s.signed(request("a", "POST", path, []byte(body))), request("a", "POST", path, []byte(body)))
		}
	}
	odd = append(odd,
		&channelv1.HTTPRequest{Account: "a"}, &channelv1.HTTPRequest{Account: "a", Method: "\x00", Url: "::", Path: "%zz"},
		&channelv1.HTTPRequest{Account: "a", Method: "GET", Headers: []*channelv1.Header{{}, {Name: ":", Value: "\n"}}})
	calls := map[string]func() error{
		"Open without an account": func() error { _, err := s.Channel.Open(ctx, &channelv1.OpenRequest{}); return err },
		"Open with settings that are a list": func() error {
			_, err := s.Channel.Open(ctx, &channelv1.OpenRequest{Account: &channelv1.Account{Id: "odd", Revision: 1, SettingsJson: []byte("[1]")}})
			return err
		},
		"Close without an account": func() error { _, err := s.Channel.Close(ctx, &channelv1.CloseRequest{}); return err },
		"Send without anything":    func() error { _, err := s.Channel.Send(ctx, &channelv1.SendRequest{}); return err },
		"Signal without a kind":    func() error { _, err := s.Signals.Signal(ctx, &channelv1.SignalRequest{Account: "a"}); return err },
	}
	if s.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
		for i, r := range odd {
			calls["HandleHTTP with nonsense "+string(rune('a'+i%26))+strings.Repeat("'", i/26)] = func() error {
				_, err := s.Webhook.HandleHTTP(ctx, r)
				return err
			}
		}
	}
	for _, what := range inOrder(calls) {
		err := calls[what]()
		if l.process.over() || status.Code(err) == codes.Unavailable && timely(quiet, l.process.over) {
			t.Fatalf("%s ended the whole process (%s), and with it every account; on standard error:\n%s", what, l.process.result, l.process.stderr.last())
		}
	}
	s.answering(t, "calls with nonsense")
	for _, id := range []string{"a", "b"} {
		if s.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
			if _, err := s.Webhook.HandleHTTP(ctx, request(id, "GET", "", nil)); err != nil {
				t.Errorf("after calls with nonsense the account %s answers: %v", id, err)
			}
		}
	}
	if m, err := s.Channel.Describe(ctx, &channelv1.DescribeRequest{}); err != nil || !proto.Equal(m, s.Manifest) {
		t.Errorf("after calls with nonsense the manifest is another: %v", err)
	}
}

// limits sends what is just below the limit, and what is beyond it.
func (s *suite) limits(t T) {
	s = s.with(s.launch(t, newHost()).Plugin)
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	send := func(size int) error {
		_, err := s.Channel.Send(ctx, &channelv1.SendRequest{Account: "never-opened", OutboxId: "1", Text: strings.Repeat("x", size)}, grpc.MaxCallSendMsgSize(64<<20))
		return err
	}
	if err := send(channelv1.MaxMessageBytes - 1<<10); status.Code(err) != codes.NotFound {
		t.Errorf("a call with almost 16 MiB, about an account that is not open: %v", err)
	}
	if err := send(channelv1.MaxMessageBytes + 1<<10); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a call with more than 16 MiB: %v", err)
	}
	s.answering(t, "a call that was too large")
	if !s.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
		return
	}
	s.Open(t, "a", s.settings)
	s.handle(t, request("a", "POST", "no-such-path", make([]byte, 15<<20)))
}

// drain drains while requests are under way, and then has the process end.
func (s *suite) drain(t T) {
	l := s.launch(t, newHost())
	s = s.with(l.Plugin)
	s.Open(t, "a", s.settings)
	ctx, cancel := context.WithTimeout(t.Context(), drainLimit)
	defer cancel()
	began := time.Now()
	var calls sync.WaitGroup
	stop := make(chan struct{})
	if s.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
		for range 8 {
			calls.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					// NOT_FOUND also says that nothing was done: the account was closed first.
					_, err := s.Webhook.HandleHTTP(ctx, request("a", "POST", "no-such-path", []byte("{}")))
					if code := status.Code(err); code == codes.Aborted || code == codes.NotFound {
						return
					} else if err != nil {
						t.Errorf("a request that came beside the drain: %v; it is answered, or ABORTED when nothing was done for it", err)
						return
					}
				}
			})
		}
	}
	if _, err := s.Channel.Drain(ctx, &channelv1.DrainRequest{}); err != nil {
		t.Errorf("Drain, after %s: %v", time.Since(began).Round(time.Millisecond), err)
	}
	close(stop)
	calls.Wait()
	if _, err := s.Channel.Send(ctx, &channelv1.SendRequest{Account: "a", OutboxId: "1", Text: "hello"}); status.Code(err) != codes.Aborted {
		t.Errorf("Send after the drain: %v; it is ABORTED, the sign that nothing was done", err)
	}
	if s.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
		if _, err := s.Webhook.HandleHTTP(ctx, request("a", "GET", "", nil)); status.Code(err) != codes.Aborted {
			t.Errorf("HandleHTTP after the drain: %v; it is ABORTED, the sign that nothing was done", err)
		}
	}
	go l.client.Kill() // calls Shutdown, and kills what is still there after 2 s
	if !timely(patience, l.process.over) || strings.Contains(l.process.result, "signal") {
		t.Errorf("the process did not end at GRPCController.Shutdown and was killed: %q", l.process.result)
	}
}

// restart kills the plugin, and compares what the next process makes of the same.
func (s *suite) restart(t T) {
	l := s.launch(t, newHost())
	run := s.with(l.Plugin)
	pulls := run.serves(channelv1.Pull_ServiceDesc.ServiceName) && s.source != nil
	if pulls {
		s.restartPull(t)
	}
	webhooks := run.serves(channelv1.Webhook_ServiceDesc.ServiceName) && len(s.genuine) > 0
	if !webhooks {
		if !pulls {
			t.Skip("neither genuine requests nor a provider to pull from were given")
		}
		return
	}
	handle := func(run *suite) map[string]*channelv1.HTTPResponse {
		run.Open(t, "a", run.settings)
		responses := map[string]*channelv1.HTTPResponse{}
		for _, name := range inOrder(s.genuine) {
			r := run.signed(s.genuine[name])
			r.Account = "a"
			responses[name] = run.handle(t, r)
		}
		return responses
	}
	first := handle(run)
	l.Kill()
	second := handle(s.with(s.launch(t, newHost()).Plugin))
	for _, name := range inOrder(first) {
		run.sameEvents(t, name+", after a restart", first[name], second[name])
	}
}

// hostGone lets the host go in two ways.
func (s *suite) hostGone(t T) {
	if !inheritsFiles {
		t.Skip("processes inherit no files on this system")
	}
	l := s.launch(t, newHost())
	interrupt(l.process.cmd.Process.Pid)
	if timely(quiet, l.process.over) {
		t.Errorf("it ended at SIGTERM while the host lives (%s): service managers send it to all processes at once, and the host is still draining", l.process.result)
	} else {
		s.with(l.Plugin).answering(t, "SIGTERM")
		l.process.cut()
		if !timely(endLimit, l.process.over) {
			t.Errorf("the lifeline has ended, and the process still runs after %s: it would go on for ever, beside the one of the next host", endLimit)
		}
	}
	s.parentKilled(t)
}

// parentKilled starts the plugin from a process between, which holds the lifeline and is killed as a host may be.
func (s *suite) parentKilled(t T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Logf("there is no shell to stand for a host that is killed")
		return
	}
	dir := shortDirectory(t)
	between := *s
	between.subject.program.Path = shell
	// The shell makes the lifeline itself, a pipe whose other end it holds as descriptor 4.
	between.subject.program.Args = append([]string{
		"-c", `mkfifo "$0/line" && exec 4<>"$0/line" && { "$@" 3<"$0/line" 4>&- & } && exec 3<&- && wait`, dir, s.subject.program.Path,
	}, s.subject.program.Args...)
	env := s.hostEnvironment(dir)
	if !s.subject.program.NoTLS {
		env = append(env, "PLUGIN_CLIENT_CERT="+pemOf(newCertificate(t)))
	}
	p := between.startBare(t, dir, env...)
	if !timely(startLimit, func() bool { return len(p.stdout.all()) > 0 || p.over() }) || p.over() {
		t.Errorf("started below another process it was not ready in time:\n%s", p.stderr.last())
		return
	}
	_ = p.cmd.Process.Kill() // the shell alone
	// Its output ends when nobody of the group holds it any more.
	if !timely(endLimit, p.over) {
		t.Errorf("its host was killed, and the process still runs after %s", endLimit)
	}
}
