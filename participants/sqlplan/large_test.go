package sqlplan_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// largeTables and largeKeys are a schema far larger than any that one participant should have.
const (
	largeTables = 1000
	largeKeys   = 2000
)

// largeSchema is a root and tables of which each refers to earlier ones, in four schemas.
func largeSchema() string {
	var b strings.Builder
	b.WriteString("ALTER TABLE tenant_anchor ALTER COLUMN tenant_id TYPE text;\n")
	name := func(i int) string { return fmt.Sprintf("large%d.table_%04d", i%4, i) }
	for i := range 4 {
		fmt.Fprintf(&b, "CREATE SCHEMA large%d;\n", i)
	}
	b.WriteString("CREATE TABLE large0.table_0000 (id int PRIMARY KEY);\n")
	keys := 0
	for i := 1; i < largeTables; i++ {
		fmt.Fprintf(&b, "CREATE TABLE %s (id int PRIMARY KEY, name text, made timestamptz", name(i))
		parents := []int{(i - 1) / 10}
		for p := 1; i > 1 && keys+len(parents) < largeKeys*i/largeTables; p++ {
			parents = append(parents, 1+i*p*7%(i-1))
		}
		for n, p := range parents {
			fmt.Fprintf(&b, ", ref_%d_id int NOT NULL REFERENCES %s", n, name(p))
		}
		b.WriteString(");\n")
		for n := range parents {
			fmt.Fprintf(&b, "CREATE INDEX ON %s (ref_%d_id);\n", name(i), n)
		}
		keys += len(parents)
	}
	return b.String()
}

func TestLargeSchema(t *testing.T) {
	t.Parallel()
	t.Run("a thousand tables are proposed, checked, counted and deleted", func(t *testing.T) {
		t.Parallel()
		db := open(t, pgtest.New(t, migrations.Participant("shop")), "shop")
		execute(t, db, largeSchema())
		schemas := []string{"large0", "large1", "large2", "large3"}
		began := time.Now()
		p, err := sqlplan.Propose(t.Context(), db, sqlplan.ProposeConfig{Root: "table_0000.id", Schemas: schemas})
		require.NoError(t, err)
		proposed := time.Since(began)
		require.Empty(t, p.Undecided)
		require.Len(t, p.Rules, largeTables)
		plan := sqlplan.New(db, sqlplan.Config{Service: "large", Root: "table_0000.id", Schemas: schemas}, p.Rules...)
		began = time.Now()
		require.NoError(t, plan.Check(t.Context()))
		t.Logf("proposed in %v, checked in %v", proposed, time.Since(began))
		execute(t, db, "INSERT INTO large0.table_0000 VALUES (1), (2)")
		receipt, _, err := erase(t.Context(), plan, command("1"))
		require.NoError(t, err)
		require.EqualValues(t, 1, receipt.Counts.Total())
		require.Len(t, receipt.Counts, largeTables)
		began = time.Now()
		rest, err := plan.Preview(t.Context(), "2")
		require.NoError(t, err)
		t.Logf("preview %v", time.Since(began))
		require.EqualValues(t, 1, rest.Total())
	})
}
