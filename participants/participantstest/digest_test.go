package participantstest_test

import (
	"database/sql"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants/participantstest"
)

// shop has every kind of table: with a tenant column, reached through a parent (twice removed, by a key of two columns, in a
// cycle), partitioned, shared, referring to a shared one, and the participant's own.
const shop = `-- +goose Up
CREATE TABLE countries (code text PRIMARY KEY);
CREATE TABLE customers (id int PRIMARY KEY, tenant_id text NOT NULL, country text NOT NULL REFERENCES countries);
CREATE TABLE addresses (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers,
    country text NOT NULL REFERENCES countries);
CREATE TABLE address_notes (address_id int NOT NULL REFERENCES addresses, note text);
CREATE TABLE orders (at date, id int, tenant_id text NOT NULL, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE order_items (order_at date NOT NULL, order_id int NOT NULL, "Item" text,
    FOREIGN KEY (order_at, order_id) REFERENCES orders (at, id));
CREATE TABLE runs (id int PRIMARY KEY, tenant_id text NOT NULL, step_id int);
CREATE TABLE steps (id int PRIMARY KEY, run_id int NOT NULL REFERENCES runs, after_id int NOT NULL REFERENCES steps);
ALTER TABLE runs ADD FOREIGN KEY (step_id) REFERENCES steps;
CREATE TABLE templates (id int, tenant_id text);
CREATE TABLE td_receipts (tenant_id text);
INSERT INTO countries VALUES ('es'), ('fr');
INSERT INTO templates VALUES (0, NULL);
-- +goose Down
`

// rows are one tenant's, in every table that may hold some.
const rows = `
INSERT INTO customers VALUES ({id}, '{tenant}', 'es');
INSERT INTO addresses VALUES ({id}, {id}, 'fr');
INSERT INTO address_notes VALUES ({id}, 'near the mill');
INSERT INTO orders VALUES ('2025-05-05', {id}, '{tenant}');
INSERT INTO order_items VALUES ('2025-05-05', {id}, 'rye');
INSERT INTO runs VALUES ({id}, '{tenant}');
INSERT INTO steps VALUES ({id}, {id}, {id});
UPDATE runs SET step_id = {id} WHERE id = {id};
INSERT INTO templates VALUES ({id}, '{tenant}');
INSERT INTO td_receipts VALUES ('{tenant}')`

func fill(t *testing.T, db *sql.DB, tenant, id string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), strings.NewReplacer("{tenant}", tenant, "{id}", id).Replace(rows))
	require.NoError(t, err)
}

func shopDB(t *testing.T) *sql.DB {
	t.Helper()
	files := fstest.MapFS{"00001_shop.sql": {Data: []byte(shop)}}
	database := pgtest.New(t, migrations.Files("shop", "shop", files))
	db, err := pgpool.Open(database.DSN("shop"), pgpool.Config{Name: "digest"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db.DB
}

func TestDigest(t *testing.T) {
	t.Parallel()
	scope := participantstest.Scope{Schema: "shop", Except: "acme"}
	t.Run("rows of the excepted tenant do not count, in any table", func(t *testing.T) {
		t.Parallel()
		db := shopDB(t)
		fill(t, db, "acme2", "1")
		before, err := participantstest.Digest(t.Context(), db, scope)
		require.NoError(t, err)
		fill(t, db, "acme", "2")
		after, err := participantstest.Digest(t.Context(), db, scope)
		require.NoError(t, err)
		require.Empty(t, before.Diff(after))
		require.Equal(t, []string{"address_notes", "addresses", "countries", "customers", "order_items", "orders", "runs", "steps",
			"templates"}, slices.Sorted(maps.Keys(after)))
	})
	for table, change := range map[string]string{
		"countries":     `INSERT INTO countries VALUES ('it')`,
		"customers":     `UPDATE customers SET country = 'fr' WHERE id = 1`,
		"addresses":     `UPDATE addresses SET country = 'es' WHERE id = 1`,
		"address_notes": `UPDATE address_notes SET note = 'x' WHERE address_id = 1`,
		"orders":        `INSERT INTO orders VALUES ('2025-06-06', 9, 'acme2')`,
		"order_items":   `DELETE FROM order_items WHERE order_id = 1`,
		"runs":          `UPDATE runs SET step_id = NULL WHERE id = 1`,
		"steps":         `INSERT INTO steps VALUES (9, 1, 9)`,
		"templates":     `DELETE FROM templates WHERE tenant_id IS NULL`,
	} {
		t.Run("a change of a neighbour's or a shared row in "+table+" is seen", func(t *testing.T) {
			t.Parallel()
			db := shopDB(t)
			fill(t, db, "acme2", "1")
			fill(t, db, "acme", "2")
			before, err := participantstest.Digest(t.Context(), db, scope)
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), change)
			require.NoError(t, err)
			after, err := participantstest.Digest(t.Context(), db, scope)
			require.NoError(t, err)
			require.Regexp(t, "^"+table+": [^\n]*$", before.Diff(after))
		})
	}
	t.Run("without a tenant every row counts", func(t *testing.T) {
		t.Parallel()
		db := shopDB(t)
		fill(t, db, "acme", "2")
		all, err := participantstest.Digest(t.Context(), db, participantstest.Scope{Schema: "shop"})
		require.NoError(t, err)
		others, err := participantstest.Digest(t.Context(), db, scope)
		require.NoError(t, err)
		require.Contains(t, all["customers"], "1 rows ")
		require.Contains(t, others["customers"], "0 rows ")
		require.Equal(t, all["countries"], others["countries"])
	})
	t.Run("a wrong scope is an error", func(t *testing.T) {
		t.Parallel()
		db := shopDB(t)
		for _, wrong := range []participantstest.Scope{
			{Schema: "none"}, {Schema: "shop", Except: "a'b"}, {Schema: "shop", Columns: map[string]string{"orders": "owner"}},
		} {
			_, err := participantstest.Digest(t.Context(), db, wrong)
			require.Error(t, err)
		}
	})
}
