package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants/conformance"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
)

const (
	strangerName = "crm"
	strangerHome = "crm_home"
)

// strangerMade is what testdata/stranger_tenant.sql makes of a tenant, by the names of the plan.
var strangerMade = map[string]int64{"Organizations": 1, "user": 3, "Order": 3, `"order.lines"`: 6, "notes": 3, "comments": 6,
	"templates": 1, `Billing Dept."in""voices"`: 3}

// decisions are what a person makes of a generated plan, table by table.
var decisions = map[string]string{
	"notes": `{via: {column: author, parent: user, accept_null: "notes without an author are nobody's"}}`,
	"comments": `{via: {type: subject_type, id: subject_id, parents: {Order: Order, User: user},
    keep: {Page: "pages are public"}}}`,
	"countries":                 `{keep: "catalogue of all tenants"}`,
	`Billing Dept."in""voices"`: `{by: [payer, payee]}`,
	"templates":                 `{by: owner_org, where: is_system = false, keep: "system templates are shared"}`,
}

// strangersRows digest each table without the rows that a deletion of a tenant may take; independent of any plan.
var strangersRows = map[string]string{
	`"Organizations"`: `"Id" <> $1`,
	`"user"`:          `"orgId" <> $1`,
	`"Order"`:         `"select" NOT IN (SELECT id FROM "user" WHERE "orgId" = $1)`,
	`"order.lines"`:   `"order" NOT IN (SELECT o.id FROM "Order" o JOIN "user" u ON u.id = o."select" WHERE "orgId" = $1)`,
	`notes`:           `author IS NULL OR author NOT IN (SELECT id FROM "user" WHERE "orgId" = $1)`,
	`comments`: `NOT (subject_type = 'User' AND subject_id IN (SELECT id FROM "user" WHERE "orgId" = $1)
		OR subject_type = 'Order' AND subject_id IN
			(SELECT o.id FROM "Order" o JOIN "user" u ON u.id = o."select" WHERE "orgId" = $1))`,
	`templates`:                   `owner_org <> $1 OR is_system`,
	`countries`:                   `$1 = $1`,
	`"Billing Dept"."in""voices"`: `payer <> $1 AND payee <> $1`,
}

// stranger is somebody's schema in a database of its own, with a role that has the rights of docs/plans.md and no others.
type stranger struct {
	*stack
	plan string
	name string // of the role that the participant logs in as
	role string // its DSN
}

// newStranger prepares everything but the plan, the coordinator and the participant.
func newStranger(t *testing.T) *stranger {
	t.Helper()
	database := pgtest.New(t, migrations.Coordinator())
	s := &stranger{plan: filepath.Join(t.TempDir(), "plan.yaml"), stack: &stack{t: t, dsn: database.DSN, natsDir: t.TempDir(),
		seedFile: filepath.Join(t.TempDir(), "seed")}}
	key, err := events.NewSeed()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.seedFile, key, 0o600))
	signer, err := events.NewSigner(key)
	require.NoError(t, err)
	s.key = signer.PublicKey()
	s.startNATS(-1)
	_, err = natsdeploy.Apply(t.Context(), s.jetStream(), natsdeploy.Topology{Participants: []events.Participant{strangerName}})
	require.NoError(t, err)
	s.db, err = sql.Open("pgx", database.DSN("public"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.db.Close() })
	pool, err := pgpool.Open(database.DSN("coordinator"), pgpool.Config{Name: "e2e"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	s.store = pgstore.New(pool, pgstore.Config{})
	require.NoError(t, s.store.SetRoster(t.Context(), []saga.RosterEntry{{Participant: strangerName, Wave: 1}}))
	s.exec(read(t, "testdata/stranger.sql"))
	s.provisionRole(database)
	return s
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func (s *stranger) exec(statements string) {
	s.t.Helper()
	_, err := s.db.ExecContext(s.t.Context(), statements)
	require.NoError(s.t, err)
}

// provisionRole makes the participant's role, which has no right yet.
func (s *stranger) provisionRole(database *pgtest.Database) {
	s.t.Helper()
	s.name = "crm_" + database.Name()
	s.exec("CREATE ROLE " + s.name + " LOGIN PASSWORD 'x'")
	s.t.Cleanup(func() {
		_, err := s.db.ExecContext(context.Background(), "DROP OWNED BY "+s.name+" CASCADE; DROP ROLE "+s.name)
		require.NoError(s.t, err)
	})
	dsn, err := url.Parse(database.AdminDSN())
	require.NoError(s.t, err)
	dsn.User = url.UserPassword(s.name, "x")
	s.role = dsn.String()
}

// grant gives the role the rights that the plan needs, and no others.
func (s *stranger) grant() {
	s.t.Helper()
	rights, _ := s.erasectl(app.ExitDone, "plan", "grants", "--plan", s.plan, "--role", s.name)
	s.exec(rights)
}

// seed makes a tenant.
func (s *stranger) seed(tenant events.TenantID) {
	s.t.Helper()
	require.NoError(s.t, s.makeTenant(s.t.Context(), tenant))
}

func (s *stranger) makeTenant(ctx context.Context, tenant events.TenantID) error {
	text, err := os.ReadFile("testdata/stranger_tenant.sql")
	if err == nil {
		_, err = s.db.ExecContext(ctx, strings.ReplaceAll(string(text), "{tenant}", string(tenant)))
	}
	return err
}

// others digests every row that the deletion of a tenant must leave alone.
func (s *stranger) others(ctx context.Context, tenant events.TenantID) (string, error) {
	all := map[string]string{}
	for table, others := range strangersRows {
		var digest string
		err := s.db.QueryRowContext(ctx, fmt.Sprintf(
			"SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM %s t WHERE %s", table, others),
			string(tenant)).Scan(&digest)
		if err != nil {
			return "", err
		}
		all[table] = digest
	}
	text, err := json.Marshal(all)
	return string(text), err
}

// digest is others of everybody: a tenant that has no row.
func (s *stranger) digest(except events.TenantID) string {
	s.t.Helper()
	text, err := s.others(s.t.Context(), except)
	require.NoError(s.t, err)
	return text
}

// erasectl runs the command to its end.
func (s *stranger) erasectl(code int, args ...string) (out, said string) {
	s.t.Helper()
	dir, err := binaries()
	require.NoError(s.t, err)
	c := exec.CommandContext(s.t.Context(), filepath.Join(dir, "erasectl"), args...)
	c.Env = []string{"ERASECTL_CONFIG=" + filepath.Join(s.t.TempDir(), "none"), "DATABASE_URL=" + s.role}
	var stdout, stderr strings.Builder
	c.Stdout, c.Stderr = &stdout, &stderr
	_ = c.Run() // its exit code tells
	require.Equal(s.t, code, c.ProcessState.ExitCode(), "%v\n%s%s", args, &stdout, &stderr)
	require.NotContains(s.t, stdout.String()+stderr.String(), "postgres://", "no DSN is shown")
	return stdout.String(), stderr.String()
}

// generate writes the plan from the catalogue.
func (s *stranger) generate() {
	s.t.Helper()
	s.erasectl(app.ExitDone, "plan", "generate", "--tenant-root", "Organizations.Id", "--schema", "public",
		"--schema", "Billing Dept", "--tenant-column", "owner_org", "--participant", strangerName,
		"--home", strangerHome, "--out", s.plan)
}

// decide does what a person does in an editor: it replaces the lines of tables.
func (s *stranger) decide() {
	s.t.Helper()
	text := read(s.t, s.plan)
	for table, decision := range decisions {
		line := regexp.MustCompile(`(?m)^  ['"]?` + regexp.QuoteMeta(table) + `['"]?:.*(\n    .*)*$`)
		require.Len(s.t, line.FindAllString(text, -1), 1, "%s in\n%s", table, text)
		key, _, _ := strings.Cut(line.FindString(text), ":")
		text = line.ReplaceAllLiteralString(text, key+": "+decision)
	}
	require.NoError(s.t, os.WriteFile(s.plan, []byte(text), 0o644))
}

// take runs the participant of the plan as a process.
func (s *stranger) take(args ...string) *process {
	s.t.Helper()
	return s.start("participant", nil, append([]string{"--plan", s.plan, "--database-url", s.role, "--nats-url", s.nats.ClientURL(),
		"--trusted-keys", string(s.key), "--migrate"}, args...)...)
}

func TestAStrangersSchemaIsErasedWithoutCode(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	const tenant, neighbour = "acme-1", "acme-10"
	s.seed(tenant)
	s.seed(neighbour)
	s.generate()
	s.grant()

	_, said := s.erasectl(app.ExitConflict, "plan", "check", "--plan", s.plan)
	require.Contains(t, said, "decide")
	refused := s.take()
	until(t, "the participant to refuse", refused.died)
	require.Equal(t, app.ExitFailed, refused.cmd.ProcessState.ExitCode())
	log := read(t, refused.log.Name())
	for table := range decisions {
		if table != "templates" {
			require.Contains(t, log, strings.Trim(strconvQuote(table), `"`), "undecided tables are refused by name")
		}
	}

	s.decide()
	s.grant()
	s.erasectl(app.ExitDone, "plan", "check", "--plan", s.plan)
	out, _ := s.erasectl(app.ExitDone, "plan", "preview", "--plan", s.plan, "--tenant", tenant, "-o", "json")
	var preview events.Preview
	require.NoError(t, json.Unmarshal([]byte(out), &preview))
	require.Equal(t, strangerMade, map[string]int64(preview.Counts))

	before := s.digest(tenant)
	s.coordinator()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	s.take("--http-addr", free.Addr().String())
	until(t, "the participant to serve its routes", func() bool {
		response, err := http.Get("http://" + free.Addr().String() + "/api/v1/crm/tenant/" + tenant + "/deletion-preview")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		require.Equal(t, http.StatusOK, response.StatusCode)
		return true
	})
	s.submit(s.connect("asker"), tenant)
	job := s.awaitState(tenant, saga.StateCompleted)
	require.Equal(t, strangerMade, map[string]int64(job.Steps[0].Counts))
	require.False(t, job.Steps[0].VerifiedAt.IsZero(), "zero was counted again")
	require.Equal(t, before, s.digest("nobody"), "the tenant's rows are gone, every other row is the same")
	s.relayed()
	require.Equal(t, 1, s.stored("tenant.deleted."+tenant))

	s.exec(`CREATE TABLE vouchers (id bigint PRIMARY KEY, "orgId" text NOT NULL REFERENCES "Organizations")`)
	everything := s.digest("nobody")
	s.submit(s.connect("asker"), neighbour)
	failed := s.awaitState(neighbour, saga.StateFailed)
	require.Equal(t, "unplanned_table", failed.Steps[0].Problems[0].Code)
	require.Contains(t, failed.Steps[0].Problems[0].Detail, "vouchers")
	require.Equal(t, everything, s.digest("nobody"), "nothing was deleted")
}

func strconvQuote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

func TestAPlansParticipantKilledAtAPointLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	s.generate()
	s.decide()
	s.grant()
	s.coordinator()
	for i, point := range []string{"participant.erasing", "participant.committed", "participant.published"} {
		tenant := events.TenantID(fmt.Sprintf("acme-%d", i))
		s.seed(tenant)
		before := s.digest(tenant)
		victim := s.start("participant", crashAt(point), "--plan", s.plan, "--database-url", s.role, "--nats-url", s.nats.ClientURL(),
			"--trusted-keys", string(s.key), "--migrate")
		s.submit(s.connect("asker"), tenant)
		victim.awaitCrash()
		again := s.take()
		job := s.awaitState(tenant, saga.StateCompleted)
		require.Equal(t, strangerMade, map[string]int64(job.Steps[0].Counts), point)
		require.Equal(t, before, s.digest("nobody"), point)
		again.kill()
	}
}

func TestAPlansParticipantConforms(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	s.generate()
	s.decide()
	s.grant()
	var mu sync.Mutex
	var running []*process
	start := func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		running = append(running, s.take())
		return nil
	}
	stop := func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		for _, p := range running {
			p.kill()
		}
		running = nil
		return nil
	}
	require.NoError(t, start(t.Context()))
	until(t, "the participant to be there", func() bool { return s.answers() })
	nc, err := nats.Connect(s.nats.ClientURL(), nats.CustomInboxPrefix("_INBOX_kit"))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	signer, err := app.LoadSigner(s.seedFile)
	require.NoError(t, err)
	made := 0
	report, err := conformance.Run(t.Context(), conformance.Config{Conn: nc, Participant: strangerName, Signer: signer,
		Seed: func(ctx context.Context, tenant events.TenantID) (map[string]int64, error) {
			return strangerMade, s.makeTenant(ctx, tenant)
		},
		Tenant:     func() events.TenantID { made++; return events.TenantID(fmt.Sprintf("made-%d", made)) },
		Neighbours: s.others, Start: start, Stop: stop,
		Tell: func(v conformance.Verdict) { t.Logf("%-4s %s %s", v.Outcome, v.ID, v.Reason) }})
	require.NoError(t, err)
	require.True(t, report.Conforms())
	require.Zero(t, report.Count(conformance.Should, conformance.Fail))
}

// answers reports whether the participant answers a preview.
func (s *stranger) answers() bool {
	nc, err := nats.Connect(s.nats.ClientURL())
	if err != nil {
		return false
	}
	defer nc.Close()
	m, err := nc.Request(events.PreviewSubject(strangerName), []byte(`{"tenant_id":"nobody"}`), endTimeout)
	return err == nil && strings.Contains(string(m.Data), `"counts"`)
}
