package sdk

import channelv1 "github.com/guichet/guichet/plugins/proto"

// This file turns the author's manifest into the message that Describe answers.

// count is a number that cannot be negative.
func count(n int) uint32 { return uint32(max(n, 0)) } //nolint:gosec // limits are small

func settingsOut(settings []Setting) []*channelv1.Setting {
	var out []*channelv1.Setting
	for _, s := range settings {
		out = append(out, &channelv1.Setting{
			Key: s.Key, Kind: s.Kind, Title: s.Title, Help: s.Help, Required: s.Required, Secret: s.Secret,
			Default: s.Default, Pattern: s.Pattern, Options: s.Options, Group: s.Group, ShowIf: s.ShowIf, TestOnly: s.TestOnly,
			Exclusive: s.Exclusive,
		})
	}
	return out
}

func manifestOut(m *Manifest, settings, address []Setting) *channelv1.Manifest {
	out := &channelv1.Manifest{
		Id: m.ID, Name: m.Name, Version: m.Version, SdkVersion: Version,
		Settings: settingsOut(settings), Address: settingsOut(address),
		Capabilities:    capabilitiesOut(&m.Capabilities),
		RequiresConsent: m.RequiresConsent, RetirementNotice: m.RetirementNotice, DocumentationUrl: m.DocumentationURL,
		Translations: m.Translations.wire(),
	}
	for _, c := range m.Callbacks {
		out.Callbacks = append(out.Callbacks, &channelv1.Callback{Path: c.Path, Title: c.Title, Help: c.Help})
	}
	if v := m.Verification; v != nil {
		out.Verification = &channelv1.Verification{
			Algorithm: v.Algorithm, Header: v.Header, Encoding: v.Encoding, Prefix: v.Prefix,
			SecretSetting: v.SecretSetting, PreviousSecretSetting: v.PreviousSecretSetting,
			Path: v.Path, Status: uint32(v.Status), //nolint:gosec // an HTTP status
		}
	}
	for _, s := range []struct {
		served bool
		name   string
	}{
		{m.Services.Webhook, channelv1.Webhook_ServiceDesc.ServiceName},
		{m.Services.Media, channelv1.Media_ServiceDesc.ServiceName},
		{m.Services.Profiles, channelv1.Profiles_ServiceDesc.ServiceName},
		{m.Services.Signals, channelv1.Signals_ServiceDesc.ServiceName},
		{m.Services.Reconciler, channelv1.Reconciler_ServiceDesc.ServiceName},
		{m.Services.Live, channelv1.Live_ServiceDesc.ServiceName},
		{m.Services.Pull, channelv1.Pull_ServiceDesc.ServiceName},
		{m.Services.Registration, channelv1.Registration_ServiceDesc.ServiceName},
		{m.Services.Templates, channelv1.Templates_ServiceDesc.ServiceName},
	} {
		if s.served {
			out.Services = append(out.Services, s.name)
		}
	}
	return out
}

func capabilitiesOut(c *Capabilities) *channelv1.Capabilities {
	out := &channelv1.Capabilities{
		MaxPartsPerCall: count(c.MaxPartsPerCall),
		TypingOut:       c.TypingOut, TypingIn: c.TypingIn, ReadOut: c.ReadOut, Receipts: c.Receipts, Edits: c.Edits,
		Deletes: c.Deletes, Reactions: c.Reactions, Quotes: c.Quotes, Groups: c.Groups, SenderName: c.SenderName,
		Window: durationOut(c.Window), IdempotentSend: c.IdempotentSend, QuickReplies: count(c.QuickReplies),
		Redelivery: durationOut(c.Redelivery), SplitsText: c.SplitsText,
		TypingLasts: durationOut(c.TypingLasts), TypingNeedsInbound: c.TypingNeedsInbound, ReadNeedsToken: c.ReadNeedsToken,
		DeliveryReceipts: c.DeliveryReceipts, ReadReceipts: c.ReadReceipts, SenderPicture: c.SenderPicture,
		Contacts: c.Contacts, Locations: c.Locations, TemplatesOutsideWindow: c.TemplatesOutsideWindow, OptOut: c.OptOut,
	}
	for _, f := range c.Formats {
		out.Formats = append(out.Formats, formatOut(f))
	}
	if l := c.Choices; l != nil {
		out.Choices = &channelv1.ChoiceLimit{Max: count(l.Max), MaxTitle: count(l.MaxTitle), Links: l.Links}
	}
	for _, r := range c.Rates {
		out.Rates = append(out.Rates, &channelv1.Rate{
			Scope: channelv1.RateLimited_Scope(r.Scope), Calls: count(r.Calls), Per: durationOut(r.Per), Burst: count(r.Burst),
		})
	}
	if c.TextMax > 0 {
		out.Text = &channelv1.TextLimit{Max: uint32(c.TextMax), Unit: channelv1.TextLimit_Unit(c.TextUnit)}
	}
	for _, m := range c.Media {
		out.Media = append(out.Media, &channelv1.MediaLimit{Types: m.Types, MaxBytes: uint64(max(m.MaxBytes, 0))})
	}
	switch {
	case c.MediaUpload:
		out.MediaTransport = channelv1.MediaTransport_UPLOAD
	case c.MediaPublicURL:
		out.MediaTransport = channelv1.MediaTransport_PUBLIC_URL
	}
	return out
}
