package participantstest

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// Postgres describes a service whose data is one schema; its Open is a Harness's.
type Postgres struct {
	// Columns names the tenant column of tables where it is not tenant_id.
	Columns map[string]string
	// New declares the service. Required.
	New func(db *bun.DB) participants.Service
	// Seed is SQL that writes a tenant's rows; {tenant} stands for the tenant's id, a UUID. Required.
	Seed string
	// Tables are the service's migrations (00001_name.sql, goose format), applied after the participant's own. Required.
	Tables fs.FS
}

// schemaName is the schema of every service under test; it has a database of its own.
const schemaName = "service"

// Open gives the service on a database of its own.
func (p Postgres) Open(t testing.TB) Fixture {
	t.Helper()
	database := pgtest.New(t, migrations.Participant(schemaName), migrations.Files("service", schemaName, p.Tables))
	db, err := pgpool.Open(database.DSN(schemaName), pgpool.Config{Name: "participantstest"})
	if err != nil {
		t.Fatalf("open the database: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return Fixture{
		Service: p.New(db),
		Seed: func(ctx context.Context, tenant events.TenantID) error {
			if err := tenant.Validate(); err != nil { // it is written into the statement
				return err
			}
			if _, err := db.DB.ExecContext(ctx, strings.ReplaceAll(p.Seed, "{tenant}", string(tenant))); err != nil {
				return fmt.Errorf("participantstest: seed: %w", err)
			}
			return nil
		},
		Digest: SQL(db.DB, Scope{Schema: schemaName, Columns: p.Columns}),
	}
}
