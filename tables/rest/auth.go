package rest

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Auth puts a credential on requests. Safe for concurrent use.
type Auth interface {
	// Set puts the credential on r and gives a tag of it. Faults: Auth.
	Set(ctx context.Context, r *http.Request) (tag string, err error)
	// Renew says that the credential with this tag was refused; it gives
	// whether another try has a chance.
	Renew(tag string) bool
	// Secrets are texts that no error may repeat.
	Secrets() []string
}

// Bearer is a token that never changes.
type Bearer string

// Set puts the token on r.
func (b Bearer) Set(_ context.Context, r *http.Request) (string, error) {
	r.Header.Set("Authorization", "Bearer "+string(b))
	return "", nil
}

// Renew has nothing to renew.
func (b Bearer) Renew(string) bool { return false }

// Secrets is the token.
func (b Bearer) Secrets() []string { return []string{string(b)} }

// OAuth exchanges a refresh token (RFC 6749, section 6), or without one the
// client's own credentials (section 4.4), for access tokens and keeps one until
// shortly before it expires by Now. However many requests need a token, one
// exchange is under way. A server that gives another refresh token with an access
// token is believed for as long as the process lives.
type OAuth struct {
	Name                                           string // of the source, for messages
	TokenURL, ClientID, ClientSecret, RefreshToken string
	Scopes                                         []string // of client credentials; may be nil
	HTTP                                           *http.Client
	Now                                            func() time.Time
	Sleep                                          func(ctx context.Context, d time.Duration) error
	// Dead is the hint of a refresh token that the server no longer accepts.
	Dead string
	// Connection and Record are for the log of calls; Record may be nil. An
	// exchange takes nothing from a budget and no trace counts it.
	Connection string
	Record     func(tables.Call)

	once   sync.Once
	turn   chan struct{} // holds one token: who has it exchanges
	mu     sync.Mutex
	access string
	until  time.Time
	// rotated is the refresh token that came in place of RefreshToken.
	rotated string
	old     []string // former access tokens: errors in flight may repeat them
}

// margin is how long before its end a token is no longer used: the time that a
// request may take to arrive.
const margin = time.Minute

// Set puts a token on r that is good for another while, exchanging first where
// there is none.
func (o *OAuth) Set(ctx context.Context, r *http.Request) (string, error) {
	token, err := o.token(ctx)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return token, nil
}

// Renew forgets the token called tag, if it is still the one in use.
func (o *OAuth) Renew(tag string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.access == tag {
		o.access = ""
	}
	return true
}

// Secrets are the client secret and every token.
func (o *OAuth) Secrets() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string{o.ClientSecret, o.RefreshToken, o.rotated, o.access}, o.old...)
}

func (o *OAuth) refresh() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return cmp.Or(o.rotated, o.RefreshToken)
}

func (o *OAuth) have() (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.access, o.access != "" && (o.until.IsZero() || o.Now().Before(o.until))
}

func (o *OAuth) token(ctx context.Context) (string, error) {
	if t, ok := o.have(); ok {
		return t, nil
	}
	o.once.Do(func() { o.turn = make(chan struct{}, 1) })
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return "", givenUp(ctx, o.Name)
	}
	defer func() { <-o.turn }()
	if t, ok := o.have(); ok { // another request exchanged while this one waited
		return t, nil
	}
	t, err := o.exchange(ctx)
	if err != nil {
		return "", err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.old = append(o.old, t.AccessToken); len(o.old) > 4 {
		o.old = o.old[1:]
	}
	o.access, o.until = t.AccessToken, time.Time{}
	if t.RefreshToken != "" && t.RefreshToken != o.RefreshToken {
		o.rotated = t.RefreshToken
	}
	if t.ExpiresIn > 0 {
		life := time.Duration(t.ExpiresIn) * time.Second
		o.until = o.Now().Add(max(life-margin, life/2))
	}
	return o.access, nil
}

// exchange asks the token endpoint, up to three times where it is unavailable.
func (o *OAuth) exchange(ctx context.Context) (*oauth2.Token, error) {
	config := oauth2.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret,
		Endpoint: oauth2.Endpoint{TokenURL: o.TokenURL, AuthStyle: oauth2.AuthStyleInParams}}
	h := NewHTTP(o.HTTP)
	h.Timeout = 30 * time.Second
	for attempt := 1; ; attempt++ {
		log := o.entry(ctx, attempt)
		var source oauth2.TokenSource
		with := context.WithValue(ctx, oauth2.HTTPClient, h)
		if refresh := o.refresh(); refresh != "" {
			source = config.TokenSource(with, &oauth2.Token{RefreshToken: refresh})
		} else {
			source = (&clientcredentials.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret, TokenURL: o.TokenURL,
				Scopes: o.Scopes, AuthStyle: oauth2.AuthStyleInParams}).TokenSource(with)
		}
		t, err := source.Token()
		if err == nil {
			log.call.Status = http.StatusOK
			log.end(0, nil)
			return t, nil
		}
		f, again := o.fault(ctx, err)
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) && refused.Response != nil {
			log.call.Status = refused.Response.StatusCode
		}
		log.end(0, f)
		if !again || attempt == 3 {
			return nil, f
		}
		if err := o.Sleep(ctx, time.Duration(attempt)*time.Second); err != nil {
			return nil, givenUp(ctx, o.Name)
		}
	}
}

// entry is what the log of calls is told about an exchange.
func (o *OAuth) entry(ctx context.Context, attempt int) *entry {
	e := &entry{now: o.Now, record: o.Record, redact: func(s string) string { return s }, tried: true}
	e.call = tables.Call{At: o.Now(), Connection: o.Connection, Method: "POST", Attempt: attempt, Purpose: tables.PurposeOf(ctx)}
	if u, err := url.Parse(o.TokenURL); err == nil {
		e.call.Endpoint = u.Path
	}
	if t := tables.TraceOf(ctx); t != nil {
		e.call.Statement = t.Statement
	}
	return e
}

// fault says what a failed exchange means. The texts of the library are not
// kept: they may quote the reply.
func (o *OAuth) fault(ctx context.Context, err error) (f *fault.Error, again bool) {
	if ctx.Err() != nil {
		return givenUp(ctx, o.Name), false
	}
	var e *oauth2.RetrieveError
	if !errors.As(err, &e) {
		f := fault.New(fault.Unavailable, "%s: the token endpoint could not be reached", o.Name).WithHint("check token_url and the network of this machine")
		return f, true
	}
	status := 0
	if e.Response != nil {
		status = e.Response.StatusCode
	}
	switch {
	case e.ErrorCode == "invalid_grant":
		return fault.New(fault.Auth, "%s: the refresh token is no longer accepted (invalid_grant)", o.Name).WithHint("%s", o.Dead), false
	case e.ErrorCode == "invalid_client" || e.ErrorCode == "unauthorized_client":
		return fault.New(fault.Auth, "%s: client_id or client_secret is wrong (%s)", o.Name, e.ErrorCode).WithHint("%s", o.Dead), false
	case status == http.StatusTooManyRequests || status >= 500:
		return fault.New(fault.Unavailable, "%s: the token endpoint is unavailable (HTTP %d)", o.Name, status), true
	}
	return fault.New(fault.Auth, "%s: the token endpoint refuses the credentials (HTTP %d)", o.Name, status).WithHint("%s", o.Dead), false
}
