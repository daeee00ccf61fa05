package familytest

import (
	"cmp"
	"context"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

// Home is the schema of the participant's own tables in every family.
const Home = "tenant_deletion"

// Family is a product's schemas and how its rows are made.
type Family struct {
	// After is SQL that runs when all rows are there.
	After string
	// AnchorType is the type of the anchor's tenant ids. Empty means text, which suits any family.
	AnchorType string
	// Name says which family it is.
	Name string
	// Root is the column that names a tenant, as a plan writes it.
	Root string
	// Schemas are the product's.
	Schemas []string
	// Tables is the DDL.
	Tables string
	// TenantColumns are names of columns that mean the tenant without a foreign key.
	TenantColumns []string
	// Tenants has at least four.
	Tenants []events.TenantID
	// TenantType is the type of Root.
	TenantType string
	// Turns make the rows.
	Turns []Turn
}

// Turn is SQL that makes rows of one owner. It may change that owner's rows of earlier turns.
type Turn struct {
	// Entangled rows refer to rows of several owners, so that it is not said with whom they go.
	Entangled bool
	// Owners are those with each of whom the rows go. None: they are nobody's.
	Owners []events.TenantID
	SQL    string
}

// clearSQL drops every schema but the participant's, and empties that.
const clearSQL = `DO $do$ DECLARE s text; BEGIN
 FOR s IN SELECT nspname FROM pg_namespace
  WHERE NOT starts_with(nspname, 'pg_') AND nspname NOT IN ('information_schema', '` + Home + `')
 LOOP EXECUTE format('DROP SCHEMA %I CASCADE', s); END LOOP;
 FOR s IN SELECT relname FROM pg_class WHERE relnamespace = '` + Home + `'::regnamespace AND relkind IN ('r', 'p')
  AND NOT relispartition AND relname NOT IN (` + ownTables + `)
 LOOP EXECUTE format('DROP TABLE IF EXISTS %I CASCADE', s); END LOOP; END $do$;
TRUNCATE tenant_anchor, td_receipts, td_bounded, td_progress;
ALTER TABLE tenant_anchor ALTER COLUMN tenant_id TYPE {type} USING tenant_id::text::{type};`

// ownTables are the participant's own, in SQL.
const ownTables = "'tenant_anchor', 'td_receipts', 'td_bounded', 'td_progress', 'td_version_participant'"

// World is a family in a database of its own.
type World struct {
	Family Family
	// DB is a pool whose current schema is Home.
	DB     *bun.DB
	Oracle *Oracle
}

// Open makes a database and fills it.
func (f Family) Open(t testing.TB) *World {
	t.Helper()
	w := Empty(t)
	if err := w.Fill(t.Context(), f); err != nil {
		t.Fatalf("familytest: %v", err)
	}
	return w
}

// Empty makes a database that has only the participant's own tables, for Fill. A test of many families fills one database
// again and again, which costs a tenth of a new one.
func Empty(t testing.TB) *World {
	t.Helper()
	database := pgtest.New(t, migrations.Participant(Home))
	db, err := pgpool.Open(database.DSN(Home), pgpool.Config{Name: "familytest", Schema: Home})
	if err != nil {
		t.Fatalf("familytest: open the database: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("familytest: close the database: %v", err)
		}
	})
	return &World{DB: db}
}

// Fill replaces what the database holds with the family.
func (w *World) Fill(ctx context.Context, f Family) error {
	w.Family, w.Oracle = f, newOracle(w.DB.DB, Home, f.Schemas)
	if err := w.run(ctx, strings.ReplaceAll(clearSQL, "{type}", cmp.Or(f.AnchorType, "text"))); err != nil {
		return err
	}
	for _, schema := range f.Schemas {
		if err := w.run(ctx, "CREATE SCHEMA IF NOT EXISTS "+quoted(schema)); err != nil {
			return err
		}
	}
	if err := w.run(ctx, f.Tables); err != nil {
		return err
	}
	for _, turn := range f.Turns {
		if err := w.Take(ctx, turn); err != nil {
			return err
		}
	}
	return w.Take(ctx, Turn{SQL: f.After}) // copies, as materialized views make them, are nobody's
}

// Take runs a turn. A test may take more of them, to change the schema or the rows behind a plan's back.
func (w *World) Take(ctx context.Context, turn Turn) error {
	if err := w.run(ctx, turn.SQL); err != nil {
		return err
	}
	return w.Oracle.claim(ctx, owners{tenants: turn.Owners, entangled: turn.Entangled})
}

// run sends SQL past bun, which would take a question mark in a name for a place holder.
func (w *World) run(ctx context.Context, statements string) error {
	if statements == "" {
		return nil
	}
	_, err := w.DB.DB.ExecContext(ctx, statements+"\n; RESET ALL") // the connection goes back to the pool
	return err
}
