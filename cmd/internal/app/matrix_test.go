package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// People of the matrix.
const (
	ann       = "0a000000-0000-4000-8000-000000000001"
	bob       = "0b000000-0000-4000-8000-000000000002"
	absentJob = "00000000-0000-7000-8000-000000000000"
	absent    = "ffffffff-0000-4000-8000-00000000000f" // a tenant, or a user, that is not there
)

// described is an operation as the OpenAPI document has it.
type described struct {
	ID       string                `json:"operationId"`
	Security []map[string][]string `json:"security"`
	Body     *struct {
		Content map[string]struct {
			Example any `json:"example"`
		} `json:"content"`
	} `json:"requestBody"`

	method, path string
}

// anyone are the scopes and roles of which one is enough.
func (o described) anyone() (words []string) {
	for _, requirement := range o.Security {
		words = append(words, requirement["bearer"]...)
	}
	return words
}

// operationsOf reads the document that an API serves.
func operationsOf(t *testing.T, url string) (all []described) {
	t.Helper()
	answer, err := http.Get(url + "/openapi.json")
	require.NoError(t, err)
	defer answer.Body.Close()
	var document struct {
		Paths map[string]map[string]described `json:"paths"`
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&document))
	for path, item := range document.Paths {
		for method, op := range item {
			op.method, op.path = strings.ToUpper(method), path
			all = append(all, op)
		}
	}
	slices.SortFunc(all, func(a, b described) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// column is who asks, and for what.
type column struct {
	claim  string
	token  *LocalToken // nil sends none
	words  []string    // what of the document's words he has
	tenant events.TenantID
	job    events.JobID
	// foreign is true when what he asks for is another's: an owner may not then, whatever the document says.
	foreign bool
}

// matrix is a platform whose jobs wait for an hour, with two owners who each have a tenant and a job of it.
type matrix struct {
	*testing.T
	platform *Platform
	jobs     map[events.TenantID]events.JobID
}

func newMatrix(t *testing.T) (*matrix, []events.TenantID) {
	m := &matrix{T: t, platform: startPlatform(t, PlatformConfig{Policy: saga.Policy{Grace: time.Hour}}),
		jobs: map[events.TenantID]events.JobID{}}
	tenants, _ := tenantsOf(t, m.platform, 0, 2)
	owned(t, m.platform, tenants[0], ann)
	owned(t, m.platform, tenants[1], bob)
	for _, tenant := range tenants {
		job, _, err := m.platform.Coordinator().Submit(t.Context(), request(tenant), saga.Asker{})
		require.NoError(t, err)
		m.jobs[tenant] = job.ID
	}
	return m, tenants
}

// owned makes a user the owner of a tenant.
func owned(t *testing.T, p *Platform, tenant events.TenantID, user string) {
	t.Helper()
	_, err := p.pools[tenantService].NewRaw(`INSERT INTO tenant_members (tenant_id, user_id, name, email, role, is_active, joined_at)
		VALUES (?, ?, 'n', 'e', 'owner', true, now())`, string(tenant), user).Exec(t.Context())
	require.NoError(t, err)
}

// columns are everybody the table of rules tells apart.
func (m *matrix) columns(mine, other events.TenantID) []column {
	as := func(claim string, token *LocalToken, words ...string) column {
		return column{claim: claim, token: token, words: words, tenant: mine, job: m.jobs[mine]}
	}
	role := func(roles ...httpapi.Role) *LocalToken { return &LocalToken{Subject: "user:7", Roles: roles} }
	owner := &LocalToken{Subject: ann, Roles: []httpapi.Role{httpapi.RoleOwner}}
	all := []column{
		as("nobody", nil),
		as("somebody without role and scope", role()),
		as("somebody with the role of another program", role("root")),
		as("an administrator", role(httpapi.RoleAdmin), "admin"),
		as("an auditor", role(httpapi.RoleAuditor), "auditor"),
		as("an operator without a scope", role(httpapi.RoleOperator)),
		as("an owner", owner, "owner"),
		as("a service", &LocalToken{Subject: "crm", Service: "crm", Roles: []httpapi.Role{httpapi.RoleService}}, "service"),
		{"the owner of another tenant", owner, []string{"owner"}, other, m.jobs[other], true},
		{"an owner of what is not there", owner, []string{"owner"}, absent, absentJob, true},
	}
	for _, scope := range httpapi.AllScopes() {
		token := role(httpapi.RoleOperator)
		token.Scopes = []httpapi.Scope{scope}
		all = append(all, as("an operator with "+string(scope), token, string(scope)))
	}
	return all
}

// request is the one that an operation's cell is tried with. What would delete, and may, is about a tenant that is not there.
func (c column) request(t *testing.T, url string, op described) *http.Request {
	t.Helper()
	tenant := string(c.tenant)
	if strings.HasPrefix(op.ID, "eraseService") && slices.Contains(c.words, "service") {
		tenant = absent
	}
	path := strings.NewReplacer("{tenant_id}", tenant, "{job_id}", string(c.job), "{user_id}", absent, "{id}", "4711").
		Replace(op.path)
	var body io.Reader = http.NoBody
	if op.Body != nil {
		text, err := json.Marshal(c.body(op))
		require.NoError(t, err)
		body = strings.NewReader(string(text))
	}
	if op.ID == "listJobs" {
		path += "?tenant_id=" + tenant
	}
	r, err := http.NewRequestWithContext(t.Context(), op.method, url+path, body)
	require.NoError(t, err)
	if op.Body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("If-Match", "*")
	r.Header.Set("Idempotency-Key", "key-"+strings.ReplaceAll(c.claim, " ", "_"))
	return r
}

func (c column) body(op described) any {
	switch op.ID {
	case "submitJob":
		return httpapi.NewJob{TenantID: c.tenant, Reason: "contract_ended"}
	case "setRoster":
		var roster httpapi.Roster
		for _, entry := range ReferenceRoster() {
			roster.Roster = append(roster.Roster, httpapi.RosterEntry{Participant: entry.Participant, Wave: entry.Wave})
		}
		return roster
	}
	return op.Body.Content["application/json"].Example
}

// expects is what a cell answers when it is refused; zero when it is not.
func (c column) expects(op described) int {
	words := op.anyone()
	fits := slices.ContainsFunc(words, func(word string) bool { return slices.Contains(c.words, word) })
	switch {
	case len(words) == 0:
		return 0
	case c.token == nil:
		return http.StatusUnauthorized
	case !fits:
		return http.StatusForbidden
	case c.foreign && strings.Contains(op.path, "{job_id}"):
		return http.StatusNotFound
	case c.foreign:
		return http.StatusForbidden
	}
	return 0
}

// try makes a cell's request and holds its answer.
func (m *matrix) try(t *testing.T, url string, c column, op described) {
	t.Helper()
	r := c.request(t, url, op)
	if c.token != nil {
		token, err := m.platform.Token(*c.token)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close() // a live stream is only opened
	refusals := []int{http.StatusUnauthorized, http.StatusForbidden}
	if c.job == m.jobs[c.tenant] && strings.Contains(op.path, "{job_id}") {
		refusals = append(refusals, http.StatusNotFound) // the job is there
	}
	if want := c.expects(op); want != 0 {
		require.Equal(t, want, answer.StatusCode, "%s as %s", op.ID, c.claim)
		return
	}
	require.NotContains(t, refusals, answer.StatusCode, "%s as %s", op.ID, c.claim)
	require.Less(t, answer.StatusCode, 500, "%s as %s", op.ID, c.claim)
}

// Every cell of the matrix of roles and operations, as the document of the running API has it, is tried (E1).
func TestMatrix(t *testing.T) {
	t.Parallel()
	m, tenants := newMatrix(t)
	before := m.counts(tenants...)
	cells := map[string]int{}
	for _, op := range operationsOf(t, m.platform.URL()) {
		for _, c := range m.columns(tenants[0], tenants[1]) {
			m.try(t, m.platform.URL(), c, op)
			cells[fmt.Sprint(c.expects(op))]++
		}
	}
	t.Logf("cells by what they are refused with: %v", cells)
	require.Greater(t, cells["0"], 100)
	require.Greater(t, cells["403"], 500)
	require.Greater(t, cells["404"], 5)
	require.Equal(t, before, m.counts(tenants...), "nobody has deleted anything")
	t.Run("an owner must name his tenant to list jobs", func(t *testing.T) {
		require.Equal(t, http.StatusForbidden, m.owner("/api/v1/deletion-jobs").status)
	})
	t.Run("another's job and none look the same to an owner", func(t *testing.T) {
		hidden, none := m.owner("/api/v1/deletion-jobs/"+string(m.jobs[tenants[1]])), m.owner("/api/v1/deletion-jobs/"+absentJob)
		require.Equal(t, none.body, hidden.body)
	})
	t.Run("a token in the query is no token", func(t *testing.T) {
		token, err := m.platform.Token(LocalAdmin("user:7"))
		require.NoError(t, err)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			m.platform.URL()+"/api/v1/deletion-jobs?access_token="+token, http.NoBody)
		require.NoError(t, err)
		refused := send(t, r)
		require.Equal(t, http.StatusUnauthorized, refused.status)
		require.NotContains(t, refused.body, token)
	})
	t.Run("a participant's own routes have the same rules", func(t *testing.T) {
		for _, name := range []events.Participant{"orders", tenantService} {
			m.participant(t, name, tenants)
		}
	})
}

// owner asks as the owner of the first tenant.
func (m *matrix) owner(path string) said {
	m.Helper()
	return callAs(m.T, m.platform, http.MethodGet, path, LocalToken{Subject: ann, Roles: []httpapi.Role{httpapi.RoleOwner}})
}

// participant tries every cell of the API of one participant's process.
func (m *matrix) participant(t *testing.T, name events.Participant, tenants []events.TenantID) {
	cfg := participantAPI(m.platform.Participant(name), m.platform.pools[name], ParticipantConfig{Name: name}, nil)
	var owners *tenancy.Tenancy
	if name == tenantService {
		owners = tenancy.New(m.platform.pools[name])
	}
	at := door{auth: m.platform.issuer.auth()}
	if owners != nil {
		at.owners = owners
	}
	g, err := at.auth.open(at.owners, cfg.Logger)
	require.NoError(t, err)
	defer g.close()
	cfg.Ready = g.readyWith(nil)
	api, err := httpapi.New(g.authoriser, cfg)
	require.NoError(t, err)
	server := httptest.NewServer(api)
	defer server.Close()
	all := operationsOf(t, server.URL)
	require.GreaterOrEqual(t, len(all), 4)
	for _, op := range all {
		for _, c := range m.columns(tenants[0], tenants[1]) {
			m.try(t, server.URL, c, op)
		}
	}
}

// counts are the rows of tenants in every service.
func (m *matrix) counts(tenants ...events.TenantID) map[string]int64 {
	m.Helper()
	all := map[string]int64{}
	for _, tenant := range tenants {
		for _, entry := range ReferenceRoster() {
			preview := m.platform.Participant(entry.Participant).Preview(m.Context(), tenant)
			require.Nil(m, preview.Error)
			for table, n := range preview.Counts {
				all[fmt.Sprintf("%s %s.%s", tenant, entry.Participant, table)] = n
			}
		}
	}
	require.NotEmpty(m, all)
	return all
}
