package tokens

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// everything is what a forger asks for.
func everything() map[string]any {
	return map[string]any{"roles": []string{"admin"}, "scope": "audit:read deletions:read"}
}

// changed are the claims of a forger, with changes.
func changed(name string, value any) jwt.MapClaims {
	c := everything()
	c[name] = value
	return claims(c)
}

func encoded(v any) string {
	text, ok := v.(string)
	if !ok {
		made, err := json.Marshal(v)
		must(err)
		text = string(made)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// raw is a token with this header and these claims and this signature.
func raw(header, body any, signature []byte) string {
	return encoded(header) + "." + encoded(body) + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// byHMAC is a token with a symmetric signature.
func byHMAC(alg, kid string, secret []byte) string {
	text := encoded(map[string]any{"alg": alg, "kid": kid, "typ": "JWT"}) + "." + encoded(claims(everything()))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// replaced is a token with another header, under the old signature.
func replaced(token string, header any) string {
	_, rest, _ := strings.Cut(token, ".")
	return encoded(header) + "." + rest
}

// forgery is what somebody sends instead of a token of the issuer.
type forgery struct {
	values []string // of the header Authorization
	why    string   // the words of the refusal; empty: as if no token had been sent
}

func one(why, token string) forgery { return forgery{[]string{"Bearer " + token}, why} }

// forgeries are what E2 asks for, and more. The hook is a server that no token may make us ask.
func forgeries(t testing.TB, hook string) map[string]forgery {
	es, rs := pairs()["ES256"], pairs()["RS256"]
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	eve := pair{es.kid, jwt.SigningMethodES256, stranger}
	der, err := x509.MarshalPKIXPublicKey(rs.key.Public())
	require.NoError(t, err)
	pemText := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	mine := signed(t, es, claims(everything()), nil)
	parts := strings.Split(mine, ".")
	by := func(header map[string]any) string { return signed(t, eve, claims(everything()), header) }
	unsure, unknown := "its signature cannot be verified", "its key is not the issuer's"
	form, unread := "it is not three parts in base64url", "it cannot be read"
	at := func(d time.Duration) int64 { return began.Add(d).Unix() }
	return map[string]forgery{
		"no header":        {nil, ""},
		"an empty header":  {[]string{""}, ""},
		"another scheme":   {[]string{"Basic " + mine}, ""},
		"no scheme":        {[]string{mine}, ""},
		"no token":         {[]string{"Bearer "}, form},
		"two headers":      {[]string{"Bearer " + mine, "Bearer " + mine}, "the header Authorization must stand once"},
		"two tokens":       {[]string{"Bearer " + mine + ", Bearer " + mine}, form},
		"two blanks":       {[]string{"Bearer  " + mine}, form},
		"a blank behind":   {[]string{"Bearer " + mine + " "}, form},
		"a trailing dot":   one(form, mine+"."),
		"two parts":        one(form, parts[0]+"."+parts[1]),
		"padding":          one(form, mine+"="),
		"other base64":     one(form, strings.ReplaceAll(raw(map[string]any{"alg": "ES256"}, "~~~~", nil), "-", "+")+"+/"),
		"a NUL":            one(form, mine+"\x00"),
		"a truncated one":  one(unsure, mine[:len(mine)-10]),
		"half of one":      one(form, mine[:len(parts[0])+len(parts[1])/2]),
		"an oversized one": one("it is longer than 8 KiB", good(t, map[string]any{"roles": []string{strings.Repeat("a", 9<<10)}})),
		"a long header":    one("its header is too long", signed(t, es, claims(nil), map[string]any{"a": strings.Repeat("a", 2<<10)})),
		"a header of list": one(unread, raw([]string{"alg"}, claims(everything()), []byte("x"))),
		"a header of text": one(unread, raw("nonsense", claims(everything()), []byte("x"))),
		"claims of a list": one(unread, raw(map[string]any{"alg": "ES256", "kid": es.kid}, []int{1}, []byte("x"))),
		"deep claims":      one(unread, raw(map[string]any{"alg": "ES256"}, strings.Repeat("[", 3000), []byte("x"))),
		"trailing bits":    one(unread, mine[:len(mine)-1]+flipped(mine[len(mine)-1])),

		"alg none":               one(unsure, replaced(mine, map[string]any{"alg": "none", "kid": es.kid})),
		"alg NONE":               one(unsure, replaced(mine, map[string]any{"alg": "NONE", "kid": es.kid})),
		"no alg":                 one(unsure, replaced(mine, map[string]any{"kid": es.kid})),
		"alg of a number":        one(unsure, replaced(mine, map[string]any{"alg": 1, "kid": es.kid})),
		"HS256 by the RSA key":   one(unsure, byHMAC("HS256", rs.kid, der)),
		"HS256 by the RSA PEM":   one(unsure, byHMAC("HS256", rs.kid, pemText)),
		"HS256 called RS256":     one(unsure, byHMAC("RS256", rs.kid, pemText)),
		"a hash that is too old": one(unsure, replaced(mine, map[string]any{"alg": "RS1", "kid": rs.kid})),
		"RS512":                  one(unsure, signed(t, pair{rs.kid, jwt.SigningMethodRS512, rs.key}, claims(everything()), nil)),
		"PS256 by an RS256 key": one("its algorithm is not that of its key",
			signed(t, pair{rs.kid, jwt.SigningMethodPS256, rs.key}, claims(everything()), nil)),
		"ES256 under an RSA id": one("its algorithm is not that of its key", signed(t, es, claims(everything()),
			map[string]any{"kid": rs.kid})),
		"another signature": one(unsure, parts[0]+"."+encoded(changed("sub", "user:8"))+"."+parts[2]),
		"a stranger's key":  one(unsure, by(nil)),
		"an unknown key":    one(unknown, by(map[string]any{"kid": "eve"})),
		"no key id":         one("its header names no key", by(map[string]any{"kid": nil})),
		"an empty key id":   one("its header names no key", by(map[string]any{"kid": ""})),
		"a key id of number": one("its header names no key", signed(t, es, claims(everything()),
			map[string]any{"kid": 7})),
		"a key in the header": one("its header has a parameter that is not followed",
			by(map[string]any{"jwk": jwk(t, es.kid, stranger.Public(), "ES256")})),
		"a URL of keys in the header": one("its header has a parameter that is not followed",
			by(map[string]any{"jku": hook})),
		"a URL of a certificate": one("its header has a parameter that is not followed",
			by(map[string]any{"x5u": hook})),
		"a certificate": one("its header has a parameter that is not followed",
			by(map[string]any{"x5c": []string{"AAAA"}})),
		"what must be understood": one("its header has a parameter that is not followed", signed(t, es, claims(everything()),
			map[string]any{"crit": []string{"exp"}})),
		"another type": one("it is of another type", signed(t, es, claims(everything()), map[string]any{"typ": "logout+jwt"})),

		"an expired one":      one("it has expired", signed(t, es, changed("exp", at(-31*time.Second)), nil)),
		"one without an end":  one("a claim is missing or of another form", signed(t, es, changed("exp", nil), nil)),
		"an end of text":      one("a claim is missing or of another form", signed(t, es, changed("exp", "2030-01-01"), nil)),
		"an end that is far":  one("it is valid for too long", signed(t, es, changed("exp", at(25*time.Hour)), nil)),
		"one for later":       one("it is not valid yet", signed(t, es, changed("nbf", at(31*time.Second)), nil)),
		"one of the future":   one("it is not valid yet", signed(t, es, changed("iat", at(31*time.Second)), nil)),
		"another issuer":      one("it is of another issuer", signed(t, es, changed("iss", testIssuer+"/"), nil)),
		"no issuer":           one("a claim is missing or of another form", signed(t, es, changed("iss", nil), nil)),
		"another audience":    one("it is for another audience", signed(t, es, changed("aud", "other"), nil)),
		"no audience":         one("a claim is missing or of another form", signed(t, es, changed("aud", nil), nil)),
		"an audience of list": one("it is for another audience", signed(t, es, changed("aud", []string{"a", "b"}), nil)),
		"no subject":          one("its subject has not the form of requested_by", signed(t, es, changed("sub", nil), nil)),
		"a subject in prose":  one("its subject has not the form of requested_by", signed(t, es, changed("sub", "a b"), nil)),
		"an id of number":     one("its id has another form", signed(t, es, changed("jti", 7), nil)),
		"roles of text":       one("its roles are no list", signed(t, es, changed("roles", "admin"), nil)),
		"roles of numbers":    one("its roles are no list", signed(t, es, changed("roles", []int{1}), nil)),
		"scopes of a list":    one("its scopes are no text", signed(t, es, changed("scope", []string{"audit:read"}), nil)),
		"a service without its role": one("the role and the claim service go together",
			signed(t, es, changed("service", "crm"), nil)),
		"a service without a name": one("the role and the claim service go together",
			signed(t, es, changed("roles", []string{"service"}), nil)),
		"a service that administers": one("a service is neither administrator nor owner", good(t,
			map[string]any{"roles": []string{"service", "admin"}, "service": "crm"})),
		"a service of another form": one("its service has another form", good(t,
			map[string]any{"roles": []string{"service"}, "service": "CRM"})),
	}
}

// flipped is a last letter with the same meaning but for bits that mean nothing.
func flipped(last byte) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(letters[strings.IndexByte(letters, last)^1])
}

func TestForgeries(t *testing.T) {
	t.Parallel()
	var hooked atomic.Int64
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hooked.Add(1) }))
	t.Cleanup(hook.Close)
	i := newIssuer(t)
	log := &bytes.Buffer{}
	a := i.authoriser(func(cfg *Config) { cfg.Logger = zerolog.New(log) })
	_, err := token(t, a, good(t, everything()))
	require.NoError(t, err)
	require.Equal(t, 1, i.requests())
	for claim, c := range forgeries(t, hook.URL) {
		t.Run(claim+" is refused", func(t *testing.T) {
			caller, err := ask(t, a, anyone, httpapi.Target{}, c.values...)
			require.ErrorIs(t, err, httpapi.ErrUnauthenticated)
			require.Equal(t, httpapi.Caller{}, caller, "nobody is taken for anybody")
			var said *httpapi.TokenError
			if c.why != "" {
				require.ErrorAs(t, err, &said)
				require.Equal(t, c.why, said.Why)
			} else {
				require.False(t, errorsAs(err, &said))
			}
			for _, value := range c.values {
				for _, part := range strings.FieldsFunc(value, func(r rune) bool { return r == '.' || r == ' ' }) {
					require.False(t, len(part) > 8 && strings.Contains(err.Error()+log.String(), part), "no word of the token is told")
				}
			}
		})
	}
	require.Zero(t, hooked.Load(), "no token makes us ask anybody")
	require.Zero(t, i.requests(), "within the interval the issuer is not asked again")
}

// Keys that a set should not have are passed over, whoever signs with them.
func TestKeysThatDoNotCount(t *testing.T) {
	t.Parallel()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	with := func(m map[string]any, name string, value any) map[string]any {
		m[name] = value
		return m
	}
	ed := pair{"bad", jwt.SigningMethodEdDSA, private}
	for claim, c := range map[string]struct {
		key any
		by  pair
	}{
		"one of 1024 bits":            {jwk(t, "bad", weak.Public(), ""), pair{"bad", jwt.SigningMethodRS256, weak}},
		"one of another curve":        {jwk(t, "bad", p384.Public(), ""), pair{"bad", jwt.SigningMethodES384, p384}},
		"one for encryption":          {with(jwk(t, "bad", public, ""), "use", "enc"), ed},
		"one of another algorithm":    {with(jwk(t, "bad", public, ""), "alg", "HS256"), ed},
		"one with its private part":   {with(jwk(t, "bad", public, ""), "d", encoded(string(private.Seed()))), ed},
		"one of no known kind":        {map[string]any{"kid": "bad", "kty": "XYZ"}, ed},
		"a symmetric one":             {map[string]any{"kid": "bad", "kty": "oct", "k": "c2VjcmV0"}, ed},
		"one without an id":           {with(jwk(t, "bad", public, ""), "kid", ""), ed},
		"one that is no key":          {"nonsense", ed},
		"the second of the same id":   {with(jwk(t, "bad", public, ""), "kid", "key-es"), pair{"key-es", ed.method, private}},
		"one with a broken half":      {with(jwk(t, "bad", public, ""), "x", "AAAA"), ed},
		"one off its curve, of zeros": {map[string]any{"kid": "bad", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, ed},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.keys = append(i.keys, c.key)
			a := i.authoriser(nil)
			_, err := token(t, a, good(t, everything()))
			require.NoError(t, err, "the other keys count")
			_, err = token(t, a, signed(t, c.by, claims(everything()), nil))
			require.ErrorIs(t, err, httpapi.ErrUnauthenticated)
		})
	}
}
