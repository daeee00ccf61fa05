package yamlplan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/yamlplan"
)

const fenceTables = `
	CREATE TABLE "Org" ("the $td$ id" varchar(40) PRIMARY KEY);
	CREATE TABLE boards (id bigint PRIMARY KEY, org varchar(40) NOT NULL REFERENCES "Org");
	CREATE INDEX ON boards (org);
	CREATE TABLE "b""ills" (payer text, payee text, td_live int);
	CREATE TABLE visits (org text NOT NULL, day int NOT NULL) PARTITION BY RANGE (day);
	CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (0) TO (10);
	CREATE TABLE drafts (org text NOT NULL, sent boolean NOT NULL);
	CREATE INDEX ON drafts (org);
	CREATE TABLE cards (id bigint PRIMARY KEY, board bigint NOT NULL REFERENCES boards);
	CREATE INDEX ON cards (board);
	INSERT INTO "Org" VALUES ('a'), ('b');
	INSERT INTO boards VALUES (1, 'a'), (2, 'b');
	INSERT INTO cards VALUES (1, 1), (2, 2);
	INSERT INTO "b""ills" (payer, payee) VALUES ('a', 'b'), ('b', 'b'), (NULL, 'a');
	INSERT INTO visits VALUES ('a', 1), ('b', 2)`

// fenced is the plan of fenceTables, and its database with the home laid.
func fenced(t *testing.T) (*yamlplan.File, *bun.DB) {
	t.Helper()
	database := pgtest.New(t, migrations.Participant("crm_home"), migrations.AnchorText("crm_home"))
	db, err := pgpool.Open(database.AdminDSN(), pgpool.Config{Schema: "crm_home"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	exec(t, db, fenceTables)
	f, err := yamlplan.Parse("plan.yaml", []byte(`participant: crm
home: crm_home
schemas: public
tenant: {root: Org.the $td$ id, type: varchar}
tables:
  Org: {by: the $td$ id}
  boards: {by: org}
  '"b""ills"': {by: [payer, payee], keep_null: "bills of strangers"}
  visits: {by: org}
  drafts: {by: org, where: sent = false, keep: "what was sent is public"}
  cards: {via: {column: board, parent: boards}}
`))
	require.NoError(t, err)
	return f, db
}

// run does what an administrator does with the statements.
func run(t *testing.T, db *bun.DB, f *yamlplan.File) {
	t.Helper()
	statements, err := f.Fence(t.Context(), db)
	require.NoError(t, err)
	require.NotEmpty(t, statements)
	for _, statement := range statements {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

func TestFence(t *testing.T) {
	t.Parallel()

	t.Run("lets PostgreSQL prove a deletion, and refuse what comes late", func(t *testing.T) {
		t.Parallel()
		f, db := fenced(t)
		run(t, db, f)
		again, err := f.Fence(t.Context(), db)
		require.NoError(t, err)
		require.Empty(t, again, "what is there is left out")
		findings, err := f.Findings(t.Context(), db)
		require.NoError(t, err)
		for _, found := range findings {
			require.Equal(t, sqlplan.FindingNoFence, found.Code, found)
			require.Contains(t, found.Text, "drafts", "rows of which stay, so it cannot be fenced")
		}
		exec(t, db, `INSERT INTO "Org" VALUES ('c'); INSERT INTO boards VALUES (3, 'c')`) // a new tenant has its anchor

		plan, err := f.Plan(db, sqlplan.Config{})
		require.NoError(t, err)
		require.NoError(t, plan.Check(t.Context()))
		erasure := participants.NewErasure(&events.Command{JobID: events.NewJobID(), TenantID: "a", Generation: 1, Attempt: 1,
			Participants: []events.Participant{"crm"}}, time.Now, func(string, int64) {})
		require.NoError(t, plan.Erase(t.Context(), erasure))
		for statement, table := range map[string]string{
			`INSERT INTO "Org" VALUES ('a')`:           "Org",
			`INSERT INTO visits VALUES ('a', 3)`:       "visits",
			`INSERT INTO "b""ills" VALUES ('b', 'a')`:  `b"ills`,
			`INSERT INTO "b""ills" VALUES ('a', NULL)`: `b"ills`,
		} {
			_, err := db.ExecContext(t.Context(), "BEGIN; SET LOCAL search_path = public; "+statement+"; COMMIT")
			require.ErrorContains(t, err, "23503", table)
			exec(t, db, "ROLLBACK")
		}
		exec(t, db, `INSERT INTO visits VALUES ('b', 3), ('c', 3)`)
	})
	for typed, anchor := range map[string]migrations.Line{"uuid": migrations.Participant("crm_home"),
		"bigint": migrations.AnchorBigint("crm_home"), "integer": migrations.AnchorBigint("crm_home"),
		"smallint": migrations.AnchorBigint("crm_home"), "text": migrations.AnchorText("crm_home")} {
		t.Run("fits tenants of type "+typed, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t, migrations.Participant("crm_home"), anchor)
			db, err := pgpool.Open(database.AdminDSN(), pgpool.Config{Schema: "crm_home"})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			exec(t, db, strings.ReplaceAll(`CREATE TABLE "Org" (id TYPE PRIMARY KEY);
				CREATE TABLE boards (org TYPE NOT NULL REFERENCES "Org");
				CREATE INDEX ON boards (org)`, "TYPE", typed))
			f := fresh()
			updated(t, db, f)
			f.Home = "crm_home"
			run(t, db, f)
			findings, err := f.Findings(t.Context(), db)
			require.NoError(t, err)
			require.Empty(t, findings)
		})
	}
	t.Run("waits for the home, and is not for numbers that keys cannot compare", func(t *testing.T) {
		t.Parallel()
		f, _ := fenced(t)
		_, err := f.Fence(t.Context(), open(t, fenceTables))
		require.ErrorIs(t, err, yamlplan.ErrNoFence)
		require.ErrorContains(t, err, "--migrate")
		f.Tenant.Type = "numeric"
		_, err = f.Fence(t.Context(), nil)
		require.ErrorIs(t, err, yamlplan.ErrNoFence)
	})
	t.Run("says which column is not there", func(t *testing.T) {
		t.Parallel()
		f, db := fenced(t)
		table(t, f, "visits").By = []string{"orgs"}
		_, err := f.Fence(t.Context(), db)
		require.ErrorIs(t, err, yamlplan.ErrNoFence)
		require.ErrorContains(t, err, "table visits has no column orgs")
	})
}
