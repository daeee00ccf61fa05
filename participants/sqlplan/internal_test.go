package sqlplan

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants"
)

func TestDeletionOrder(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c", "d", "e", "f", "g"}

	t.Run("children go first, cycles together, equals by name", func(t *testing.T) {
		t.Parallel()
		got := deletionOrder([]string{"orders", "items", "customers", "runs", "steps", "a"}, map[string][]string{
			"items": {"orders", "orders"}, "orders": {"customers"}, "runs": {"steps"}, "steps": {"runs"}, "a": {"a"}})
		require.Equal(t, [][]string{{"a"}, {"items"}, {"orders"}, {"customers"}, {"runs", "steps"}}, got)
	})

	t.Run("no group is deleted before one that refers to it, whatever the graph", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			edges := map[string][]string{}
			for _, name := range names {
				edges[name] = rapid.SliceOfN(rapid.SampledFrom(names), 0, 3).Draw(t, name)
			}
			order := deletionOrder(names, edges)
			place := map[string]int{}
			for i, group := range order {
				for _, name := range group {
					place[name] = i
				}
			}
			if len(place) != len(names) || len(slices.Concat(order...)) != len(names) {
				t.Fatalf("not every table once: %v", order)
			}
			for child, parents := range edges {
				for _, parent := range parents {
					if place[child] > place[parent] {
						t.Fatalf("%s after its parent %s: %v", child, parent, order)
					}
				}
			}
			for _, group := range order {
				for _, name := range group[1:] {
					if !reaches(edges, group[0], name) || !reaches(edges, name, group[0]) {
						t.Fatalf("%v is no cycle", group)
					}
				}
			}
		})
	})
}

func reaches(edges map[string][]string, from, to string) bool {
	seen := map[string]bool{}
	var visit func(string) bool
	visit = func(at string) bool {
		if seen[at] {
			return false
		}
		seen[at] = true
		return slices.ContainsFunc(edges[at], func(next string) bool { return next == to || visit(next) })
	}
	return visit(from)
}

func TestClasses(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]class{
		"40001": transient, "40P01": transient, "55P03": transient, "57014": transient, "57P01": transient, "57P03": transient,
		"08006": transient, "53300": transient, "25P03": transient, "25006": transient, "99999": transient, "": transient,
		"53100": alarming, "53200": alarming, "58030": alarming, "XX000": alarming,
		"23503": permanent, "23514": permanent, "42P01": permanent, "42501": permanent, "28P01": permanent, "3D000": permanent,
		"3F000": permanent, "22P02": permanent, "25P02": permanent, "0A000": permanent,
		"55000": permanent, "P0001": permanent, "TD001": permanent,
	} {
		require.Equal(t, want, classOf(code), code)
		err := classified(&pgconn.PgError{Code: code, Message: "secret", Detail: "Key (name)=(secret)", TableName: "orders"})
		require.NotContains(t, err.Error(), "secret")
		if want == permanent {
			require.ErrorIs(t, err, participants.ErrRefused, code)
		} else {
			require.NotErrorIs(t, err, participants.ErrRefused, code)
		}
	}
}

// TestFingerprint holds the cheap comparison against what it must and must not notice.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	line := migrations.Files("shop", "shop", fstest.MapFS{"00001_shop.sql": {Data: []byte(`-- +goose Up
CREATE TABLE orders (id int PRIMARY KEY, tenant_id uuid NOT NULL, note text NOT NULL);
CREATE INDEX ON orders (tenant_id);
CREATE TABLE items (id int PRIMARY KEY, order_id int NOT NULL);
-- +goose StatementBegin
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
-- +goose StatementEnd
INSERT INTO orders SELECT g, gen_random_uuid(), 'x' FROM generate_series(1, 1000) g;`)}})
	d := pgtest.New(t, migrations.Participant("shop"), line)
	db, err := pgpool.Open(d.DSN("shop"), pgpool.Config{Schema: "shop"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	plan := New(db, Config{Service: "shop"})
	look := func() (introspected, compared string) {
		require.NoError(t, plan.withSession(t.Context(), func(s *session) error {
			cat, err := readCatalogue(t.Context(), s, nil)
			if err != nil {
				return err
			}
			results, err := s.run(t.Context(), statement{sql: "SELECT " + cat.fingerprint()})
			introspected, compared = cat.Fingerprint, string(text(results[0], 0))
			return err
		}))
		return introspected, compared
	}
	before, compared := look()
	require.Equal(t, before, compared, "the transaction computes what introspection did")
	for _, sql := range []string{"VACUUM ANALYZE orders", "VACUUM FULL orders", "VACUUM pg_class",
		"INSERT INTO orders VALUES (0, gen_random_uuid(), 'y')",
		"ALTER TABLE orders SET (fillfactor = 70)", "GRANT SELECT ON orders TO pg_monitor"} {
		_, err := db.ExecContext(t.Context(), sql)
		require.NoError(t, err)
		after, _ := look()
		require.Equal(t, before, after, sql)
	}
	for _, sql := range []string{
		"CREATE TABLE extra (id int)", "CREATE MATERIALIZED VIEW mat AS SELECT 1", "DROP TABLE extra",
		"ALTER TABLE orders ADD COLUMN more text", "ALTER TABLE orders ALTER note TYPE varchar(20)",
		"ALTER TABLE orders ALTER note DROP NOT NULL",
		"ALTER TABLE items ADD CONSTRAINT fk FOREIGN KEY (order_id) REFERENCES orders", "ALTER TABLE items DROP CONSTRAINT fk",
		"CREATE SCHEMA other", "CREATE TABLE other.refers (id int REFERENCES orders)",
		"CREATE TRIGGER tr AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION f()",
		"CREATE RULE ru AS ON DELETE TO orders DO INSTEAD NOTHING",
		"CREATE POLICY po ON orders USING (true)", "DROP INDEX orders_tenant_id_idx", "CREATE TABLE child () INHERITS (orders)",
	} {
		previous, _ := look()
		_, err := db.ExecContext(t.Context(), sql)
		require.NoError(t, err)
		after, compared := look()
		require.Equal(t, after, compared, sql)
		if sql != "CREATE SCHEMA other" {
			require.NotEqual(t, previous, after, sql)
		}
	}
}

// TestFingerprintOfSchemas holds the comparison over several schemas.
func TestFingerprintOfSchemas(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t, migrations.Participant("home"))
	db, err := pgpool.Open(d.DSN("home"), pgpool.Config{Schema: "home"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	run := func(sql string) {
		_, err := db.ExecContext(t.Context(), sql)
		require.NoError(t, err)
	}
	run(`CREATE SCHEMA crm; CREATE SCHEMA billing; CREATE SCHEMA far; CREATE TABLE crm.a (id int PRIMARY KEY, t text NOT NULL);
CREATE TABLE billing.b (id int PRIMARY KEY); CREATE COLLATION far.loose (provider = icu, locale = 'und', deterministic = false)`)
	plan := New(db, Config{Service: "shop"})
	look := func() (introspected, compared string) {
		require.NoError(t, plan.withSession(t.Context(), func(s *session) error {
			cat, err := readCatalogue(t.Context(), s, []string{"crm", "billing"})
			if err != nil {
				return err
			}
			results, err := s.run(t.Context(), statement{sql: "SELECT " + cat.fingerprint()})
			introspected, compared = cat.Fingerprint, string(text(results[0], 0))
			return err
		}))
		return introspected, compared
	}
	before, _ := look()
	run("CREATE TABLE home.own (id int); CREATE TABLE far.away (id int)")
	after, _ := look()
	require.Equal(t, before, after, "what is in none of the schemas, and refers to none")
	for _, sql := range []string{
		"CREATE TABLE billing.c (id int)", "ALTER TABLE billing.b ADD n int", "ALTER TABLE crm.a ALTER t TYPE text COLLATE far.loose",
		"ALTER TABLE far.away ADD FOREIGN KEY (id) REFERENCES billing.b", "CREATE TABLE far.heir () INHERITS (crm.a)",
		"ALTER TABLE billing.b SET SCHEMA crm", "CREATE TABLE crm.parted (id int) PARTITION BY LIST (id)",
		"CREATE TABLE far.part PARTITION OF crm.parted DEFAULT",
	} {
		previous, _ := look()
		run(sql)
		after, compared := look()
		require.Equal(t, after, compared, sql)
		require.NotEqual(t, previous, after, sql)
	}
}
