package migrations_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

const insertRecord = `INSERT INTO audit.records (action, phase, operation, actor, code)
	VALUES ('a-1', 'outcome', 'deleteTenant', 'user-1', 'done')`

// writer is a connection of a role that may write the trail.
func writer(t *testing.T, db *pgtest.Database) *pgx.Conn {
	t.Helper()
	require.NoError(t, migrations.Apply(t.Context(), db.AdminDSN(), migrations.Audit()))
	role := provision(t, db, "scribe")
	require.NoError(t, migrations.GrantAudit(t.Context(), db.AdminDSN(), role.role))
	return connect(t, role.dsn)
}

func TestAuditTrailIsAppendOnly(t *testing.T) {
	t.Parallel()
	for claim, statement := range map[string]string{
		"change a record":            "UPDATE audit.records SET actor = 'somebody else'",
		"delete a record":            "DELETE FROM audit.records",
		"empty the trail":            "TRUNCATE audit.records",
		"alter the table":            "ALTER TABLE audit.records DROP COLUMN actor",
		"drop the table":             "DROP TABLE audit.records",
		"drop the schema":            "DROP SCHEMA audit CASCADE",
		"drop the seal":              "DROP TRIGGER records_seal ON audit.records",
		"disable the seal":           "ALTER TABLE audit.records DISABLE TRIGGER ALL",
		"switch triggers off":        "SET session_replication_role = replica",
		"replace the seal":           "CREATE OR REPLACE FUNCTION audit.seal() RETURNS trigger LANGUAGE sql AS 'SELECT new'",
		"move the end of the chain":  "UPDATE audit.chain SET hash = repeat('0', 64)",
		"cut the chain":              "DELETE FROM audit.chain",
		"make tables beside it":      "CREATE TABLE audit.records_2 (number bigint)",
		"choose a number":            "INSERT INTO audit.records (number, action, phase, operation) VALUES (1, 'a-1', 'intent', 'x')",
		"choose a time":              "INSERT INTO audit.records (at, action, phase, operation) VALUES (now(), 'a-1', 'intent', 'x')",
		"choose a hash":              "INSERT INTO audit.records (hash, action, phase, operation) VALUES ('', 'a-1', 'intent', 'x')",
		"become the owner":           "SET ROLE td_audit",
		"give the table to itself":   "ALTER TABLE audit.records OWNER TO current_user",
		"read the migration's table": "SELECT * FROM audit.td_version_audit",
	} {
		t.Run("its writer may not "+claim, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			conn := writer(t, db)
			exec(t, conn, insertRecord)
			_, err := conn.Exec(t.Context(), statement)
			require.Error(t, err)
			var refused *pgconn.PgError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "42501", refused.Code, "%v", err)
			require.Equal(t, 1, count(t, connect(t, db.AdminDSN()), "SELECT count(*) FROM audit.records"))
		})
	}
	for claim, statement := range map[string]string{
		"change a record": "UPDATE records SET actor = ''", "delete a record": "DELETE FROM records", "empty it": "TRUNCATE records",
	} {
		t.Run("its owner does not "+claim+" by mistake", func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			exec(t, writer(t, db), insertRecord)
			owner := connect(t, db.AdminDSN())
			exec(t, owner, "SET ROLE td_audit")
			exec(t, owner, "SET search_path = audit")
			_, err := owner.Exec(t.Context(), statement)
			require.ErrorContains(t, err, "append-only")
		})
	}
	t.Run("what its writer grants himself gives him nothing", func(t *testing.T) {
		t.Parallel()
		conn := writer(t, pgtest.New(t))
		exec(t, conn, insertRecord)
		exec(t, conn, "GRANT ALL ON audit.records, audit.chain TO current_user") // a warning
		for _, right := range []string{"UPDATE", "DELETE", "TRUNCATE", "TRIGGER"} {
			require.Zero(t, count(t, conn, `SELECT count(*) FROM (VALUES ('audit.records'), ('audit.chain')) AS t(name)
				WHERE has_table_privilege(name, '`+right+`')`), right)
		}
	})
	t.Run("a temporary table of its writer is not taken for the chain", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		conn := writer(t, db)
		exec(t, conn, "CREATE TEMP TABLE chain (one boolean, number bigint, hash text)")
		exec(t, conn, "INSERT INTO pg_temp.chain VALUES (true, 40, 'mine')")
		exec(t, conn, "GRANT ALL ON pg_temp.chain TO PUBLIC")
		exec(t, conn, "SET search_path = pg_temp, audit")
		exec(t, conn, insertRecord)
		require.Equal(t, 1, count(t, connect(t, db.AdminDSN()), "SELECT number FROM audit.records"))
	})
}

func TestAuditTrail(t *testing.T) {
	t.Parallel()
	t.Run("is laid again and by many at once without harm", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		group, ctx := errgroup.WithContext(t.Context())
		for range replicas {
			group.Go(func() error { return migrations.Apply(ctx, db.AdminDSN(), migrations.Audit()) })
		}
		require.NoError(t, group.Wait())
		exec(t, writer(t, db), insertRecord)
		foreign := count(t, connect(t, db.AdminDSN()), `SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
			WHERE c.relnamespace = 'audit'::regnamespace AND r.rolname <> 'td_audit'`)
		require.Zero(t, foreign, "everything belongs to a role that cannot log in")
	})
	t.Run("can be laid by an admin who is no superuser", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		admin := migrations.Owner{Role: roleName(), Password: "admin"}
		require.NoError(t, migrations.Provision(t.Context(), db.AdminDSN(), admin))
		super := connect(t, db.AdminDSN())
		exec(t, super, "ALTER ROLE "+admin.Role+" CREATEROLE INHERIT")
		exec(t, super, "GRANT CREATE ON DATABASE "+db.Name()+" TO "+admin.Role)
		require.NoError(t, migrations.Apply(t.Context(), db.AdminDSN(), migrations.Audit())) // the role is there, and somebody else's
		exec(t, super, "DROP SCHEMA audit CASCADE")
		exec(t, super, "GRANT td_audit TO "+admin.Role+" WITH ADMIN OPTION")
		dropRole(t, db, admin.Role)
		require.NoError(t, migrations.Apply(t.Context(), as(t, db, admin), migrations.Audit()))
		require.NoError(t, migrations.GrantAudit(t.Context(), as(t, db, admin), admin.Role))
	})
	t.Run("grants to names that are no identifiers are refused", func(t *testing.T) {
		t.Parallel()
		require.ErrorContains(t, migrations.GrantAudit(t.Context(), pgtest.New(t).AdminDSN(), "a; drop"), "identifier")
	})
	t.Run("refuses records that are none", func(t *testing.T) {
		t.Parallel()
		conn := writer(t, pgtest.New(t))
		for constraint, values := range map[string]string{
			"records_phase":  "('later', '', '')",
			"records_code":   "('intent', '', 'done')",
			"records_form":   "('intent', E'two\\nlines', '')",
			"records_length": "('intent', repeat('a', 257), '')",
		} {
			_, err := conn.Exec(t.Context(), `INSERT INTO audit.records (phase, actor, code, action, operation)
				SELECT v.*, 'a-1', 'x' FROM (VALUES `+values+`) AS v`)
			require.ErrorContains(t, err, constraint)
		}
	})
}
