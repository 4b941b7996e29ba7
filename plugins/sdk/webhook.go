package sdk

import (
	"context"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// webhookServer serves the optional service Webhook.
type webhookServer struct {
	channelv1.UnimplementedWebhookServer
	*server
}

// HandleHTTP implements the protocol.
func (s *webhookServer) HandleHTTP(ctx context.Context, r *channelv1.HTTPRequest) (_ *channelv1.HTTPResponse, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end("HandleHTTP", &err)
	a, err := s.account(r.GetAccount())
	if err != nil {
		return nil, err
	}
	defer a.use.leave()
	handler, ok := a.channel.(WebhookHandler)
	if !ok {
		return nil, status.Errorf(codes.Unimplemented, "account %q takes no requests", r.GetAccount())
	}
	request, err := requestIn(ctx, r)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	w := &webhookWriter{}
	handler.ServeWebhook(w, request)
	return w.response()
}

// webhookWriter gathers the response and the events.
type webhookWriter struct {
	header http.Header
	status int
	body   []byte
	events []Event
}

func (w *webhookWriter) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *webhookWriter) WriteHeader(status int) {
	// Informational responses cannot be passed on: there is one response.
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *webhookWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, p...)
	return len(p), nil
}

// Receive implements WebhookWriter.
func (w *webhookWriter) Receive(events ...Event) { w.events = append(w.events, events...) }

func (w *webhookWriter) response() (*channelv1.HTTPResponse, error) {
	w.WriteHeader(http.StatusOK)
	events, err := eventsOut(w.events)
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	out := &channelv1.HTTPResponse{Status: uint32(w.status), Body: w.body, Events: events} //nolint:gosec // an HTTP status
	for name, values := range w.header {
		for _, value := range values {
			out.Headers = append(out.Headers, &channelv1.Header{Name: name, Value: value})
		}
	}
	return out, nil
}
