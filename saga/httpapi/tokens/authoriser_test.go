package tokens

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

func access(r *http.Request, rule httpapi.Rule, target httpapi.Target) httpapi.Access {
	return httpapi.Access{Operation: "getJob", Request: r, Rule: rule,
		Target: func(context.Context) (httpapi.Target, error) { return target, nil }}
}

func TestCaller(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	a := i.authoriser(nil)
	for alg, p := range pairs() {
		t.Run("a token by "+alg+" counts", func(t *testing.T) {
			t.Parallel()
			caller, err := token(t, a, signed(t, p, claims(map[string]any{"scope": "deletions:read"}), nil))
			require.NoError(t, err)
			require.True(t, caller.Until.Equal(began.Add(time.Hour+30*time.Second)), "with the leeway that it is read with")
			require.Equal(t, httpapi.Caller{Subject: "user:7", TokenID: "token-1", Scopes: httpapi.Scopes{httpapi.ScopeRead},
				Until: caller.Until}, caller)
		})
	}
	for claim, c := range map[string]struct {
		changes map[string]any
		caller  httpapi.Caller
	}{
		"an administrator may everything but read the audit trail": {map[string]any{"roles": []string{"admin"}},
			httpapi.Caller{Roles: httpapi.Roles{httpapi.RoleAdmin}, Scopes: httpapi.Scopes{}.With(httpapi.Roles{httpapi.RoleAdmin})}},
		"an operator may what his scopes say": {map[string]any{"roles": []string{"operator"}, "scope": "deletions:read deletions:hold"},
			httpapi.Caller{Roles: httpapi.Roles{httpapi.RoleOperator}, Scopes: httpapi.Scopes{httpapi.ScopeHold, httpapi.ScopeRead}}},
		"roles and scopes of other programs are passed over": {
			map[string]any{"roles": []string{"root", "auditor"}, "scope": "openid  deletions:everything"},
			httpapi.Caller{Roles: httpapi.Roles{httpapi.RoleAuditor}, Scopes: httpapi.Scopes{httpapi.ScopeAuditRead, httpapi.ScopeRead}}},
		"a service asks under its name": {
			map[string]any{"roles": []string{"service"}, "service": "crm", "scope": "deletions:read"},
			httpapi.Caller{Source: "crm", Roles: httpapi.Roles{httpapi.RoleService}, Scopes: httpapi.Scopes{httpapi.ScopeRead}}},
		"claims in another spelling are none": {
			map[string]any{"scope": "deletions:read", "Roles": []string{"admin"}, "SCOPE": "audit:read", "Sub": "user:8"},
			httpapi.Caller{Scopes: httpapi.Scopes{httpapi.ScopeRead}}},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			caller, err := token(t, a, good(t, c.changes))
			require.NoError(t, err)
			c.caller.Subject, c.caller.TokenID, c.caller.Until = "user:7", "token-1", caller.Until
			require.Equal(t, c.caller, caller)
		})
	}
	t.Run("several audiences, no id, a type of access tokens, and the scheme in any case are fine", func(t *testing.T) {
		t.Parallel()
		text := signed(t, pairs()["EdDSA"], claims(map[string]any{"aud": []string{"other", testAudience}, "jti": nil, "nbf": nil,
			"iat": nil, "scope": "deletions:read"}), map[string]any{"typ": "at+jwt"})
		caller, err := ask(t, a, anyone, httpapi.Target{}, "bearer "+text)
		require.NoError(t, err)
		require.Empty(t, caller.TokenID)
	})
}

func TestOwners(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	broken := errors.New("no database")
	a := i.authoriser(func(cfg *Config) {
		cfg.Owners = OwnersFunc(func(_ context.Context, tenant events.TenantID, user string) (bool, error) {
			switch tenant {
			case "broken":
				return false, broken
			case "misspelt":
				return false, events.ErrInvalid
			}
			return tenant == anyTenant && user == "user:7", nil
		})
	})
	of := func(tenant events.TenantID) httpapi.Target { return httpapi.Target{Tenant: tenant} }
	mine, other := of(anyTenant), of("other")
	job := func(tenant events.TenantID, by string) httpapi.Target {
		return httpapi.Target{Tenant: tenant, Job: "some-job", RequestedBy: by}
	}
	owner := httpapi.Rule{Scope: httpapi.ScopeRead, Owner: true}
	requester := httpapi.Rule{Scope: httpapi.ScopeRead, Owner: true, Requester: true}
	reads, writes := httpapi.Rule{Scope: httpapi.ScopeRead}, httpapi.Rule{Scope: httpapi.ScopeWrite}
	audits := httpapi.Rule{Scope: httpapi.ScopeAuditRead}
	for claim, c := range map[string]struct {
		roles  []string
		rule   httpapi.Rule
		target httpapi.Target
		err    error
	}{
		"the owner may with his tenant":                   {[]string{"owner"}, owner, mine, nil},
		"the owner may with a job of his tenant":          {[]string{"owner"}, owner, job(anyTenant, "crm"), nil},
		"another's tenant is forbidden":                   {[]string{"owner"}, owner, other, httpapi.ErrForbidden},
		"another's job is not there":                      {[]string{"owner"}, owner, job("other", "x"), saga.ErrNotFound},
		"another's job is not there, whoever asked":       {[]string{"owner"}, owner, job("other", "user:7"), saga.ErrNotFound},
		"a job he asked for may be read":                  {[]string{"owner"}, requester, job("other", "user:7"), nil},
		"a job that nobody asked for is not there":        {[]string{"owner"}, requester, job("other", ""), saga.ErrNotFound},
		"no tenant is forbidden":                          {[]string{"owner"}, owner, httpapi.Target{}, httpapi.ErrForbidden},
		"a tenant that cannot be is forbidden":            {[]string{"owner"}, owner, of("misspelt"), httpapi.ErrForbidden},
		"tables that do not answer are no permission":     {[]string{"owner"}, owner, of("broken"), broken},
		"without the role a person owns nothing":          {[]string{}, owner, mine, httpapi.ErrForbidden},
		"an operator without scopes owns nothing":         {[]string{"operator"}, owner, mine, httpapi.ErrForbidden},
		"what owners may not an owner may not":            {[]string{"owner"}, reads, mine, httpapi.ErrForbidden},
		"a service's routes are no owner's":               {[]string{"owner"}, httpapi.Rule{Service: true}, mine, httpapi.ErrForbidden},
		"and no administrator's":                          {[]string{"admin"}, httpapi.Rule{Service: true}, mine, httpapi.ErrForbidden},
		"an administrator need not own":                   {[]string{"admin"}, owner, other, nil},
		"an auditor need not own what he reads":           {[]string{"auditor"}, owner, other, nil},
		"an auditor may not what is no reading":           {[]string{"auditor"}, writes, mine, httpapi.ErrForbidden},
		"what has no rule is for nobody":                  {[]string{"admin", "owner"}, httpapi.Rule{}, mine, httpapi.ErrForbidden},
		"an administrator reads no audit trail by itself": {[]string{"admin"}, audits, mine, httpapi.ErrForbidden},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			caller, err := ask(t, a, c.rule, c.target, "Bearer "+good(t, map[string]any{"roles": c.roles}))
			require.ErrorIs(t, err, c.err)
			require.Equal(t, "user:7", caller.Subject, "also who was refused is known")
		})
	}
	t.Run("without tables nobody owns anything", func(t *testing.T) {
		t.Parallel()
		_, err := ask(t, i.authoriser(nil), owner, mine, "Bearer "+good(t, map[string]any{"roles": []string{"owner"}}))
		require.ErrorIs(t, err, httpapi.ErrForbidden)
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	valid := Config{Audience: testAudience, Issuer: testIssuer, JWKSURL: "https://u.test/keys"}
	_, err := New(valid)
	require.NoError(t, err, "an issuer that is away does not keep anybody from starting")
	for claim, c := range map[string]struct {
		tune func(*Config)
		says string
	}{
		"an issuer is required":           {func(c *Config) { c.Issuer = "" }, "Issuer"},
		"an audience is required":         {func(c *Config) { c.Audience = "" }, "Audience"},
		"a place of keys is required":     {func(c *Config) { c.JWKSURL = "" }, "exactly one"},
		"two places of keys are refused":  {func(c *Config) { c.JWKSFile = "keys.json" }, "exactly one"},
		"http to another machine is not":  {func(c *Config) { c.JWKSURL = "http://hidden.test/keys" }, "must be https"},
		"a URL with a password is not":    {func(c *Config) { c.JWKSURL = "https://u:hidden@h/keys" }, "without a user"},
		"another scheme is not":           {func(c *Config) { c.JWKSURL = "file:///hidden" }, "want a URL"},
		"a negative limit is not":         {func(c *Config) { c.Leeway = -1 }, "Leeway"},
		"a file that is not there is not": {func(c *Config) { c.JWKSURL, c.JWKSFile = "", "/nowhere" }, "JWKSFile"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			cfg := valid
			c.tune(&cfg)
			_, err := New(cfg)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "hidden")
		})
	}
}
