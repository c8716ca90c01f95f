package appleads

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"argo/tables"
	"argo/tables/fault"
	"argo/tables/rest"
)

// auth exchanges a client secret (a JWT signed with ES256 by the private key,
// RFC 7515 and 7518) for access tokens and keeps one until shortly before it
// expires. However many requests need a token, one exchange is under way.
type auth struct {
	tokenURL, client, team, keyID string
	key                           *ecdsa.PrivateKey
	pem                           string
	http                          *http.Client
	now                           func() time.Time
	sleep                         func(context.Context, time.Duration) error
	connection                    string
	record                        func(tables.Call)
	hint                          string

	turn   chan struct{}
	mu     sync.Mutex
	access string
	until  time.Time
	old    []string // client secrets and former tokens: errors may repeat them
}

const (
	audience   = "https://appleid.apple.com"
	secretLife = time.Hour // of a client secret; Apple allows 180 days
)

// parseKey reads a private key of the curve P-256, PKCS #8 or SEC 1.
func parseKey(text string) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(strings.TrimSpace(strings.ReplaceAll(text, `\n`, "\n"))))
	if block == nil {
		return nil, errors.New("it is not PEM text")
	}
	if block.Type == "EC PARAMETERS" {
		return nil, errors.New("it begins with EC PARAMETERS; leave that block out")
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("it holds no private key")
		}
		ok := false
		if key, ok = any.(*ecdsa.PrivateKey); !ok {
			return nil, errors.New("it is not an elliptic-curve key")
		}
	}
	if key.Curve != elliptic.P256() {
		return nil, errors.New("its curve is not P-256 (prime256v1)")
	}
	return key, nil
}

// secret makes the client secret of a moment.
func (a *auth) secret(now time.Time) (string, error) {
	part := func(v any) string {
		b, _ := json.Marshal(v) // maps of texts and numbers
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]any{"alg": "ES256", "kid": a.keyID}) + "." +
		part(map[string]any{"sub": a.client, "iss": a.team, "aud": audience, "iat": now.Unix(), "exp": now.Add(secretLife).Unix()})
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, a.key, sum[:])
	if err != nil {
		return "", err
	}
	var sign [64]byte
	r.FillBytes(sign[:32])
	s.FillBytes(sign[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(sign[:]), nil
}

// Set puts a token on r that is good for another minute.
func (a *auth) Set(ctx context.Context, r *http.Request) (string, error) {
	token, err := a.token(ctx)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return token, nil
}

// Renew forgets the token called tag, if it is still the one in use.
func (a *auth) Renew(tag string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.access == tag {
		a.access = ""
	}
	return true
}

// Secrets are the private key, every client secret and every token.
func (a *auth) Secrets() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string{a.pem, a.access}, a.old...)
}

func (a *auth) have() (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.access, a.access != "" && a.now().Before(a.until)
}

func (a *auth) token(ctx context.Context) (string, error) {
	if t, ok := a.have(); ok {
		return t, nil
	}
	gone := func() error {
		return &fault.Error{Kind: fault.Canceled, Message: "Apple Ads: the request was given up", Err: cmp.Or(ctx.Err(), context.Canceled)}
	}
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		return "", gone()
	}
	defer func() { <-a.turn }()
	if t, ok := a.have(); ok { // another request exchanged while this one waited
		return t, nil
	}
	for attempt := 1; ; attempt++ {
		token, life, f, again := a.exchange(ctx, attempt)
		switch {
		case f == nil:
			a.mu.Lock()
			defer a.mu.Unlock()
			a.keep(a.access)
			a.access, a.until = token, a.now().Add(max(life-time.Minute, life/2))
			return token, nil
		case ctx.Err() != nil:
			return "", gone()
		case !again || attempt == 3:
			return "", f
		}
		if a.sleep(ctx, time.Duration(attempt)*time.Second) != nil {
			return "", gone()
		}
	}
}

// keep remembers what no error may repeat; mu is held.
func (a *auth) keep(s string) {
	if a.old = append(a.old, s); len(a.old) > 8 {
		a.old = a.old[1:]
	}
}

// exchange asks the token endpoint once. No text of the reply is kept: it may
// quote the secret.
func (a *auth) exchange(ctx context.Context, attempt int) (token string, life time.Duration, f *fault.Error, again bool) {
	secret, err := a.secret(a.now())
	if err != nil {
		return "", 0, &fault.Error{Kind: fault.Internal, Message: "Apple Ads: the client secret cannot be signed", Err: err}, false
	}
	a.mu.Lock()
	a.keep(secret)
	a.mu.Unlock()
	call := tables.Call{At: a.now(), Connection: a.connection, Method: "POST", Attempt: attempt, Purpose: tables.PurposeOf(ctx), Outcome: "ok"}
	if u, err := url.Parse(a.tokenURL); err == nil {
		call.Endpoint = u.Path
	}
	if t := tables.TraceOf(ctx); t != nil {
		call.Statement = t.Statement
	}
	defer func() {
		if f != nil {
			call.Outcome, call.Message = string(f.Kind), f.Message
		}
		if call.Elapsed = a.now().Sub(call.At); a.record != nil {
			a.record(call)
		}
	}()
	ctx, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"searchadsorg"}, "client_id": {a.client}, "client_secret": {secret}}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, a.tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, fault.New(fault.Config, "Apple Ads: token_url is not a URL"), false
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("User-Agent", "argo")
	res, err := rest.NewHTTP(a.http).Do(q)
	if err != nil {
		return "", 0, fault.New(fault.Unavailable, "Apple Ads: the token endpoint could not be reached").WithHint("check token_url and the network of this machine"), true
	}
	defer res.Body.Close()
	call.Status = res.StatusCode
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", 0, fault.New(fault.Unavailable, "Apple Ads: the reply of the token endpoint was cut"), true
	}
	var reply struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
		Error       string `json:"error"`
	}
	broken := json.Unmarshal(body, &reply) != nil
	switch s := res.StatusCode; {
	case s == http.StatusTooManyRequests || s >= 500:
		return "", 0, fault.New(fault.Unavailable, "Apple Ads: the token endpoint is unavailable (HTTP %d)", s), true
	case reply.Error == "invalid_client":
		return "", 0, fault.New(fault.Auth, "Apple Ads: the client secret is not accepted (invalid_client): client_id, team_id, key_id and private_key do not belong together").WithHint("%s", a.hint), false
	case s != http.StatusOK:
		return "", 0, fault.New(fault.Auth, "Apple Ads: the token endpoint refuses the credentials (HTTP %d)", s).WithHint("%s", a.hint), false
	case broken || reply.AccessToken == "":
		return "", 0, fault.New(fault.Broken, "Apple Ads: the reply of the token endpoint cannot be read").WithHint("check token_url"), false
	}
	return reply.AccessToken, time.Duration(cmp.Or(reply.ExpiresIn, 3600)) * time.Second, nil, false
}
