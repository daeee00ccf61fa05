package migrations_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

// pantry is a line with everything that has an owner.
var pantry = migrations.Files("pantry", "pantry", sql(`
CREATE TABLE jars (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label text);
CREATE TABLE months (id bigserial, at date) PARTITION BY RANGE (at);
CREATE TABLE months_1 PARTITION OF months FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW labels AS SELECT label FROM jars;
CREATE MATERIALIZED VIEW label_counts AS SELECT label, count(*) FROM jars GROUP BY label;
CREATE SEQUENCE loose;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';`))

func TestProvision(t *testing.T) {
	t.Parallel()

	t.Run("a role lays its own lines and deletes in its own schema", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		baker := provision(t, db, "pantry")
		require.NoError(t, migrations.Apply(t.Context(), baker.dsn, pantry))
		mayDelete(t, baker)
	})
	t.Run("what the admin laid before is handed over", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t, pantry)
		baker := provision(t, db, "pantry")
		mayDelete(t, baker)
		require.NoError(t, migrations.Apply(t.Context(), baker.dsn, pantry), "nothing is left to do, and no right is missing")
		foreign := count(t, connect(t, db.AdminDSN()), `SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
			WHERE c.relnamespace = 'pantry'::regnamespace AND r.rolname <> '`+baker.role+`'`)
		require.Zero(t, foreign)
	})
	t.Run("a role has no right on its neighbour's schema", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t, pantry)
		provision(t, db, "pantry")
		stranger := connect(t, provision(t, db, "cellar").dsn)
		for _, statement := range []string{"SELECT 1 FROM pantry.jars", "DELETE FROM pantry.jars", "CREATE TABLE pantry.mine (id int)",
			"CREATE SCHEMA attic", "CREATE TABLE public.mine (id int)"} {
			_, err := stranger.Exec(t.Context(), statement)
			require.ErrorContains(t, err, "42501", statement)
		}
	})
	t.Run("provisioners at once and again agree, and the newest password counts", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		owner := migrations.Owner{Role: roleName(), Password: "first", Schema: "pantry"}
		dropRole(t, db, owner.Role)
		group, ctx := errgroup.WithContext(t.Context())
		for range replicas {
			group.Go(func() error { return migrations.Provision(ctx, db.AdminDSN(), owner) })
		}
		require.NoError(t, group.Wait())
		connect(t, as(t, db, owner))
		stale := as(t, db, owner)
		owner.Password = `second ' " \`
		require.NoError(t, migrations.Provision(t.Context(), db.AdminDSN(), owner))
		connect(t, as(t, db, owner))
		_, err := pgx.Connect(t.Context(), stale)
		require.ErrorContains(t, err, "28P01")
	})
	t.Run("an admin who is no superuser can provision", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		admin := migrations.Owner{Role: roleName(), Password: "admin"}
		require.NoError(t, migrations.Provision(t.Context(), db.AdminDSN(), admin))
		super := connect(t, db.AdminDSN())
		exec(t, super, "ALTER ROLE "+admin.Role+" CREATEROLE INHERIT")
		exec(t, super, "GRANT CREATE ON DATABASE "+db.Name()+" TO "+admin.Role)
		owner := migrations.Owner{Role: roleName(), Password: "baker", Schema: "pantry"}
		dropRole(t, db, owner.Role)
		dropRole(t, db, admin.Role)
		require.NoError(t, migrations.Provision(t.Context(), as(t, db, admin), owner))
		require.NoError(t, migrations.Apply(t.Context(), as(t, db, owner), pantry))
	})
	t.Run("refuses what it cannot keep", func(t *testing.T) {
		t.Parallel()
		for want, owner := range map[string]migrations.Owner{
			"Role":            {Role: "Baker", Password: "x"},
			"Schema":          {Role: "baker", Password: "x", Schema: `a"b`},
			"missing":         {Role: "baker"},
			"printable ASCII": {Role: "baker", Password: "brötchen"},
		} {
			require.ErrorContains(t, migrations.Provision(t.Context(), pgtest.New(t).AdminDSN(), owner), want)
		}
	})
}

type baker struct{ role, dsn string }

// provision makes a role of its own for the schema: roles are shared by all tests of the server.
func provision(t *testing.T, db *pgtest.Database, schema string) baker {
	t.Helper()
	owner := migrations.Owner{Role: roleName(), Password: "oven", Schema: schema}
	dropRole(t, db, owner.Role)
	require.NoError(t, migrations.Provision(t.Context(), db.AdminDSN(), owner))
	return baker{role: owner.Role, dsn: as(t, db, owner)}
}

// mayDelete does what a deletion does, without naming the schema.
func mayDelete(t *testing.T, b baker) {
	t.Helper()
	conn := connect(t, b.dsn)
	for _, statement := range []string{
		"INSERT INTO jars (label) VALUES ('plum')", "INSERT INTO months (at) VALUES ('2026-05-01')",
		"BEGIN", "SET LOCAL row_security = off", "SELECT pg_try_advisory_xact_lock(7)", "SELECT 1 FROM jars FOR UPDATE",
		"DELETE FROM jars", "DELETE FROM months", "SELECT twice(2), nextval('loose')", "COMMIT",
		"REFRESH MATERIALIZED VIEW label_counts", "VACUUM jars", "ALTER TABLE months_1 ADD CHECK (id > 0)",
	} {
		exec(t, conn, statement)
	}
}

func as(t *testing.T, db *pgtest.Database, o migrations.Owner) string {
	t.Helper()
	u, err := url.Parse(db.AdminDSN())
	require.NoError(t, err)
	u.User = url.UserPassword(o.Role, o.Password)
	return u.String()
}

func roleName() string { return "td_test_" + strings.ToLower(rand.Text()) }

// dropRole removes a role when the test ends, before its database goes.
func dropRole(t *testing.T, db *pgtest.Database, role string) {
	t.Helper()
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), db.AdminDSN())
		require.NoError(t, err)
		defer conn.Close(context.Background())
		_, err = conn.Exec(context.Background(), "DROP OWNED BY "+role+" CASCADE; DROP ROLE "+role)
		require.NoError(t, err)
	})
}
