package bakery_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
	"github.com/bakery-ia/tenant-deletion/participants/participantstest"
)

// TestContract holds the services with something special about them against the contract of a participant: partitions,
// shared rows, a cycle with files beside it, the tenant's own id. The package seed deletes from all thirteen.
func TestContract(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"alert_processor", "notification", "tenants", "training"} {
		declared, err := bakery.ByName(name)
		require.NoError(t, err)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			participantstest.Run(t, participantstest.Harness{Open: func(t testing.TB) participantstest.Fixture {
				return fixture(t, declared)
			}})
		})
	}
}

func fixture(t testing.TB, declared bakery.Declaration) participantstest.Fixture {
	t.Helper()
	database := pgtest.New(t, lines(declared)...)
	db := open(t, database, declared.Name)
	files := t.TempDir()
	service, err := declared.Service(db, bakery.Config{FilesRoot: files})
	require.NoError(t, err)
	target := seed.Target{DSN: func(name events.Participant) string { return database.DSN(string(name)) }}
	return participantstest.Fixture{
		Service: service,
		Seed: func(ctx context.Context, tenant events.TenantID) error {
			_, err := seed.Generate(ctx, target, seed.Options{Tenants: []events.TenantID{tenant}, Profile: seed.ProfileTiny,
				Services: []events.Participant{declared.Name}, FilesRoot: files})
			return err
		},
		Digest: participantstest.SQL(db.DB, participantstest.Scope{Schema: string(declared.Name),
			Columns: columns(declared.Name)}),
	}
}

func columns(name events.Participant) map[string]string {
	if name == "tenants" {
		return map[string]string{"tenants": "id"}
	}
	return nil
}
