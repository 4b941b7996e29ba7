package auth

import (
	"context"
	"slices"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// SignInFor is for how long a sign-in holds after it was last used.
const SignInFor = 30 * 24 * time.Hour

// seenEvery is how exactly the last use of a sign-in is kept.
const seenEvery = time.Minute

var errWrongPassword = &core.Error{Code: core.Unauthorized, Message: "The e-mail address or the password is wrong."}

// SignIn checks a password and returns a token for the browser to keep. Wrong e-mail, wrong password, no password and
// disabled are one error, and take the same work. The token is shown only here.
func (a *Auth) SignIn(ctx context.Context, email, password, address, userAgent string) (token string, who *Identity, err error) {
	email = core.NormalizeEmail(email)
	if err := a.attempts.reserve(a.now(), email, address); err != nil {
		return "", nil, err
	}
	agent, ok := a.setup().AgentByEmail(email)
	var credential *core.Credential
	if ok {
		err = a.store.View(ctx, func(tx *store.Tx) error {
			credential, err = tx.Credential(agent.ID)
			return err
		})
		if err != nil {
			a.attempts.released(email, address)
			return "", nil, err
		}
	}
	stored := ""
	if credential != nil && !credential.Disabled {
		stored = credential.PasswordHash
	}
	right, err := a.hasher.verify(ctx, stored, password)
	if err != nil {
		a.attempts.released(email, address)
		return "", nil, err
	}
	if !right {
		return "", nil, errWrongPassword
	}
	a.attempts.succeeded(a.now(), email, address)
	token, s, err := a.open(ctx, agent.ID, stored, address, userAgent)
	if err != nil {
		return "", nil, err
	}
	return token, a.identity(agent, s), nil
}

// open writes a new sign-in, provided that the password hash that was checked still stands.
func (a *Auth) open(ctx context.Context, agent, checked, address, userAgent string) (string, *core.SignIn, error) {
	token := secret()
	if len(userAgent) > 300 {
		userAgent = userAgent[:300]
	}
	var s *core.SignIn
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		c, err := tx.Credential(agent)
		if err != nil {
			return err
		}
		if c == nil || c.Disabled || c.PasswordHash != checked {
			return errWrongPassword
		}
		now := tx.Now()
		s = &core.SignIn{
			TokenHash: digest(token), Agent: agent, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(SignInFor),
			Address: address, UserAgent: userAgent,
		}
		tx.PutSignIn(s)
		_, err = tx.ForgetSignIns(now, 20)
		return err
	})
	return token, s, err
}

func (a *Auth) identity(agent *core.Agent, s *core.SignIn) *Identity {
	return &Identity{Agent: *agent, Credential: "sign-in:" + signInID(s), Browser: true, SignIn: s.TokenHash}
}

// signInID names a sign-in to people: part of its hash, which opens nothing.
func signInID(s *core.SignIn) string { return s.TokenHash[:20] }

// Authenticate finds who holds a browser's token; Unauthorized when nobody does any longer.
func (a *Auth) Authenticate(ctx context.Context, token string) (*Identity, error) {
	if token == "" {
		return nil, errSignedOut
	}
	var s *core.SignIn
	var credential *core.Credential
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		if s, err = tx.SignIn(digest(token)); err != nil || s == nil {
			return err
		}
		credential, err = tx.Credential(s.Agent)
		return err
	})
	if err != nil {
		return nil, err
	}
	now := a.now()
	if s == nil || !now.Before(s.ExpiresAt) || credential == nil || credential.Disabled {
		return nil, errSignedOut
	}
	agent, ok := a.agent(s.Agent)
	if !ok {
		return nil, errSignedOut
	}
	if now.Sub(s.SeenAt) >= seenEvery {
		a.touch(ctx, s.TokenHash)
	}
	return a.identity(agent, s), nil
}

// touch moves a sign-in's end. A full disk must not lock people out, so a failure is no failure of the request.
func (a *Auth) touch(ctx context.Context, hash string) {
	_ = a.store.Update(ctx, func(tx *store.Tx) error {
		s, err := tx.SignIn(hash)
		if err != nil || s == nil {
			return err
		}
		now := tx.Now()
		if now.Sub(s.SeenAt) < seenEvery {
			return nil
		}
		s.SeenAt, s.ExpiresAt = now.Truncate(seenEvery), now.Add(SignInFor)
		tx.PutSignIn(s)
		return nil
	})
}

// SignOut ends the sign-in of a token. An unknown token is no error.
func (a *Auth) SignOut(ctx context.Context, token string) error {
	var s *core.SignIn
	err := a.store.Update(ctx, func(tx *store.Tx) (err error) {
		if s, err = tx.SignIn(digest(token)); err != nil || s == nil {
			return err
		}
		tx.DeleteSignIn(s.TokenHash)
		return nil
	})
	if err == nil && s != nil {
		a.ended(s.Agent, "sign-in:"+signInID(s))
	}
	return err
}

// SignInView is a sign-in as its owner sees it.
type SignInView struct {
	ID        string
	CreatedAt time.Time
	SeenAt    time.Time
	Address   string
	UserAgent string
	Current   bool
}

// SignIns lists where a person is signed in, the last used first.
func (a *Auth) SignIns(ctx context.Context, who *Identity) ([]SignInView, error) {
	var list []*core.SignIn
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.SignInsOf(who.Agent.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	views := make([]SignInView, 0, len(list))
	for _, s := range list {
		if a.now().Before(s.ExpiresAt) {
			views = append(views, SignInView{
				ID: signInID(s), CreatedAt: s.CreatedAt, SeenAt: s.SeenAt, Address: s.Address, UserAgent: s.UserAgent,
				Current: s.TokenHash == who.SignIn,
			})
		}
	}
	slices.SortFunc(views, func(x, y SignInView) int { return y.SeenAt.Compare(x.SeenAt) })
	return views, nil
}

// RevokeSignIn ends one of a person's own sign-ins, named as SignIns names it.
func (a *Auth) RevokeSignIn(ctx context.Context, who *Identity, id string) error {
	err := a.store.Update(ctx, func(tx *store.Tx) error {
		list, err := tx.SignInsOf(who.Agent.ID)
		if err != nil {
			return err
		}
		for _, s := range list {
			if signInID(s) == id {
				tx.DeleteSignIn(s.TokenHash)
				return nil
			}
		}
		return core.Errorf(core.NotFound, "there is no such sign-in")
	})
	if err == nil {
		a.ended(who.Agent.ID, "sign-in:"+id)
	}
	return err
}

// endSignIns removes every sign-in of an agent but one.
func endSignIns(tx *store.Tx, agent, except string) error {
	list, err := tx.SignInsOf(agent)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.TokenHash != except {
			tx.DeleteSignIn(s.TokenHash)
		}
	}
	return nil
}
