package migrations_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

// services are the bakery's, with the tenant service.
var services = []string{"alert_processor", "external", "forecasting", "inventory", "notification", "orders", "pos", "production",
	"recipes", "sales", "suppliers", "tenants", "training"}

func TestLines(t *testing.T) {
	t.Parallel()

	t.Run("the whole house fits into one database", func(t *testing.T) {
		t.Parallel()
		db := pgtest.New(t, house()...)
		conn := connect(t, db.AdminDSN())
		for _, line := range house() {
			tables := "SELECT count(*) FROM pg_tables WHERE schemaname = '" + line.Schema() + "' AND tablename NOT LIKE 'td\\_version\\_%'"
			require.Positive(t, count(t, conn, tables), line.String())
		}
		require.Zero(t, count(t, conn, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "no file names a schema")
	})
}

// house is every line of the house, in the order in which they can be laid.
func house() []migrations.Line {
	lines := []migrations.Line{migrations.Coordinator(), migrations.Audit()}
	for _, service := range services {
		lines = append(lines, migrations.Participant(service), migrations.Bakery(service))
	}
	return lines
}
