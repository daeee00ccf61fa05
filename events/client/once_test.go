package client_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/events/client"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

// accounts is a subscriber's own table: how often each generation was closed.
func accounts(t *testing.T) *sql.DB {
	t.Helper()
	own := migrations.Files("accounts", "billing", fstest.MapFS{"00001_accounts.sql": {
		Data: []byte("-- +goose Up\nCREATE TABLE closed (tenant text NOT NULL, generation int NOT NULL);\n")}})
	db, err := sql.Open("pgx", pgtest.New(t, migrations.Subscriber("billing"), own).DSN("billing"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func closeOne(ctx context.Context, tx *sql.Tx, _ events.Event, d *events.Deleted) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO closed VALUES ($1, $2)", string(d.TenantID), d.Generation)
	return err
}

func rows(t *testing.T, db *sql.DB, table string) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
	return n
}

func TestOnce(t *testing.T) {
	t.Parallel()
	opened := func(t *testing.T, generation int) (events.Event, *events.Deleted) {
		e, d, err := client.Open(gone("t1", generation))
		require.NoError(t, err)
		return e, d
	}
	t.Run("a redelivery has no second effect, however many come at the same time", func(t *testing.T) {
		t.Parallel()
		db := accounts(t)
		handle := client.Once(db, "billing", closeOne)
		e, d := opened(t, 1)
		var deliveries sync.WaitGroup
		var wrong atomic.Int32
		for range 8 {
			deliveries.Go(func() {
				if handle(t.Context(), e, d) != nil {
					wrong.Add(1)
				}
			})
		}
		deliveries.Wait()
		require.Zero(t, wrong.Load())
		require.Equal(t, 1, rows(t, db, "closed"))
	})
	t.Run("an effect that fails or panics is forgotten with its event", func(t *testing.T) {
		t.Parallel()
		db := accounts(t)
		calls := 0
		handle := client.Once(db, "billing", func(ctx context.Context, tx *sql.Tx, e events.Event, d *events.Deleted) error {
			if err := closeOne(ctx, tx, e, d); err != nil {
				return err
			}
			switch calls++; calls {
			case 1:
				return errors.New("not now")
			case 2:
				panic("handler")
			}
			return nil
		})
		e, d := opened(t, 1)
		require.ErrorContains(t, handle(t.Context(), e, d), "not now")
		require.Panics(t, func() { _ = handle(t.Context(), e, d) })
		require.Zero(t, rows(t, db, "closed")+rows(t, db, "td_seen"))
		require.NoError(t, handle(t.Context(), e, d))
		require.NoError(t, handle(t.Context(), e, d))
		require.Equal(t, 3, calls)
		require.Equal(t, 1, rows(t, db, "closed"))
	})
	t.Run("subscribers of one schema do not hide events from each other", func(t *testing.T) {
		t.Parallel()
		db := accounts(t)
		e, d := opened(t, 1)
		require.NoError(t, client.Once(db, "billing", closeOne)(t.Context(), e, d))
		require.NoError(t, client.Once(db, "ledger", closeOne)(t.Context(), e, d))
		require.Equal(t, 2, rows(t, db, "closed"))
	})
	t.Run("a subscriber that gets everything three times does everything once", func(t *testing.T) {
		t.Parallel()
		db, b := accounts(t), bus.NewMemory(bus.MemoryConfig{Downstream: []string{"billing"}})
		b.Redeliver(3)
		publish(t, b, gone("t1", 1), gone("t2", 2), gone("t1", 3))
		var handled atomic.Int32
		once := client.Once(db, "billing", closeOne)
		subscribed(t, b, func(ctx context.Context, e events.Event, d *events.Deleted) error {
			handled.Add(1)
			return once(ctx, e, d)
		}, client.Config{})
		require.Eventually(t, func() bool { return handled.Load() == 9 }, patience, time.Millisecond)
		require.Equal(t, 3, rows(t, db, "closed"))
	})
	t.Run("a missing table is an error, not a handled event", func(t *testing.T) {
		t.Parallel()
		db := accounts(t)
		_, err := db.ExecContext(t.Context(), "DROP TABLE td_seen")
		require.NoError(t, err)
		e, d := opened(t, 1)
		require.ErrorContains(t, client.Once(db, "billing", closeOne)(t.Context(), e, d), "remember event")
		require.Zero(t, rows(t, db, "closed"))
	})
}

func TestForget(t *testing.T) {
	t.Parallel()
	db := accounts(t)
	_, err := db.ExecContext(t.Context(), `INSERT INTO td_seen VALUES ('billing', 'old', now() - interval '92 days'),
		('billing', 'young', now() - interval '89 days'), ('ledger', 'old', now() - interval '92 days')`)
	require.NoError(t, err)
	forgotten, err := client.Forget(t.Context(), db, "billing", client.ForgetMin)
	require.NoError(t, err)
	require.EqualValues(t, 1, forgotten)
	var left []string
	result, err := db.QueryContext(t.Context(), "SELECT subscriber || ' ' || event_id FROM td_seen ORDER BY 1")
	require.NoError(t, err)
	defer result.Close()
	for result.Next() {
		var one string
		require.NoError(t, result.Scan(&one))
		left = append(left, one)
	}
	require.NoError(t, result.Err())
	require.Equal(t, "billing young, ledger old", strings.Join(left, ", "))
	definitions, err := natsdeploy.Define(natsdeploy.Topology{})
	require.NoError(t, err)
	for _, stream := range definitions.Streams {
		require.Less(t, stream.MaxAge, client.ForgetMin, "an id must outlive its event")
	}
	_, err = client.Forget(t.Context(), db, "billing", 90*24*time.Hour)
	require.ErrorContains(t, err, "91 days")
}
