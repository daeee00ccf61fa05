package participantstest_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/participantstest"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

func TestMemoryOverJetStream(t *testing.T) {
	t.Parallel()
	participantstest.Run(t, participantstest.Harness{Bus: participantstest.JetStream, Open: memory})
}

func TestMemoryOverMemory(t *testing.T) {
	t.Parallel()
	participantstest.Run(t, participantstest.Harness{Open: memory})
}

// memory is a service without a database.
func memory(testing.TB) participantstest.Fixture {
	ledger := participantstest.NewMemory("orders", "customers")
	return participantstest.Fixture{
		Service: participants.Service{Name: "orders", Ledger: ledger},
		Seed: func(_ context.Context, tenant events.TenantID) error {
			ledger.Seed(tenant, 3)
			return nil
		},
		Digest: func(_ context.Context, except events.TenantID) (participantstest.Digests, error) {
			return ledger.Digest(except), nil
		},
	}
}

// TestTablesWithoutFence is a schema that nothing protects against late writers: there the second pass has work to do.
func TestTablesWithoutFence(t *testing.T) {
	t.Parallel()
	tables := fstest.MapFS{"00001_tables.sql": {Data: []byte(`-- +goose Up
CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner text NOT NULL);
CREATE INDEX ON customers (owner);
CREATE TABLE notes (customer_id bigint NOT NULL REFERENCES customers, note text);
CREATE INDEX ON notes (customer_id);
-- +goose Down
`)}}
	participantstest.Run(t, participantstest.Harness{Open: participantstest.Postgres{
		Columns: map[string]string{"customers": "owner"},
		New: func(db *bun.DB) participants.Service {
			return participants.Service{Name: "crm", Ledger: sqlplan.New(db, sqlplan.Config{Service: "crm"},
				sqlplan.Delete("customers").By("owner"), sqlplan.Delete("notes").Via("customer_id", "customers"))}
		},
		Seed: `INSERT INTO customers (owner) VALUES ('{tenant}'), ('{tenant}');
			INSERT INTO notes SELECT id, 'rye' FROM customers WHERE owner = '{tenant}'`,
		Tables: tables,
	}.Open})
}
