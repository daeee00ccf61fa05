package tokens

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

const (
	testIssuer   = "https://issuer.test"
	testAudience = "tenant-deletion"
)

// began is when every test begins.
var began = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

// pair is a key of the issuer.
type pair struct {
	kid    string
	method jwt.SigningMethod
	key    crypto.Signer
}

// pairs are one of each kind; making an RSA key takes long, so they are made once. They are read only.
var pairs = sync.OnceValue(func() map[string]pair {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	return map[string]pair{
		"ES256": {"key-es", jwt.SigningMethodES256, ec}, "EdDSA": {"key-ed", jwt.SigningMethodEdDSA, ed},
		"RS256": {"key-rs", jwt.SigningMethodRS256, rs}, "PS256": {"key-ps", jwt.SigningMethodPS256, rs},
	}
})

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// issuer serves its public keys and counts how often it is asked.
type issuer struct {
	t      testing.TB
	server *httptest.Server

	mu     sync.Mutex
	keys   []any // as they are served
	asked  int
	status int           // 200 when zero
	body   string        // instead of the keys
	gate   chan struct{} // answers wait for it, when there is one
	heard  chan struct{} // hears of each that waits
	now    time.Time
}

func newIssuer(t testing.TB) *issuer {
	i := &issuer{t: t, now: began}
	for _, p := range pairs() {
		i.keys = append(i.keys, jwk(t, p.kid, p.key.Public(), p.method.Alg()))
	}
	i.server = httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(i.server.Close)
	return i
}

func (i *issuer) serve(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	i.asked++
	status, body, keys, gate := i.status, i.body, i.keys, i.gate
	i.mu.Unlock()
	if gate != nil {
		i.heard <- struct{}{}
		<-gate
	}
	if status != 0 {
		w.Header().Set("Location", i.server.URL+"/elsewhere")
		w.WriteHeader(status)
	}
	if body == "" {
		text, err := json.Marshal(map[string]any{"keys": keys})
		must(err)
		body = string(text)
	}
	_, _ = w.Write([]byte(body))
}

// set changes what the issuer does.
func (i *issuer) set(change func(*issuer)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(i)
}

// requests is how often it was asked since this was last called.
func (i *issuer) requests() (n int) {
	i.set(func(i *issuer) { n, i.asked = i.asked, 0 })
	return n
}

func (i *issuer) clock() (now time.Time) {
	i.set(func(i *issuer) { now = i.now })
	return now
}

func (i *issuer) pass(d time.Duration) { i.set(func(i *issuer) { i.now = i.now.Add(d) }) }

// config is for its tokens.
func (i *issuer) config() Config {
	return Config{Audience: testAudience, Issuer: testIssuer, JWKSURL: i.server.URL, Clock: i.clock}
}

func (i *issuer) authoriser(tune func(*Config)) *Authoriser {
	i.t.Helper()
	cfg := i.config()
	if tune != nil {
		tune(&cfg)
	}
	a, err := New(cfg)
	require.NoError(i.t, err)
	i.t.Cleanup(a.Close)
	return a
}

// jwk is a public key as sets have it.
func jwk(t testing.TB, kid string, public any, alg string) map[string]any {
	key, err := jwkset.NewJWKFromKey(public, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid, ALG: jwkset.ALG(alg)}})
	require.NoError(t, err)
	text, err := json.Marshal(key.Marshal())
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(text, &m))
	return m
}

// claims are those of a good token, with changes; nil takes a claim away.
func claims(changes map[string]any) jwt.MapClaims {
	c := jwt.MapClaims{"iss": testIssuer, "aud": testAudience, "sub": "user:7", "jti": "token-1",
		"iat": began.Unix(), "nbf": began.Unix(), "exp": began.Add(time.Hour).Unix()}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// signed is a token by one of the issuer's keys, with changes to its header.
func signed(t testing.TB, p pair, c jwt.MapClaims, header map[string]any) string {
	token := jwt.NewWithClaims(p.method, c)
	token.Header["kid"] = p.kid
	maps.Copy(token.Header, header)
	maps.DeleteFunc(token.Header, func(_ string, v any) bool { return v == nil })
	text, err := token.SignedString(p.key)
	require.NoError(t, err)
	return text
}

// good is a token by the issuer's ES256 key, with changes to its claims.
func good(t testing.TB, changes map[string]any) string {
	return signed(t, pairs()["ES256"], claims(changes), nil)
}

// anyone is a rule that whoever reads jobs satisfies.
var anyone = httpapi.Rule{Scope: httpapi.ScopeRead, Owner: true}

// ask asks with these headers Authorization.
func ask(t testing.TB, a *Authoriser, rule httpapi.Rule, target httpapi.Target, values ...string) (httpapi.Caller, error) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.Header["Authorization"] = values
	if len(values) == 0 {
		delete(r.Header, "Authorization")
	}
	return a.Authorise(r.Context(), access(r, rule, target))
}

// token asks with one token, for reading jobs.
func token(t testing.TB, a *Authoriser, text string) (httpapi.Caller, error) {
	return ask(t, a, anyone, httpapi.Target{}, "Bearer "+text)
}

const anyTenant events.TenantID = "6f1c2a70-4b0e-4f0a-9a3b-1d6f0c2b7e55"
