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

func TestAnchors(t *testing.T) {
	t.Parallel()
	for _, anchor := range []struct {
		line     migrations.Line
		typed    string
		tenant   string
		stranger string // an id that is none of this type
	}{
		{migrations.AnchorText("shop"), "text", "acme", ""},
		{migrations.AnchorBigint("shop"), "bigint", "7", "acme"},
	} {
		t.Run(anchor.typed+" is laid over the anchor that is there, with the tenants it has", func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t, migrations.Participant("shop"))
			for range 2 {
				require.NoError(t, migrations.Apply(t.Context(), db.AdminDSN(), migrations.Participant("shop"), anchor.line))
			}
			conn := connect(t, db.DSN("shop"))
			require.Equal(t, 1, count(t, conn, "SELECT count(*) FROM pg_attribute WHERE attrelid = 'tenant_anchor'::regclass"+
				" AND attname = 'tenant_id' AND format_type(atttypid, atttypmod) = '"+anchor.typed+"'"))
			exec(t, conn, "INSERT INTO tenant_anchor (tenant_id) VALUES ('"+anchor.tenant+"')")
			exec(t, conn, "CREATE TABLE fenced (tenant_id "+anchor.typed+", live boolean,"+
				" FOREIGN KEY (tenant_id, live) REFERENCES tenant_anchor (tenant_id, live))")
			if anchor.stranger != "" {
				_, err := conn.Exec(t.Context(), "INSERT INTO tenant_anchor (tenant_id) VALUES ('"+anchor.stranger+"')")
				require.ErrorContains(t, err, "22P02")
			}
		})
	}
}

// house is every line of the house, in the order in which they can be laid.
func house() []migrations.Line {
	lines := []migrations.Line{migrations.Coordinator()}
	for _, service := range services {
		lines = append(lines, migrations.Participant(service), migrations.Bakery(service))
	}
	return lines
}
