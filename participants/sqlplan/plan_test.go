package sqlplan_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// Two tenants; most tests delete acme and look at what is left of zeta.
const (
	acme events.TenantID = "aaaaaaaa-0000-4000-8000-000000000001"
	zeta events.TenantID = "bbbbbbbb-0000-4000-8000-000000000002"
)

// owned is the tenant column with its fence.
const owned = `tenant_id uuid NOT NULL, live boolean NOT NULL GENERATED ALWAYS AS (true) STORED,
 FOREIGN KEY (tenant_id, live) REFERENCES tenant_anchor (tenant_id, live)`

// shop has a table of every kind that a plan knows: direct, via one and two parents, a self reference, a cycle, partitions
// with a composite key, shared rows, a shared table.
const shop = `
CREATE TABLE countries (id int PRIMARY KEY, name text);
CREATE TABLE customers (id int PRIMARY KEY, country_id int REFERENCES countries, name text, ` + owned + `);
CREATE INDEX ON customers (tenant_id); CREATE INDEX ON customers (country_id);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, ` + owned + `);
CREATE INDEX ON orders (tenant_id); CREATE INDEX ON orders (customer_id);
CREATE TABLE items (id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders);
CREATE INDEX ON items (order_id);
CREATE TABLE item_notes (id int PRIMARY KEY, item_id int NOT NULL REFERENCES items, note text);
CREATE INDEX ON item_notes (item_id);
CREATE TABLE recipes (id int PRIMARY KEY, parent_id int REFERENCES recipes, ` + owned + `);
CREATE INDEX ON recipes (tenant_id); CREATE INDEX ON recipes (parent_id);
CREATE TABLE runs (id int PRIMARY KEY, step_id int, ` + owned + `);
CREATE INDEX ON runs (tenant_id); CREATE INDEX ON runs (step_id);
CREATE TABLE steps (id int PRIMARY KEY, run_id int NOT NULL REFERENCES runs);
CREATE INDEX ON steps (run_id);
ALTER TABLE runs ADD CONSTRAINT runs_step FOREIGN KEY (step_id) REFERENCES steps;
CREATE TABLE alerts (id int, at date, body text, ` + owned + `, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE INDEX ON alerts (tenant_id);
CREATE TABLE alerts_2025 PARTITION OF alerts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE alerts_rest PARTITION OF alerts DEFAULT;
CREATE TABLE escalations (id int PRIMARY KEY, alert_id int NOT NULL, alert_at date NOT NULL,
 FOREIGN KEY (alert_id, alert_at) REFERENCES alerts);
CREATE INDEX ON escalations (alert_id, alert_at);
CREATE TABLE templates (id int PRIMARY KEY, tenant_id uuid, live boolean NOT NULL GENERATED ALWAYS AS (true) STORED,
 FOREIGN KEY (tenant_id, live) REFERENCES tenant_anchor (tenant_id, live));
CREATE INDEX ON templates (tenant_id);
`

// shopRules is the plan of shop.
func shopRules() []sqlplan.Rule {
	return []sqlplan.Rule{
		sqlplan.Delete("customers"), sqlplan.Delete("orders"), sqlplan.Delete("items").Via("order_id", "orders"),
		sqlplan.Delete("item_notes").Via("item_id", "items"), sqlplan.Delete("recipes"), sqlplan.Delete("runs"),
		sqlplan.Delete("steps").Via("run_id", "runs"), sqlplan.Delete("alerts"),
		sqlplan.Delete("escalations").Via("alert_id", "alerts"), sqlplan.Delete("templates").KeepingNull("system templates"),
		sqlplan.Keep("countries", "shared by all tenants"),
	}
}

// shopRows gives each tenant the same rows, interleaved in the heap; n is the number of customers.
func shopRows(n int) string {
	return fmt.Sprintf(`
INSERT INTO countries VALUES (1, 'x'), (2, 'y');
INSERT INTO tenant_anchor (tenant_id) VALUES ('%[1]s'), ('%[2]s');
CREATE TEMP TABLE who AS SELECT g AS id, (ARRAY['%[1]s', '%[2]s'])[1 + g %% 2]::uuid AS tenant_id
 FROM generate_series(1, 2 * %[3]d) g;
INSERT INTO customers (id, country_id, name, tenant_id) SELECT id, 1, repeat('n', 50), tenant_id FROM who;
INSERT INTO orders (id, customer_id, tenant_id) SELECT id, id, tenant_id FROM who;
INSERT INTO items SELECT id * 3 + k, id FROM who, generate_series(0, 2) k;
INSERT INTO item_notes SELECT id, id, repeat('x', 100) FROM items;
INSERT INTO recipes (id, parent_id, tenant_id) SELECT id, CASE WHEN id > 2 THEN id - 2 END, tenant_id FROM who;
INSERT INTO runs (id, tenant_id) SELECT id, tenant_id FROM who;
INSERT INTO steps SELECT id, id FROM who;
UPDATE runs SET step_id = id;
INSERT INTO alerts (id, at, tenant_id) SELECT id, date '2025-12-01' + id %% 60, tenant_id FROM who;
INSERT INTO escalations SELECT id, id, at FROM alerts;
INSERT INTO templates (id, tenant_id) SELECT id, tenant_id FROM who UNION ALL SELECT -1, NULL;
DROP TABLE who;
ANALYZE;`, acme, zeta, n)
}

// shopCounts is what shopRows gave each tenant.
func shopCounts(n int64) participants.Counts {
	return participants.Counts{"customers": n, "orders": n, "items": 3 * n, "item_notes": 3 * n, "recipes": n, "runs": n, "steps": n,
		"alerts": n, "escalations": n, "templates": n}
}

// database makes one with migrations/participant and the DDL in the schema shop, and fills it.
func database(t testing.TB, ddl, rows string) *bun.DB {
	t.Helper()
	line := migrations.Files("shop", "shop", fstest.MapFS{"00001_shop.sql": {Data: []byte("-- +goose Up\n" + ddl)}})
	db := open(t, pgtest.New(t, migrations.Participant("shop"), line), "shop")
	if rows != "" {
		execute(t, db, rows)
	}
	return db
}

func open(t testing.TB, d *pgtest.Database, schema string) *bun.DB {
	t.Helper()
	db, err := pgpool.Open(d.DSN(schema), pgpool.Config{Schema: schema, ConnsMax: 8})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func execute(t testing.TB, db *bun.DB, sql string) {
	t.Helper()
	_, err := db.ExecContext(context.Background(), sql)
	require.NoError(t, err)
}

func number(t testing.TB, db *bun.DB, sql string) (n int64) {
	t.Helper()
	require.NoError(t, db.NewRaw(sql).Scan(context.Background(), &n))
	return n
}

// command is a new job's first command for a tenant.
func command(tenant events.TenantID) *events.Command {
	return &events.Command{JobID: events.NewJobID(), TenantID: tenant, Generation: 1, Attempt: 1}
}

func erase(ctx context.Context, plan *sqlplan.Plan, c *events.Command) (*participants.Receipt, bool, error) {
	e := participants.NewErasure(c, nil, nil)
	if err := plan.Erase(ctx, e); err != nil {
		return nil, false, err
	}
	receipt, replayed := e.Answered()
	return receipt, replayed, nil
}

func requireRefused(t testing.TB, err error, code string, words ...string) {
	t.Helper()
	var refused *participants.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, code, refused.Code, refused.Detail)
	for _, word := range words {
		require.Contains(t, refused.Detail, word)
	}
	require.NotContains(t, strings.ToLower(err.Error()), string(acme), "an error holds no value")
}

func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			require.FailNow(t, "waited too long", what)
		}
		<-tick.C
	}
}
