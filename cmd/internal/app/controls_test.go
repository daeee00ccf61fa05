package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// caller asks the platform's API.
type caller struct {
	t testing.TB
	p *Platform
}

// ask makes a request as a platform administrator with headers (name, value, ...), and reads the answer.
func (c caller) ask(method, path string, body, into any, header ...string) int {
	c.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(c.t, err)
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.p.URL()+path, bytes.NewReader(text))
	require.NoError(c.t, err)
	token, err := c.p.Token(LocalAdmin("user:7"))
	require.NoError(c.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	if body == nil {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answered, err := http.DefaultClient.Do(r)
	require.NoError(c.t, err)
	defer answered.Body.Close()
	require.NoError(c.t, json.NewDecoder(answered.Body).Decode(into))
	return answered.StatusCode
}

// refused requires a problem.
func (c caller) refused(status int, code, method, path string, body any, header ...string) httpapi.Problem {
	c.t.Helper()
	var p httpapi.Problem
	require.Equal(c.t, status, c.ask(method, path, body, &p, header...))
	require.Equal(c.t, code, p.Code, "%+v", p)
	return p
}

func TestControls(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, PlatformConfig{TenantRules: true, TrustedSources: []events.Participant{"billing"}})
	tenants, _ := tenantsOf(t, p, 0, 4)
	admin, err := pgx.Connect(t.Context(), p.AdminDSN())
	require.NoError(t, err)
	t.Cleanup(func() { _ = admin.Close(context.Background()) })
	var name, owner string
	err = admin.QueryRow(t.Context(), `SELECT t.name, m.user_id::text FROM tenants.tenants t
		JOIN tenants.tenant_members m ON m.tenant_id = t.id AND m.role = 'owner' WHERE t.id = $1`,
		string(tenants[0])).Scan(&name, &owner)
	require.NoError(t, err)
	c := caller{t, p}
	path := "/api/v1/tenants/" + string(tenants[0])

	t.Run("a platform administrator repeats the name and says why", func(t *testing.T) {
		c := caller{t, p}
		c.refused(http.StatusUnprocessableEntity, saga.ReasonConfirmationMissing, "DELETE", path, nil)
		c.refused(http.StatusUnprocessableEntity, saga.ReasonConfirmationMismatch, "DELETE", path, nil, "Td-Confirm-Name", "another")
		said := []string{"Td-Confirm-Name", url.PathEscape(name), "Idempotency-Key", "ticket-1"}
		problem := c.refused(http.StatusConflict, saga.ReasonOverrideMissing, "DELETE", path, nil, said...)
		require.Contains(t, problem.Admins, owner)
		c.refused(http.StatusNotFound, saga.ReasonTenantUnknown, "DELETE", "/api/v1/tenants/"+string(gone), nil)
		var job, again httpapi.Job
		require.Equal(t, http.StatusAccepted, c.ask("DELETE", path+"?override_reason=ticket-1", nil, &job, said...))
		done, err := p.Wait(t.Context(), tenants[0], "ticket-1")
		require.NoError(t, err)
		require.Equal(t, saga.StateCompleted, done.State)
		require.Equal(t, http.StatusAccepted, c.ask("DELETE", path, nil, &again, "Idempotency-Key", "ticket-1"))
		require.Equal(t, job.JobID, again.JobID, "a repeat is the same job, though the tenant is gone")
	})
	t.Run("over the bus a source that is not trusted is refused by an event, and nothing is deleted", func(t *testing.T) {
		require.NoError(t, p.Submit(t.Context(), request(tenants[1])))
		job, err := p.Wait(t.Context(), tenants[1], request(tenants[1]).RequestID)
		require.NoError(t, err)
		require.Equal(t, [2]string{string(saga.StateRefused), saga.ReasonNotAdministrator}, [2]string{string(job.State), job.Cause})
		preview := p.Participant("orders").Preview(t.Context(), tenants[1])
		require.NotZero(t, preview.Total())
	})
	t.Run("over the bus a trusted source may ask", func(t *testing.T) {
		trusted := request(tenants[2])
		trusted.Source = "billing"
		require.NoError(t, p.Submit(t.Context(), trusted))
		job, err := p.Wait(t.Context(), tenants[2], trusted.RequestID)
		require.NoError(t, err)
		require.Equal(t, saga.StateCompleted, job.State)
	})
	t.Run("all of it is in the audit trail, which the coordinator's role cannot change", func(t *testing.T) {
		var trail httpapi.AuditRecords
		require.Equal(t, http.StatusOK, caller{t, p}.ask("GET", "/api/v1/audit?limit=500", nil, &trail))
		codes, records := map[string]bool{}, make([]saga.AuditRecord, len(trail.Records))
		for i, r := range trail.Records {
			codes[string(r.TenantID)+" "+r.Code] = true
			records[len(records)-1-i] = r.Record()
		}
		require.NoError(t, saga.CheckChain(saga.AuditStart, records...))
		for _, code := range []string{"", saga.ReasonConfirmationMissing, saga.ReasonConfirmationMismatch, saga.ReasonOverrideMissing,
			"done"} {
			require.True(t, codes[string(tenants[0])+" "+code], code)
		}
		require.True(t, codes[string(tenants[1])+" "+saga.ReasonNotAdministrator])
		require.True(t, codes[string(tenants[2])+" done"])
		coordinator, err := pgx.Connect(t.Context(), p.DSN("coordinator"))
		require.NoError(t, err)
		defer coordinator.Close(context.Background())
		for _, statement := range []string{"UPDATE audit.records SET actor = ''", "DELETE FROM audit.records", "TRUNCATE audit.records",
			"DROP TABLE audit.records", "ALTER TABLE audit.records DISABLE TRIGGER ALL", "UPDATE audit.chain SET number = 0"} {
			_, err := coordinator.Exec(t.Context(), statement)
			require.ErrorContains(t, err, "42501", statement)
		}
	})
	t.Run("the tenant's name is in no table of the coordinator", func(t *testing.T) {
		for _, schema := range []string{"coordinator", "audit"} {
			require.Zero(t, occurrences(t, admin, schema, name))
			require.NotZero(t, occurrences(t, admin, schema, string(tenants[0])), "the search finds what is there")
		}
	})
	t.Run("the grants of the documentation let the coordinator read the rules and nothing else", func(t *testing.T) {
		role := "td_test_" + strings.ToLower(rand.Text())
		dsn := c.granted(admin, role)
		t.Cleanup(func() {
			_, err := admin.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role)
			require.NoError(t, err)
		})
		p.StopCoordinator()
		reads := startProcess(t, []string{"DATABASE_URL=" + p.DSN("coordinator"), "NATS_URL=" + p.NATSURL(),
			"TENANTS_DATABASE_URL=" + dsn, "AUDIT_ADMIN_URL=" + p.AdminDSN()}, "coordinator",
			"--signing-seed-file", p.folders.seed(), "--audit", "--migrate",
			"--trusted-sources", "billing")
		trusted := request(tenants[3])
		require.NoError(t, p.Submit(t.Context(), trusted))
		job, err := p.Wait(t.Context(), tenants[3], trusted.RequestID)
		require.NoError(t, err)
		require.Equal(t, saga.ReasonNotAdministrator, job.Cause)
		trusted.Source, trusted.RequestID = "billing", "billing-1"
		require.NoError(t, p.Submit(t.Context(), trusted))
		job, err = p.Wait(t.Context(), tenants[3], trusted.RequestID)
		require.NoError(t, err)
		require.Equal(t, saga.StateCompleted, job.State)
		reads.interrupt()
		reader, err := pgx.Connect(t.Context(), dsn)
		require.NoError(t, err)
		defer reader.Close(context.Background())
		for _, statement := range []string{"SELECT email FROM tenants.tenant_members", "SELECT street FROM tenants.tenants",
			"DELETE FROM tenants.tenant_members", "UPDATE tenants.tenant_members SET role = 'owner'", "SELECT 1 FROM orders.customers"} {
			_, err := reader.Exec(t.Context(), statement)
			require.ErrorContains(t, err, "42501", statement)
		}
	})
}

// granted makes a role with the lines of docs/operations.md, and returns its DSN.
func (c caller) granted(admin *pgx.Conn, role string) string {
	c.t.Helper()
	page, err := os.ReadFile("../../../docs/operations.md")
	require.NoError(c.t, err)
	_, block, found := strings.Cut(string(page), "```sql\nCREATE ROLE td_rules")
	require.True(c.t, found)
	block, _, _ = strings.Cut(block, "```")
	_, err = admin.Exec(c.t.Context(), strings.ReplaceAll("CREATE ROLE td_rules"+block, "td_rules", role))
	require.NoError(c.t, err)
	u, err := url.Parse(c.p.AdminDSN())
	require.NoError(c.t, err)
	u.User = url.UserPassword(role, "...")
	return u.String()
}

// occurrences counts the rows of a schema in which a text stands.
func occurrences(t *testing.T, conn *pgx.Conn, schema, text string) (n int) {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, table := range tables {
		var found int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM "+schema+"."+table+" AS r WHERE strpos(r::text, $1) > 0",
			text).Scan(&found))
		n += found
	}
	return n
}

func TestControlsThatCannotBe(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, PlatformConfig{})
	for claim, c := range map[string]struct {
		env, args []string
		says      string
	}{
		"a trail that its writer could change": {[]string{"DATABASE_URL=" + p.AdminDSN()}, []string{"--audit"}, "no superuser"},
		"a trail that nobody may lay": {[]string{"DATABASE_URL=" + p.DSN("coordinator")}, []string{"--audit", "--migrate"},
			"--audit-admin-url"},
		"trusted sources without rules": {[]string{"DATABASE_URL=" + p.DSN("coordinator")}, []string{"--trusted-sources", "crm"},
			"--tenants-database-url"},
		"rules whose exceptions nobody records": {[]string{"DATABASE_URL=" + p.DSN("coordinator"),
			"TENANTS_DATABASE_URL=" + p.DSN("tenants")}, nil, "needs --audit"},
		"sources that are no names": {[]string{"DATABASE_URL=" + p.DSN("coordinator")}, []string{"--trusted-sources", "C R M"},
			"--trusted-sources"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			process := startProcess(t, append(c.env, "NATS_URL="+p.NATSURL()), "coordinator",
				append(c.args, "--signing-seed-file", p.folders.seed())...)
			require.Equal(t, ExitUsage, process.ended().ExitCode())
			require.Contains(t, process.log.String(), c.says)
			require.NotContains(t, process.log.String(), "postgres://")
		})
	}
}
