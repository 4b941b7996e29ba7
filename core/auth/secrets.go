package auth

// MayWriteSecrets reports whether who makes a request may write secrets, say where they are kept and sent, and see their
// fingerprints. It takes the role's permission; an API key must also have been made for it.
func (i *Identity) MayWriteSecrets() bool {
	return May(i.Agent.Role, WriteSecrets) && (i.Browser || i.Secrets)
}
