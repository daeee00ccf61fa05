package migrations_test

import (
	"context"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

// replicas start at once in these tests.
const replicas = 8

func TestApply(t *testing.T) {
	t.Parallel()

	t.Run("replicas that start at once apply every file once", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		shelf := migrations.Files("shelf", "pantry", sql(
			"SELECT pg_sleep(0.2); CREATE TABLE jars (id int); INSERT INTO jars VALUES (1);", // long enough to meet
			"CREATE INDEX CONCURRENTLY jars_id ON jars (id);"))
		group, ctx := errgroup.WithContext(t.Context())
		for range replicas {
			group.Go(func() error { return migrations.Apply(ctx, db.AdminDSN(), shelf) })
		}
		require.NoError(t, group.Wait())
		conn := connect(t, db.DSN("pantry"))
		require.Equal(t, 1, count(t, conn, "SELECT count(*) FROM jars"))
		require.Equal(t, 1, count(t, conn, "SELECT count(*) FROM pg_indexes WHERE indexname = 'jars_id'"))
		require.Equal(t, 3, count(t, conn, "SELECT count(*) FROM td_version_shelf"), "goose's zero and one row per file")
	})
	t.Run("lines of one schema keep their own versions", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		one := migrations.Files("one", "pantry", sql("CREATE TABLE one (id int);"))
		two := migrations.Files("two", "pantry", sql("CREATE TABLE two (id int);"))
		require.NoError(t, migrations.Apply(t.Context(), db.AdminDSN(), one, two))
		require.NoError(t, migrations.Apply(t.Context(), db.AdminDSN(), two, one), "again, in any order")
		require.Equal(t, 0, count(t, connect(t, db.DSN("pantry")), "SELECT count(*) FROM one, two"))
	})
	t.Run("a file that fails leaves nothing of itself and stops the lines after it", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		broken := migrations.Files("broken", "pantry", sql("CREATE TABLE jars (id int); CREATE TABLE jars (id int);"))
		after := migrations.Files("after", "pantry", sql("CREATE TABLE after (id int);"))
		require.ErrorContains(t, migrations.Apply(t.Context(), db.AdminDSN(), broken, after), "broken@pantry")
		require.Equal(t, 0, count(t, connect(t, db.AdminDSN()),
			"SELECT count(*) FROM pg_tables WHERE schemaname = 'pantry' AND tablename IN ('jars', 'after')"))
	})
	t.Run("a waiting replica gives up with its context and does not disturb the one that works", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		gate := connect(t, db.AdminDSN())
		exec(t, gate, "SELECT pg_advisory_lock(42)")
		line := migrations.Files("shelf", "pantry", sql("SELECT pg_advisory_xact_lock(42);"))
		var works errgroup.Group
		works.Go(func() error { return migrations.Apply(context.Background(), db.AdminDSN(), line) })
		waitFor(t, gate, "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)")

		ctx, cancel := context.WithCancel(t.Context())
		var waits errgroup.Group
		waits.Go(func() error { return migrations.Apply(ctx, db.AdminDSN(), line) })
		waitFor(t, gate, "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() "+
			"AND query LIKE 'SELECT pg_try_advisory_lock%' AND query_start > backend_start + interval '0.1 s'")
		cancel()
		require.ErrorIs(t, waits.Wait(), context.Canceled)
		exec(t, gate, "SELECT pg_advisory_unlock(42)")
		require.NoError(t, works.Wait())
	})
	t.Run("names that would need quotes are refused", func(t *testing.T) {
		t.Parallel()
		for _, schema := range []string{"", "Pantry", "pantry; DROP TABLE jars", "../bakery", `pan"try`} {
			require.ErrorContains(t, migrations.Apply(t.Context(), "", migrations.Bakery(schema)), "identifier", schema)
		}
	})
	t.Run("a line without files is an error", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		require.Error(t, migrations.Apply(t.Context(), db.AdminDSN(), migrations.Bakery("cheese")))
	})
	t.Run("an error shows no DSN", func(t *testing.T) {
		t.Parallel()
		err := migrations.Apply(t.Context(), "postgres://baker:oven-secret@[::1:bad/db", migrations.Coordinator())
		require.Error(t, err)
		require.NotContains(t, err.Error(), "oven-secret")
	})
}

// sql numbers the up parts of a line.
func sql(ups ...string) fs.FS {
	files := fstest.MapFS{}
	for i, up := range ups {
		header := "-- +goose Up\n"
		if i > 0 {
			header = "-- +goose NO TRANSACTION\n" + header
		}
		files["0000"+string(rune('1'+i))+"_file.sql"] = &fstest.MapFile{Data: []byte(header + up + "\n")}
	}
	return files
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), statement)
	require.NoError(t, err, statement)
}

// waitFor asks the server until the condition holds: nothing signals what another session waits for.
func waitFor(t *testing.T, conn *pgx.Conn, condition string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for holds := false; !holds; {
		require.NoError(t, conn.QueryRow(t.Context(), condition).Scan(&holds))
		select {
		case <-deadline:
			require.FailNow(t, "waited in vain for "+condition)
		case <-tick.C:
		}
	}
}

func count(t *testing.T, conn *pgx.Conn, query string) (n int) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&n))
	return n
}
