package tokens

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// FuzzBearer sends headers that a stranger could send: none but the issuer's own tokens may count, and none may be told.
func FuzzBearer(f *testing.F) {
	i := newIssuer(f)
	a := i.authoriser(nil)
	genuine := map[string]bool{}
	for _, p := range pairs() {
		text := signed(f, p, claims(everything()), nil)
		genuine[text] = true
		f.Add("Bearer " + text)
	}
	for _, forged := range forgeries(f, "http://127.0.0.1:1/") {
		f.Add(strings.Join(forged.values, ""))
	}
	f.Fuzz(func(t *testing.T, value string) {
		caller, err := ask(t, a, anyone, httpapi.Target{}, value)
		if err == nil {
			scheme, text, _ := strings.Cut(value, " ")
			require.True(t, strings.EqualFold(scheme, "Bearer") && genuine[text], "a token that the issuer never made counts: %q", value)
			return
		}
		require.ErrorIs(t, err, httpapi.ErrUnauthenticated)
		require.Equal(t, httpapi.Caller{}, caller)
		for _, word := range strings.FieldsFunc(value, func(r rune) bool { return r == '.' || r == ' ' }) {
			require.False(t, len(word) > 40 && strings.Contains(err.Error(), word), "a refusal repeats what was sent")
		}
	})
}

// FuzzClaims signs what no issuer should: the claims of a verified token are read strictly too.
func FuzzClaims(f *testing.F) {
	i := newIssuer(f)
	a := i.authoriser(nil)
	for _, changes := range []map[string]any{nil, everything(), {"roles": []string{"service"}, "service": "crm"}, {"exp": 1e300}} {
		text, err := json.Marshal(claims(changes))
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Add(`{"exp":"1","roles":{"admin":true}}`)
	p := pairs()["EdDSA"]
	f.Fuzz(func(t *testing.T, body string) {
		head := encoded(map[string]any{"alg": "EdDSA", "kid": p.kid}) + "." + encoded(body)
		signature, err := p.method.Sign(head, p.key)
		require.NoError(t, err)
		caller, err := ask(t, a, httpapi.Rule{Open: true}, httpapi.Target{}, "Bearer "+head+"."+encoded(string(signature)))
		if err != nil {
			require.Equal(t, httpapi.Caller{}, caller)
			return
		}
		require.Regexp(t, subjectForm, caller.Subject)
		require.Equal(t, caller.Source != "", caller.Roles.Has(httpapi.RoleService))
		require.False(t, caller.Admin() && caller.Source != "")
		require.True(t, caller.Until.After(began.Add(-a.cfg.Leeway)))
		require.False(t, caller.Until.After(began.Add(a.cfg.LifetimeMax+2*a.cfg.Leeway)))
	})
}

// FuzzKeys reads sets of keys from an issuer that is not itself.
func FuzzKeys(f *testing.F) {
	i := newIssuer(f)
	text, err := json.Marshal(map[string]any{"keys": i.keys})
	require.NoError(f, err)
	f.Add(string(text))
	f.Add(`{"keys":[{"kid":"a","kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kid":"b","kty":"OKP","crv":"Ed25519","x":""}]}`)
	f.Add(`{"keys":[{"kid":"a","kty":"RSA","n":"AQAB","e":""}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		set, err := parseKeys([]byte(body))
		if err != nil {
			require.Nil(t, set)
			return
		}
		for kid := range set.ids {
			for _, alg := range methods {
				if key, err := set.key(kid, alg); err == nil {
					require.True(t, strong(key))
				}
			}
		}
	})
}
