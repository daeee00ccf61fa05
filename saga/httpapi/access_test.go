package httpapi

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/saga"
)

func TestRules(t *testing.T) {
	t.Parallel()
	t.Run("an operation without a rule is refused by name", func(t *testing.T) {
		t.Parallel()
		a := &API{ruled: map[string]bool{}}
		a.note(operation{id: "listJobs"})
		a.note(operation{id: "livez"})
		a.note(operation{id: "eraseService_orders"})
		require.Empty(t, a.unruled)
		a.note(operation{id: "dropEverything"})
		require.ErrorContains(t, errors.Join(a.unruled...), "dropEverything")
	})
	t.Run("a rule without an operation is refused by name", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, everyRule())
		require.ErrorContains(t, idleRules(map[string]Rule{"misspelt": {Open: true}}, map[string]bool{"spelt": true}), "misspelt")
	})
	t.Run("nothing is open but health", func(t *testing.T) {
		t.Parallel()
		for name, rule := range rules {
			require.Equal(t, name == "livez" || name == "readyz", rule.Open, name)
			require.False(t, rule.Permits(Caller{Subject: "alice"}) && !rule.Open, "%s lets in whoever has no role and no scope", name)
		}
		require.False(t, ruleOf("unheard").Permits(Caller{Roles: AllRoles(), Scopes: AllScopes()}), "what has no rule is closed")
	})
	t.Run("an administrator does not read the audit trail, and an auditor only reads", func(t *testing.T) {
		t.Parallel()
		require.ElementsMatch(t, slices.DeleteFunc(AllScopes(), func(s Scope) bool { return s == ScopeAuditRead }),
			Scopes{}.With(Roles{RoleAdmin}))
		require.ElementsMatch(t, Scopes{ScopeAuditRead, ScopeRead}, Scopes{ScopeRead}.With(Roles{RoleAuditor}))
		for _, role := range []Role{RoleOperator, RoleOwner, RoleService} {
			require.Empty(t, Scopes{}.With(Roles{role}))
		}
	})
}

// The document says of every operation who may, in scopes and roles that are in the closed sets.
func TestDocumentSaysWhoMay(t *testing.T) {
	t.Parallel()
	a, err := New(AuthoriserFunc(authorise), wholeConfig(platformServices()))
	require.NoError(t, err)
	for _, op := range operations(a) {
		for _, requirement := range op.Security {
			require.Len(t, requirement["bearer"], 1, op.OperationID)
			word := requirement["bearer"][0]
			require.True(t, slices.Contains(AllScopes(), Scope(word)) || slices.Contains(AllRoles(), Role(word)), word)
		}
		require.Equal(t, ruleOf(op.OperationID).Open, len(op.Security) == 0, op.OperationID)
		require.NotContains(t, op.Responses, "302", op.OperationID)
	}
}

// Laws that hold whatever the table says, so that a line of it that is mistyped is found.
func TestLawsOfTheDocument(t *testing.T) {
	t.Parallel()
	a, err := New(AuthoriserFunc(authorise), wholeConfig(platformServices()))
	require.NoError(t, err)
	var owners []string
	for _, op := range operations(a) {
		var words []string
		for _, requirement := range op.Security {
			words = append(words, requirement["bearer"]...)
		}
		may := func(word Role) bool { return slices.Contains(words, string(word)) }
		require.False(t, may(RoleOperator), "%s: an operator may what his scopes say", op.OperationID)
		require.False(t, may(RoleAuditor) && op.Method != http.MethodGet, "%s: an auditor only reads", op.OperationID)
		alone := strings.Contains(op.OperationID, "Service_")
		require.Equal(t, alone, slices.Equal(words, []string{"service"}), "%s: one service is for services alone", op.OperationID)
		if !alone && len(words) > 0 {
			require.True(t, may(RoleAdmin) || words[0] == string(ScopeAuditRead), "%s: an administrator may", op.OperationID)
		}
		if may(RoleOwner) {
			owners = append(owners, op.OperationID)
		}
	}
	require.Equal(t, []string{"cancelJob", "createPreview", "deleteTenant", "followJob", "getJob", "listAdmins", "listJobEvents",
		"listJobs", "previewTenant", "renewPreview", "submitJob", "transferOwnership"}, owners,
		"what owners may is written down twice on purpose")
}

// asked is what an authoriser was told about a request.
type asked struct {
	target Target
	err    error
}

func TestTarget(t *testing.T) {
	t.Parallel()
	heard := make(chan asked, 1)
	const tenant, service = "/api/v1/tenants/acme/deletion-preview", "/api/v1/orders/tenant/acme/deletion-preview"
	w := newWorld(t, nil)
	job := read[Job](w.submit(waiting("acme"), "key-1").is(http.StatusAccepted))
	a, err := New(AuthoriserFunc(func(ctx context.Context, access Access) (Caller, error) {
		target, err := access.Target(ctx)
		heard <- asked{target, err}
		return Caller{Subject: "alice"}, err
	}), w.api.cfg)
	require.NoError(t, err)
	w = serve(t, a)
	jobsOf := func(q string) request { return request{method: "GET", path: jobsPath + q} }
	post := func(body string) request {
		return request{method: "POST", path: jobsPath, header: map[string]string{"Idempotency-Key": "key-2"}, body: body}
	}
	for claim, c := range map[string]struct {
		request request
		target  Target
		status  int
	}{
		"a tenant's path":            {request{method: "GET", path: tenant}, Target{Tenant: "acme"}, 200},
		"a service's path":           {request{method: "GET", path: service}, Target{Tenant: "acme"}, 200},
		"a job's path":               {jobsOf("/" + string(job.JobID)), Target{"acme", job.JobID, "alice"}, 200},
		"a job that is not there":    {jobsOf("/" + nothing), Target{}, 404},
		"a job that is no id":        {jobsOf("/nonsense"), Target{}, 404},
		"a list of one tenant":       {jobsOf("?tenant_id=acme"), Target{Tenant: "acme"}, 200},
		"a list of all":              {jobsOf(""), Target{}, 200},
		"a list that names two":      {jobsOf("?tenant_id=acme&tenant_id=other"), Target{}, 422},
		"a list of no tenant id":     {jobsOf("?tenant_id=a.b"), Target{}, 422},
		"a body":                     {post(`{"tenant_id":"rye","reason":"gone"}`), Target{Tenant: "rye"}, 202},
		"a body that names two":      {post(`{"tenant_id":"rye","tenant_id":"acme","reason":"gone"}`), Target{}, 400},
		"a body in another spelling": {post(`{"Tenant_id":"rye","reason":"gone"}`), Target{}, 422},
		"a body of another form":     {post(`{"tenant_id":["rye"]}`), Target{}, 422},
		"a body that is too long":    {post(`{"tenant_id":"` + strings.Repeat("a", 64<<10) + `"}`), Target{}, 413},
		"a body without":             {post(`{"reason":"gone"}`), Target{}, 422},
		"what is about no tenant":    {request{method: "GET", path: participantsPath}, Target{}, 200},
	} {
		t.Run(claim, func(t *testing.T) {
			answered := w.as(t).do(c.request)
			require.Equal(t, c.status, answered.status, "%s", answered.body)
			told := <-heard
			require.Equal(t, c.target, told.target)
			require.Equal(t, c.status == 202 || c.status == 200 || claim == "a body without", told.err == nil, "%v", told.err)
		})
	}
}

func TestChallenges(t *testing.T) {
	t.Parallel()
	for claim, c := range map[string]struct {
		err       error
		status    int
		challenge string
	}{
		"nobody is told to bring a token": {ErrUnauthenticated, 401, `Bearer realm="tenant-deletion"`},
		"a bad token is told why": {&TokenError{Why: "it has expired"}, 401,
			`Bearer realm="tenant-deletion", error="invalid_token", error_description="it has expired"`},
		"a lesser token is told which scope": {ErrForbidden, 403,
			`Bearer realm="tenant-deletion", error="insufficient_scope", scope="deletions:read"`},
		"an issuer that does not answer is no challenge": {ErrUnavailable, 503, ""},
		"a job that is not shown is not there":           {saga.ErrNotFound, 404, ""},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			a, err := New(AuthoriserFunc(func(context.Context, Access) (Caller, error) { return Caller{Subject: "eve"}, c.err }),
				Config{Coordinator: absent{}})
			require.NoError(t, err)
			answered := serve(t, a).do(request{method: "GET", path: jobsPath + "/" + nothing}).is(c.status)
			require.Equal(t, c.challenge, answered.header.Get("WWW-Authenticate"))
		})
	}
}

// A live stream is worth no more than the token it was opened with.
func TestStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	job := read[Job](w.submit(waiting("acme"), "key-1").is(http.StatusAccepted))
	now := time.Now()
	cfg := w.api.cfg
	cfg.Clock = func() time.Time { return now }
	a, err := New(AuthoriserFunc(func(context.Context, Access) (Caller, error) {
		return Caller{Subject: "alice", Until: now.Add(3 * time.Second)}, nil // long enough for the first entry on a loaded machine
	}), cfg)
	require.NoError(t, err)
	answered := serve(t, a).do(request{method: "GET", path: jobsPath + "/" + string(job.JobID) + "/events/live"})
	require.Equal(t, http.StatusOK, answered.is(http.StatusOK).status, "it ended although the job waits")
	require.Contains(t, string(answered.body), "event: entry")
}

// docs/auth.md has the table, for people.
func TestRulesAreExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/auth.md")
	require.NoError(t, err)
	page := string(text)
	for name, rule := range rules {
		if rule.Open {
			require.Contains(t, page, "`/"+name+"`")
			continue
		}
		row := "\n| `" + name + "` | `" + strings.Join(rule.Anyone(), "`, `") + "` |\n"
		require.Contains(t, page, row)
	}
	for _, role := range AllRoles() {
		require.Contains(t, page, "\n| `"+string(role)+"` | ")
	}
	for _, scope := range AllScopes() {
		require.Contains(t, page, "`"+string(scope)+"`")
	}
}
