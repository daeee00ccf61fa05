package sqlplan_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// ledgers is two tables whose tenant column has a type, and rows for these tenants.
func ledgers(t testing.TB, typ, anchor string, tenants ...string) *bun.DB {
	t.Helper()
	ddl := fmt.Sprintf(`ALTER TABLE tenant_anchor ALTER COLUMN tenant_id TYPE %[1]s USING tenant_id::text::%[1]s; CREATE SCHEMA crm;
CREATE COLLATION crm.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE DOMAIN crm.account AS bigint CHECK (value > 0); CREATE DOMAIN crm.customer AS crm.account;
CREATE TABLE crm.books (id serial PRIMARY KEY, owner %[2]s NOT NULL, whose text);
CREATE TABLE crm.pages (id serial PRIMARY KEY, book int NOT NULL REFERENCES crm.books, whose text);
CREATE INDEX ON crm.pages (book);`, anchor, typ)
	var rows strings.Builder
	for _, tenant := range tenants {
		fmt.Fprintf(&rows, "INSERT INTO crm.books (owner, whose) SELECT '%[1]s', '%[1]s' FROM generate_series(1, 3);", tenant)
	}
	rows.WriteString("INSERT INTO crm.pages (book, whose) SELECT id, whose FROM crm.books;")
	return database(t, ddl, rows.String())
}

func ledgerPlan(db *bun.DB, cfg sqlplan.Config) *sqlplan.Plan {
	cfg.Service, cfg.Schemas = "crm", []string{"crm"}
	return sqlplan.New(db, cfg, sqlplan.Delete("books").By("owner"), sqlplan.Delete("pages").Via("book", "books"))
}

func TestTenantIDs(t *testing.T) {
	t.Parallel()
	const upper, lower = "AAAAAAAA-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000001"
	long := strings.Repeat("x", 64)
	for typ, c := range map[string]struct {
		anchor        string
		present       []string // tenants with rows
		exact, refuse []string
	}{
		"text": {"text", []string{"acme", "Acme", "acme2", "acm", "7", "007", "null", "1--", upper, lower, long},
			[]string{"acme", "Acme", "7", "007", "null", "1--", upper, long, "nobody"}, nil},
		"varchar(64)": {"text", []string{"7", "007", long}, []string{"7", long, long[1:]}, nil},
		"bigint": {"text", []string{"7", "31", "1000", "100000", "-7"}, []string{"7", "-7", "8", "9223372036854775807"},
			[]string{"007", "0x1F", "1e5", "1_000", "-0", "--7", "x", "null", "9223372036854775808", "-007"}},
		"smallint": {"bigint", []string{"7"}, []string{"7", "70000", "3000000000"}, []string{"007", "7-"}},
		"numeric": {"numeric", []string{"7", "100000"}, []string{"7", "99999999999999999999"},
			[]string{"007", "1e5", "7_0", "-0"}},
		"crm.customer": {"text", []string{"7"}, []string{"7", "-7"}, []string{"007"}},
		"uuid": {"uuid", []string{lower}, []string{lower, "bbbbbbbb-0000-4000-8000-000000000001"},
			[]string{upper, strings.ReplaceAll(lower, "-", ""), "aaaaaaaa-0000-4000-8000-00000000000", "7"}},
	} {
		t.Run(typ+" is exact, or refuses", func(t *testing.T) {
			t.Parallel()
			db := ledgers(t, typ, c.anchor, c.present...)
			plan := ledgerPlan(db, sqlplan.Config{})
			for _, id := range c.refuse {
				before := contents(t, db, "crm")
				_, err := plan.Preview(t.Context(), events.TenantID(id))
				requireRefused(t, err, participants.CodeTenantRefused)
				_, _, err = erase(t.Context(), plan, command(events.TenantID(id)))
				requireRefused(t, err, participants.CodeTenantRefused)
				require.NotContains(t, err.Error(), id+" ")
				requireUntouched(t, db, before, "crm")
				require.Zero(t, number(t, db, "SELECT count(*) FROM tenant_anchor"))
			}
			for _, id := range c.exact {
				before := contents(t, db, "crm")
				receipt, _, err := erase(t.Context(), plan, command(events.TenantID(id)))
				require.NoError(t, err, id)
				require.Equal(t, receipt.Counts.Total(), requireGone(t, before, contents(t, db, "crm"), events.TenantID(id)), id)
			}
		})
	}

	for typ, word := range map[string]string{
		"character(8)": "character", "double precision": "double precision", `text COLLATE crm.loose`: "text", "date": "date",
		"boolean": "boolean", "name": "name", "integer[]": "_int4",
	} {
		t.Run("a tenant column of type "+typ+" refuses", func(t *testing.T) {
			t.Parallel()
			plan := ledgerPlan(ledgers(t, typ, "text"), sqlplan.Config{})
			findings, err := plan.Findings(t.Context())
			require.NoError(t, err)
			requireFinding(t, findings, sqlplan.FindingTenantType, "books.owner", word)
			_, _, err = erase(t.Context(), plan, command("7"))
			requireRefused(t, err, participants.CodePlanInvalid, "books.owner")
		})
	}

	t.Run("an anchor that conflates ids refuses them", func(t *testing.T) {
		t.Parallel()
		db := ledgers(t, "text", "uuid", upper, lower)
		plan := ledgerPlan(db, sqlplan.Config{})
		before := contents(t, db, "crm")
		_, _, err := erase(t.Context(), plan, command(upper))
		requireRefused(t, err, participants.CodeTenantRefused)
		requireUntouched(t, db, before, "crm")
		_, _, err = erase(t.Context(), plan, command(lower))
		require.NoError(t, err)
		requireGone(t, before, contents(t, db, "crm"), lower)
	})

	t.Run("an anchor that cannot hold the root's ids refuses", func(t *testing.T) {
		t.Parallel()
		plan := ledgerPlan(ledgers(t, "bigint", "uuid", "7"), sqlplan.Config{Root: "books.owner"})
		findings, err := plan.Findings(t.Context())
		require.NoError(t, err)
		requireFinding(t, findings, sqlplan.FindingTenantType, "tenant_anchor.tenant_id", "bigint")
	})

	t.Run("chunks compare as one transaction does", func(t *testing.T) {
		t.Parallel()
		db := ledgers(t, "smallint", "text", "7", "8")
		plan := ledgerPlan(db, sqlplan.Config{BoundedRows: 1, ChunkRows: 1, Pace: time.Microsecond})
		execute(t, db, "INSERT INTO crm.books (owner, whose) SELECT 7, '7' FROM generate_series(1, 2000); ANALYZE")
		before := contents(t, db, "crm")
		receipt, _, err := erase(t.Context(), plan, command("7"))
		require.NoError(t, err)
		require.Equal(t, participants.ModeBounded, receipt.Mode)
		require.Equal(t, receipt.Counts.Total(), requireGone(t, before, contents(t, db, "crm"), "7"))
	})
}
