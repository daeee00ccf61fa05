package runner

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
)

// openStore is another process's view of the database.
func openStore(t testing.TB, db *pgtest.Database) *pgstore.Store {
	pool, err := pgpool.Open(db.DSN("coordinator"), pgpool.Config{Name: "coordinator", ConnsMax: 6, Schema: "coordinator"})
	require.NoError(t, err)
	store := pgstore.New(pool, pgstore.Config{})
	t.Cleanup(func() {
		require.NoError(t, store.Close())
		require.NoError(t, pool.Close())
	})
	return store
}

func TestOnPostgreSQLAndJetStream(t *testing.T) {
	t.Parallel()
	t.Run("two replicas delete tenants with exact counts, each row once", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t, migrations.Coordinator())
		b := openBroker(t, startBroker(t, t.TempDir()))
		w := newWorld(t, openStore(t, db), b)
		tenants := tenantsNamed("acme", 100)
		w.give(3, tenants...)
		w.runParts("orders", "pos", "tenants")
		w.run(w.runner(Config{}).Run)
		other := *w
		other.store = openStore(t, db)
		w.run(other.runner(Config{}).Run)
		started := time.Now()
		w.submit(tenants...)
		for _, tenant := range tenants {
			require.EqualValues(t, 9, w.job(tenant, saga.StateCompleted).Total())
			require.EqualValues(t, 9, w.deleted(tenant).Total)
		}
		t.Logf("%d jobs in %v", len(tenants), time.Since(started))
		for name, p := range w.parts {
			require.Equal(t, len(tenants), p.passes(), "%s deleted more than once for a job", name)
		}
	})
	t.Run("what one replica saves without running is sent by the other at once", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t, migrations.Coordinator())
		b := openBroker(t, startBroker(t, t.TempDir()))
		w := newWorld(t, openStore(t, db), b)
		w.give(1, "acme")
		w.runParts("orders", "pos", "tenants")
		w.run(w.runner(Config{}).Run)
		facade := *w
		facade.store = openStore(t, db)
		_, _, err := facade.runner(Config{}).Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		require.NoError(t, err)
		w.job("acme", saga.StateCompleted)
	})
	t.Run("a grace ends when it is due, and cancel before it is free", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t, migrations.Coordinator())
		b := openBroker(t, startBroker(t, t.TempDir()))
		w := newWorld(t, openStore(t, db), b)
		w.give(1, "acme", "other")
		w.runParts("orders", "pos", "tenants")
		r := w.runner(Config{Policy: saga.Policy{Grace: 500 * time.Millisecond}})
		w.run(r.Run)
		w.submit("acme", "other")
		cancelled, err := r.Act(t.Context(), w.job("other", saga.StateScheduled).ID, 0, saga.Cancel{By: "actor-1"})
		require.NoError(t, err)
		require.Equal(t, saga.StateCancelled, cancelled.State)
		done := w.job("acme", saga.StateCompleted)
		require.False(t, done.PivotAt.Before(done.DueAt))
		require.EqualValues(t, 3, w.parts["orders"].rows["other"]+w.parts["pos"].rows["other"]+w.parts["tenants"].rows["other"])
		w.until("the cancellation is announced", func() bool {
			_, err := b.Last(t.Context(), events.StreamEvents, "tenant.deletion.cancelled.other")
			return err == nil
		})
	})
}
