package pgtest_test

import (
	"context"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

// clones are made at once; more than the machine has cores.
const clones = 8

func TestNew(t *testing.T) {
	t.Parallel()
	pantry := line("CREATE TABLE jars (id int PRIMARY KEY); INSERT INTO jars VALUES (0);")

	t.Run("tests at the same time see the tables and none of each other's rows", func(t *testing.T) {
		t.Parallel()
		for range clones {
			t.Run("clone", func(t *testing.T) {
				t.Parallel()
				conn := connect(t, pgtest.New(t, pantry).DSN("pantry"))
				require.Equal(t, 1, count(t, conn, "SELECT count(*) FROM jars"))
				_, err := conn.Exec(t.Context(), "INSERT INTO jars VALUES (1)")
				require.NoError(t, err)
			})
		}
	})
	t.Run("a changed file is a new template", func(t *testing.T) {
		t.Parallel()
		changed := line("CREATE TABLE jars (id int PRIMARY KEY, label text);")
		require.Equal(t, 0, count(t, connect(t, pgtest.New(t, changed).DSN("pantry")), "SELECT count(label) FROM jars"))
		require.Equal(t, 1, count(t, connect(t, pgtest.New(t, pantry).DSN("pantry")), "SELECT count(*) FROM jars"))
	})
	t.Run("without lines it is empty", func(t *testing.T) {
		t.Parallel()
		conn := connect(t, pgtest.New(t).AdminDSN())
		require.Zero(t, count(t, conn, "SELECT count(*) FROM pg_namespace WHERE nspname = 'pantry'"))
	})
	t.Run("the database goes with its test, also from under a connection that was left open", func(t *testing.T) {
		t.Parallel()
		other := connect(t, pgtest.New(t).AdminDSN())
		var name string
		t.Run("short test", func(t *testing.T) {
			db := pgtest.New(t)
			name = db.Name()
			leaked, err := pgx.Connect(t.Context(), db.AdminDSN())
			require.NoError(t, err)
			require.NoError(t, leaked.Ping(t.Context()))
		})
		var there bool
		require.NoError(t, other.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there))
		require.False(t, there)
	})
	t.Run("a line that cannot be laid fails the test", func(t *testing.T) {
		t.Parallel()
		broken := &recorder{TB: t}
		done := make(chan struct{})
		go func() { // Fatalf ends the goroutine that calls it
			defer close(done)
			pgtest.New(broken, line("CREATE TABLE nonsense;"))
		}()
		<-done
		require.True(t, broken.failed)
	})
}

func TestNewCluster(t *testing.T) {
	t.Parallel()

	t.Run("is the test's own", func(t *testing.T) {
		t.Parallel()
		cluster := pgtest.NewCluster(t, true)
		require.NoError(t, cluster.Kill())
		require.NoError(t, cluster.Restart(t.Context()))
		require.Equal(t, 1, count(t, connect(t, cluster.DSN("postgres")), "SELECT 1"))
	})
}

func line(up string) migrations.Line {
	return migrations.Files("pantry", "pantry", fstest.MapFS{"00001_jars.sql": {Data: []byte("-- +goose Up\n" + up + "\n")}})
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func count(t *testing.T, conn *pgx.Conn, query string) (n int) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&n))
	return n
}

// recorder is a test that may fail without failing this one.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Fatalf(string, ...any) {
	r.failed = true
	runtime.Goexit()
}
