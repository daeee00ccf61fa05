package pgstore_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
	"github.com/bakery-ia/tenant-deletion/saga/sagatest"
)

// open makes a store on a database of its own, and gives the pool to look behind it.
func open(t testing.TB) (*pgstore.Store, *bun.DB) {
	t.Helper()
	return openOn(t, pgtest.New(t, migrations.Coordinator()))
}

// openOn is another replica on the same database.
func openOn(t testing.TB, database *pgtest.Database) (*pgstore.Store, *bun.DB) {
	t.Helper()
	db, err := pgpool.Open(database.DSN("coordinator"), pgpool.Config{Name: "pgstore_test"})
	require.NoError(t, err)
	store := pgstore.New(db, pgstore.Config{})
	t.Cleanup(func() {
		require.NoError(t, store.Close())
		require.NoError(t, db.Close())
	})
	return store, db
}

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	sagatest.RunStore(t, func(t testing.TB) saga.Store {
		store, _ := open(t)
		return store
	})
}
