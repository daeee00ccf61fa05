package pgpool_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

func TestPool(t *testing.T) {
	t.Parallel()

	t.Run("every connection has its name, its schema and its timeouts", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		pool := open(t, db, pgpool.Config{Name: "orders", Schema: "pantry", LockTimeout: 1500 * time.Millisecond})
		for setting, want := range map[string]string{"application_name": "orders", "search_path": "pantry", "lock_timeout": "1500ms",
			"statement_timeout": "1min", "idle_in_transaction_session_timeout": "30s"} {
			require.Equal(t, want, value(t, pool, "SELECT current_setting(?)", setting), setting)
		}
	})
	t.Run("a cancelled context stops the statement on the server", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t)
		pool, other := open(t, db, pgpool.Config{Name: "sleeper"}), open(t, db, pgpool.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		var sleeper errgroup.Group
		sleeper.Go(func() error {
			_, err := pool.ExecContext(ctx, "SELECT pg_sleep(600)")
			return err
		})
		const sleeping = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'sleeper' AND state = 'active'"
		waitFor(t, other, sleeping, "1")
		cancel()
		require.ErrorIs(t, sleeper.Wait(), context.Canceled)
		waitFor(t, other, sleeping, "0")
	})
	t.Run("no statement stays prepared in the server, where it would keep the values in its text", func(t *testing.T) {
		t.Parallel()
		pool := open(t, pgtest.New(t), pgpool.Config{ConnsMax: 1})
		for _, tenant := range []string{"t-1", "t-2", "t-3"} {
			require.Equal(t, tenant, value(t, pool, "SELECT ?", tenant))
		}
		require.Equal(t, "0", value(t, pool, "SELECT count(*)::text FROM pg_prepared_statements"))
	})
	t.Run("a lock that is not given ends the wait", func(t *testing.T) {
		t.Parallel()
		pool := open(t, pgtest.New(t), pgpool.Config{LockTimeout: 20 * time.Millisecond})
		tx, err := pool.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer tx.Rollback() //nolint:errcheck // nothing was written
		_, err = tx.ExecContext(t.Context(), "SELECT pg_advisory_xact_lock(7)")
		require.NoError(t, err)
		_, err = pool.ExecContext(t.Context(), "SELECT pg_advisory_xact_lock(7)")
		require.ErrorContains(t, err, "55P03")
	})
	t.Run("no more connections than allowed", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, 4, open(t, pgtest.New(t), pgpool.Config{}).Stats().MaxOpenConnections)
	})
}

func TestOpen(t *testing.T) {
	t.Parallel()

	t.Run("an error names the field and shows no DSN", func(t *testing.T) {
		t.Parallel()
		_, err := pgpool.Open("postgres://baker:oven-secret@[::1:bad/db", pgpool.Config{})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "oven-secret")
		for field, cfg := range map[string]pgpool.Config{
			"ConnsMax":         {ConnsMax: -1},
			"LockTimeout":      {LockTimeout: time.Microsecond}, // would be sent as 0, which means none
			"StatementTimeout": {StatementTimeout: -time.Second},
			"Schema":           {Schema: "a, b"},
		} {
			_, err := pgpool.Open("postgres://127.0.0.1/db", cfg)
			require.ErrorContains(t, err, field)
		}
	})
}

func open(t *testing.T, db *pgtest.Database, cfg pgpool.Config) *bun.DB {
	t.Helper()
	pool, err := pgpool.Open(db.AdminDSN(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	return pool
}

func value(t *testing.T, db *bun.DB, query string, args ...any) (v string) {
	t.Helper()
	err := db.QueryRowContext(t.Context(), query, args...).Scan(&v)
	require.NoError(t, err)
	return v
}

// waitFor asks the server until it answers so: nothing signals what another session does.
func waitFor(t *testing.T, db *bun.DB, query, want string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for value(t, db, query) != want {
		select {
		case <-deadline:
			require.FailNow(t, "waited in vain", query)
		case <-tick.C:
		}
	}
}
