package migrations_test

import (
	"context"
	"io/fs"
	"net/url"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

func TestVersions(t *testing.T) {
	t.Parallel()
	three := sql("CREATE TABLE one (id int);", "CREATE TABLE two (id int);", "CREATE TABLE three (id int);").(fstest.MapFS)
	first := migrations.Files("shelf", "pantry", fstest.MapFS{"00001_file.sql": three["00001_file.sql"]})
	all := migrations.Files("shelf", "pantry", three)

	t.Run("in an empty database everything is pending, and nothing is made by looking", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		versions, err := migrations.Versions(t.Context(), db.AdminDSN(), all)
		require.NoError(t, err)
		require.Equal(t, []migrations.Version{{Number: 1, File: "00001_file.sql"}, {Number: 2, File: "00002_file.sql"},
			{Number: 3, File: "00003_file.sql"}}, versions)
		require.Zero(t, count(t, connect(t, db.AdminDSN()), "SELECT count(*) FROM pg_namespace WHERE nspname = 'pantry'"))
	})
	t.Run("what is laid has its time, the rest is pending", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t, first)
		versions, err := migrations.Versions(t.Context(), db.AdminDSN(), all)
		require.NoError(t, err)
		require.Len(t, versions, 3)
		require.WithinDuration(t, time.Now(), versions[0].AppliedAt, time.Hour)
		require.Zero(t, versions[1].AppliedAt)
		require.Zero(t, versions[2].AppliedAt)
	})
	t.Run("a version that a newer program laid is named by its number alone", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t, all)
		versions, err := migrations.Versions(t.Context(), db.AdminDSN(), first)
		require.NoError(t, err)
		require.Len(t, versions, 3)
		require.Equal(t, "00001_file.sql", versions[0].File)
		require.Empty(t, versions[2].File)
		require.Equal(t, int64(3), versions[2].Number)
		require.NotZero(t, versions[2].AppliedAt)
	})
	t.Run("a database that does not answer is an error without its DSN", func(t *testing.T) {
		t.Parallel()
		_, err := migrations.Versions(t.Context(), "postgres://baker:oven-secret@127.0.0.1:1/db", all)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "oven-secret")
	})
}

func TestLaid(t *testing.T) {
	t.Parallel()

	t.Run("finds every line of the house, each schema's in the order of laying", func(t *testing.T) {
		t.Parallel()
		orders := []migrations.Line{migrations.Participant("orders"), migrations.Bakery("orders")}
		db := pgtest.New(t, append(orders, migrations.Coordinator(), migrations.Files("strange", "pantry", sql("SELECT 1;")))...)
		lines, err := migrations.Laid(t.Context(), db.AdminDSN())
		require.NoError(t, err)
		var names []string
		for _, line := range lines {
			names = append(names, line.String())
		}
		require.Equal(t, []string{"coordinator@coordinator", "participant@orders", "bakery@orders"}, names)
	})
}

func TestLaidOfARole(t *testing.T) {
	t.Parallel()

	t.Run("is what the role may read", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t, migrations.Participant("orders"))
		role := "laid_" + db.Name()
		require.NoError(t, migrations.Provision(t.Context(), db.AdminDSN(), migrations.Owner{Role: role, Password: "x"}))
		admin := connect(t, db.AdminDSN())
		t.Cleanup(func() {
			_, err := admin.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role)
			require.NoError(t, err)
		})
		dsn, err := url.Parse(db.AdminDSN())
		require.NoError(t, err)
		dsn.User = url.UserPassword(role, "x")
		require.NoError(t, migrations.Apply(t.Context(), dsn.String(), migrations.Participant(role)))
		lines, err := migrations.Laid(t.Context(), dsn.String())
		require.NoError(t, err)
		require.Len(t, lines, 1)
		require.Equal(t, role, lines[0].Schema())
	})
}

func TestNamed(t *testing.T) {
	t.Parallel()

	t.Run("is the line that the house calls so", func(t *testing.T) {
		t.Parallel()
		for name, want := range map[[2]string]migrations.Line{
			{"coordinator", ""}: migrations.Coordinator(), {"coordinator", "coordinator"}: migrations.Coordinator(),
			{"participant", "shop"}: migrations.Participant("shop"), {"bakery", "orders"}: migrations.Bakery("orders"),
			{"subscriber", "billing"}: migrations.Subscriber("billing"), {"anchor_text", "shop"}: migrations.AnchorText("shop"),
			{"anchor_bigint", "shop"}: migrations.AnchorBigint("shop"),
		} {
			line, err := migrations.Named(name[0], name[1])
			require.NoError(t, err)
			require.Equal(t, want.String(), line.String())
			require.Equal(t, listed(t, want.Source()), listed(t, line.Source()))
		}
	})
	t.Run("refuses what is not there", func(t *testing.T) {
		t.Parallel()
		for _, name := range [][2]string{{"participant", ""}, {"coordinator", "other"}, {"bakery", "cheese"}, {"bakery", ""},
			{"cheese", "orders"}, {"bakery", "../participant"}, {"", ""}, {"bakery/orders", "orders"}} {
			_, err := migrations.Named(name[0], name[1])
			require.Error(t, err, name)
		}
	})
}

func listed(t *testing.T, files fs.FS) []string {
	t.Helper()
	names, err := fs.Glob(files, "*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}
