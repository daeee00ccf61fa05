package pglocal_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/migrations/pglocal"
)

func TestCluster(t *testing.T) {
	t.Parallel()

	t.Run("a temporary server leaves nothing behind", func(t *testing.T) {
		t.Parallel()
		c := start(t, pglocal.Config{})
		data := value(t, c, "SHOW data_directory")
		require.DirExists(t, data)
		require.NoError(t, c.Stop())
		require.NoDirExists(t, filepath.Dir(data))
		require.NoError(t, c.Stop(), "stopping twice is no error")
		require.Error(t, c.Restart(t.Context()), "stopped is stopped")
	})
	t.Run("strangers need the password", func(t *testing.T) {
		t.Parallel()
		c := start(t, pglocal.Config{})
		cfg, err := pgx.ParseConfig(c.DSN("postgres"))
		require.NoError(t, err)
		cfg.Password = "guess"
		_, err = pgx.ConnectConfig(t.Context(), cfg)
		require.ErrorContains(t, err, "28P01")
	})
	t.Run("what was committed survives kill and restart on the same address", func(t *testing.T) {
		t.Parallel()
		c := start(t, pglocal.Config{Durable: true})
		before := c.DSN("postgres")
		exec(t, c, "CREATE TABLE bread (id int)")
		exec(t, c, "INSERT INTO bread SELECT generate_series(1, 1000)")
		for range 3 {
			require.NoError(t, c.Kill())
			_, err := pgx.Connect(t.Context(), c.DSN("postgres"))
			require.Error(t, err, "a killed server answers nobody")
			require.NoError(t, c.Restart(t.Context()))
		}
		require.Equal(t, before, c.DSN("postgres"))
		require.Equal(t, "1000", value(t, c, "SELECT count(*)::text FROM bread"))
	})
	t.Run("restart ends who is connected and keeps the data", func(t *testing.T) {
		t.Parallel()
		c := start(t, pglocal.Config{})
		exec(t, c, "CREATE TABLE bread (id int)")
		conn, err := pgx.Connect(t.Context(), c.DSN("postgres"))
		require.NoError(t, err)
		require.NoError(t, c.Restart(t.Context()))
		require.Error(t, conn.Ping(t.Context()))
		require.Equal(t, "0", value(t, c, "SELECT count(*)::text FROM bread"))
	})
	t.Run("settings of the caller win", func(t *testing.T) {
		t.Parallel()
		c := start(t, pglocal.Config{ExtraSettings: map[string]string{"max_connections": "17"}})
		require.Equal(t, "17", value(t, c, "SHOW max_connections"))
	})
	t.Run("a setting that the server refuses is shown", func(t *testing.T) {
		t.Parallel()
		_, err := pglocal.Start(t.Context(), pglocal.Config{ExtraSettings: map[string]string{"no_such_setting": "1"}})
		require.ErrorContains(t, err, "no_such_setting")
	})
	t.Run("a cancelled start leaves nothing behind", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := pglocal.Start(ctx, pglocal.Config{DataDir: dir})
		require.ErrorIs(t, err, context.Canceled)
		c := start(t, pglocal.Config{DataDir: dir})
		require.Equal(t, "1", value(t, c, "SELECT '1'"))
	})
}

func TestDataDir(t *testing.T) {
	t.Parallel()

	t.Run("data outlives the server", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		c := start(t, pglocal.Config{DataDir: dir})
		require.Equal(t, "on", value(t, c, "SHOW fsync"), "kept data is durable data")
		exec(t, c, "CREATE TABLE bread AS SELECT 7 AS id")
		require.NoError(t, c.Stop())
		c = start(t, pglocal.Config{DataDir: dir})
		require.Equal(t, "7", value(t, c, "SELECT id::text FROM bread"))
	})
	t.Run("a second server on the same data is refused by name", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		first := start(t, pglocal.Config{DataDir: dir})
		_, err := pglocal.Start(t.Context(), pglocal.Config{DataDir: dir})
		require.ErrorIs(t, err, pglocal.ErrInUse)
		require.ErrorContains(t, err, dir)
		require.Equal(t, "1", value(t, first, "SELECT '1'"), "the first is not disturbed")
	})
	t.Run("somebody else's directory is not taken over", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600))
		_, err := pglocal.Start(t.Context(), pglocal.Config{DataDir: dir})
		require.ErrorContains(t, err, "not empty")
	})
}

// dataDir is not t.TempDir: as root its parents are closed to the account that the server runs under.
func dataDir(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "td-pglocal-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(parent, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(parent)) })
	return filepath.Join(parent, "postgres")
}

func start(t *testing.T, cfg pglocal.Config) *pglocal.Cluster {
	t.Helper()
	cfg.AllowInstall, cfg.Out = true, os.Stderr
	c, err := pglocal.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })
	return c
}

func value(t *testing.T, c *pglocal.Cluster, query string) (v string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DSN("postgres"))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&v))
	return v
}

func exec(t *testing.T, c *pglocal.Cluster, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DSN("postgres"))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), statement)
	require.NoError(t, err)
}
