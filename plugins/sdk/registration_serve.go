package sdk

import (
	"context"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// The optional services that speak to the provider about the account itself.
type (
	registrationServer struct {
		channelv1.UnimplementedRegistrationServer
		*server
	}
	templatesServer struct {
		channelv1.UnimplementedTemplatesServer
		*server
	}
)

// registrar finds the account of a call; the caller owes leave.
func (s *registrationServer) registrar(id string) (r Registrar, leave func(), err error) {
	a, err := s.account(id)
	if err != nil {
		return nil, nil, err
	}
	if r, ok := a.channel.(Registrar); ok {
		return r, a.use.leave, nil
	}
	a.use.leave()
	return nil, nil, errService
}

// Register implements the protocol. How it is afterwards is asked for as well; that this fails does not make the
// registration fail.
func (s *registrationServer) Register(ctx context.Context, r *channelv1.RegisterRequest) (_ *channelv1.RegisterResponse, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end("Register", &err)
	registrar, leave, err := s.registrar(r.GetAccount())
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := registrar.Register(ctx); err != nil {
		return nil, callError(err, s.scrubber)
	}
	now, err := registrar.CheckSubscription(ctx)
	if err != nil {
		s.log.Warn("registered, and could not be checked", "account", r.GetAccount(), "error", err)
		return &channelv1.RegisterResponse{}, nil
	}
	return &channelv1.RegisterResponse{Checks: checksOut(now.Checks, s.scrubber)}, nil
}

// Unregister implements the protocol.
func (s *registrationServer) Unregister(ctx context.Context, r *channelv1.UnregisterRequest) (_ *channelv1.UnregisterResponse, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end("Unregister", &err)
	registrar, leave, err := s.registrar(r.GetAccount())
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := registrar.Unregister(ctx); err != nil {
		return nil, callError(err, s.scrubber)
	}
	return &channelv1.UnregisterResponse{}, nil
}

// CheckSubscription implements the protocol.
func (s *registrationServer) CheckSubscription(ctx context.Context, r *channelv1.CheckSubscriptionRequest) (_ *channelv1.CheckSubscriptionResponse, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end("CheckSubscription", &err)
	registrar, leave, err := s.registrar(r.GetAccount())
	if err != nil {
		return nil, err
	}
	defer leave()
	now, err := registrar.CheckSubscription(ctx)
	if err != nil {
		return nil, callError(err, s.scrubber)
	}
	return &channelv1.CheckSubscriptionResponse{
		Checks: checksOut(now.Checks, s.scrubber), Register: now.Register,
		LastFailureAt: timeOut(now.LastFailureAt), LastFailure: s.scrubber.scrub(now.LastFailure),
	}, nil
}

// ListTemplates implements the protocol.
func (s *templatesServer) ListTemplates(ctx context.Context, r *channelv1.ListTemplatesRequest) (_ *channelv1.ListTemplatesResponse, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end("ListTemplates", &err)
	a, err := s.account(r.GetAccount())
	if err != nil {
		return nil, err
	}
	defer a.use.leave()
	lister, ok := a.channel.(TemplateLister)
	if !ok {
		return nil, errService
	}
	templates, err := lister.ListTemplates(ctx)
	if err != nil {
		return nil, callError(err, s.scrubber)
	}
	out := &channelv1.ListTemplatesResponse{}
	for _, t := range templates {
		out.Templates = append(out.Templates, &channelv1.MessageTemplate{
			Name: t.Name, Language: t.Language, Category: t.Category, Status: channelv1.MessageTemplate_Status(t.Status),
			Reason: t.Reason, Text: t.Text, Placeholders: t.Placeholders,
		})
	}
	return out, nil
}
