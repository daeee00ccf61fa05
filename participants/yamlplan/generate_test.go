package yamlplan_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/yamlplan"
)

const tables = `
	CREATE TABLE "Org" (id uuid PRIMARY KEY);
	CREATE TABLE boards (id bigint PRIMARY KEY, org uuid NOT NULL REFERENCES "Org");
	CREATE INDEX ON boards (org);
	CREATE TABLE cards (id bigint PRIMARY KEY, board bigint REFERENCES boards);
	CREATE INDEX ON cards (board);
	CREATE TABLE pins (id bigint PRIMARY KEY, card bigint NOT NULL REFERENCES cards)`

// open is a database with the statements, as a participant sees it whose home is not laid yet.
func open(t *testing.T, statements string) *bun.DB {
	t.Helper()
	db, err := pgpool.Open(pgtest.New(t).AdminDSN(), pgpool.Config{Schema: "crm_home"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	exec(t, db, statements)
	return db
}

func exec(t *testing.T, db *bun.DB, statements string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), "BEGIN; SET LOCAL search_path = public; "+statements+"; COMMIT")
	require.NoError(t, err)
}

func updated(t *testing.T, db *bun.DB, f *yamlplan.File) yamlplan.Changes {
	t.Helper()
	changes, err := f.Update(t.Context(), db)
	require.NoError(t, err)
	return changes
}

func fresh() *yamlplan.File {
	f := yamlplan.New()
	f.Participant, f.Tenant.Root = "crm", "Org.id"
	return f
}

// table is the one of this name.
func table(t *testing.T, f *yamlplan.File, name string) *yamlplan.Table {
	t.Helper()
	for i := range f.Tables {
		if f.Tables[i].Table == name {
			return &f.Tables[i]
		}
	}
	require.FailNow(t, "no table "+name)
	return nil
}

func TestUpdate(t *testing.T) {
	t.Parallel()

	t.Run("writes what is sure, asks what is not, and goes on from what a person decided", func(t *testing.T) {
		t.Parallel()
		db, f := open(t, tables), fresh()
		changes := updated(t, db, f)
		require.Equal(t, yamlplan.Changes{Added: []string{"Org", "boards"}, Undecided: []string{"cards", "pins"}}, changes)
		require.Equal(t, "uuid", f.Tenant.Type)
		cards := table(t, f, "cards")
		require.Contains(t, cards.Decide, "may be null")
		require.Contains(t, strings.Join(cards.Notes, "\n"), "accept_null")
		require.Contains(t, table(t, f, "pins").Decide, "cards (card), which is undecided")

		cards.Decide, cards.Notes = "", nil
		cards.ViaColumn, cards.ViaParent, cards.AcceptNull = "board", "boards", "cards without a board are drafts of nobody"
		require.Equal(t, yamlplan.Changes{Added: []string{"pins"}}, updated(t, db, f))
		require.Equal(t, "cards", table(t, f, "pins").ViaParent)
		require.Contains(t, strings.Join(table(t, f, "pins").Notes, "\n"), `CREATE INDEX CONCURRENTLY ON "public"."pins" ("card")`)

		exec(t, db, `CREATE INDEX ON pins (card)`)
		require.Equal(t, yamlplan.Changes{}, updated(t, db, f))
		require.Empty(t, table(t, f, "pins").Notes, "what was mended is noted no longer")
	})
	t.Run("a question about a table that is gone is gone too, a decision stays for a person", func(t *testing.T) {
		t.Parallel()
		db, f := open(t, tables), fresh()
		updated(t, db, f)
		exec(t, db, `DROP TABLE pins, cards, boards`)
		require.Equal(t, yamlplan.Changes{Gone: []string{"boards"}}, updated(t, db, f))
		require.Len(t, f.Tables, 2)
	})
	t.Run("a root whose type does not tell tenants apart is refused", func(t *testing.T) {
		t.Parallel()
		f := fresh()
		_, err := f.Update(t.Context(), open(t, `CREATE TABLE "Org" (id double precision PRIMARY KEY)`))
		require.ErrorIs(t, err, events.ErrInvalid)
		require.Empty(t, f.Tables)
	})
	t.Run("every type of tenant that the engine takes can be written", func(t *testing.T) {
		t.Parallel()
		db := open(t, "CREATE DOMAIN ticket AS bigint")
		for typed, want := range map[string]string{"uuid": "uuid", "text": "text", "varchar(36)": "varchar", "smallint": "smallint",
			"integer": "integer", "bigint": "bigint", "numeric(20)": "numeric", "ticket": "bigint"} {
			exec(t, db, `DROP TABLE IF EXISTS "Org"; CREATE TABLE "Org" (id `+typed+` PRIMARY KEY)`)
			f := fresh()
			updated(t, db, f)
			require.Equal(t, want, f.Tenant.Type, typed)
			text, err := f.Marshal()
			require.NoError(t, err)
			_, err = yamlplan.Parse("p", text)
			require.NoError(t, err)
		}
	})
}

func TestFindings(t *testing.T) {
	t.Parallel()
	db, f := open(t, tables), fresh()
	updated(t, db, f)
	exec(t, db, `CREATE TABLE strays (id int PRIMARY KEY); DROP INDEX boards_org_idx`)
	findings, err := f.Findings(t.Context(), db)
	require.NoError(t, err)
	var seen []string
	for _, found := range findings {
		if found.Code != sqlplan.FindingHome && found.Code != sqlplan.FindingNoFence {
			seen = append(seen, string(found.Severity)+" "+found.Code+" "+found.Table)
		}
	}
	require.Equal(t, []string{"refuse unindexed_key boards", "decide undecided_table cards", "decide undecided_table pins",
		"decide unplanned_table strays"}, seen, "one finding for a question, the gravest first")
	require.Equal(t, sqlplan.SeverityRefuse, yamlplan.Worst(findings))
	err = f.Stands(findings)
	require.ErrorIs(t, err, participants.ErrRefused)
	require.ErrorContains(t, err, "refuse home, boards; decide cards, pins, strays; erasectl plan check")
	require.NoError(t, f.Stands(nil))
	require.Equal(t, sqlplan.Severity(""), yamlplan.Worst(nil))
}

func TestGrantsOfAnAwkwardName(t *testing.T) {
	t.Parallel()
	f := fresh()
	f.Tables = []yamlplan.Table{{RuleSpec: sqlplan.RuleSpec{Table: "a.b.c", By: []string{"x"}}}}
	_, err := f.Grants("r")
	require.ErrorContains(t, err, "SCHEMA.NAME")
}
