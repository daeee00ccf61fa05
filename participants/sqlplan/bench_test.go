package sqlplan_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// BenchmarkErase deletes small tenants of 7 tables and 14 rows each, beside the same deletes as plain SQL without lock, anchor,
// proof or receipt. BenchmarkPreview is what verification costs per participant.
func BenchmarkErase(b *testing.B) {
	tables := []string{"item_notes AS t USING items p, orders q WHERE t.item_id = p.id AND p.order_id = q.id AND q.",
		"items AS t USING orders p WHERE t.order_id = p.id AND p.", "orders WHERE ", "customers WHERE ", "recipes WHERE ",
		"alerts WHERE ", "templates WHERE "}
	b.Run("sqlplan", func(b *testing.B) {
		plan, db := shopPlan(b, 1, sqlplan.Config{})
		execute(b, db, manyTenants(b.N))
		b.ResetTimer()
		for i := range b.N {
			receipt, _, err := erase(b.Context(), plan, command(tenantNumber(i)))
			require.NoError(b, err)
			require.EqualValues(b, 14, receipt.Counts.Total())
		}
	})
	b.Run("plain", func(b *testing.B) {
		_, db := shopPlan(b, 1, sqlplan.Config{})
		execute(b, db, manyTenants(b.N))
		b.ResetTimer()
		for i := range b.N {
			tx, err := db.BeginTx(b.Context(), nil)
			require.NoError(b, err)
			for _, table := range tables {
				_, err := tx.ExecContext(b.Context(), fmt.Sprintf("DELETE FROM %stenant_id = '%s'", table, tenantNumber(i)))
				require.NoError(b, err)
			}
			require.NoError(b, tx.Commit())
		}
	})
}

func BenchmarkPreview(b *testing.B) {
	plan, _ := shopPlan(b, 1, sqlplan.Config{})
	for b.Loop() {
		_, err := plan.Preview(b.Context(), events.TenantID(tenantNumber(0)))
		require.NoError(b, err)
	}
}

// manyTenants gives n tenants 2 orders of 2 items with a note each.
func manyTenants(n int) string {
	return fmt.Sprintf(`CREATE TEMP TABLE who AS SELECT 1000 + g AS id, ('00000000-0000-4000-8000-' || lpad(g::text, 12, '0'))::uuid
 AS tenant_id FROM generate_series(0, %d) g;
INSERT INTO tenant_anchor (tenant_id) SELECT tenant_id FROM who;
INSERT INTO customers (id, tenant_id) SELECT id, tenant_id FROM who;
INSERT INTO orders (id, customer_id, tenant_id) SELECT 2 * id + k, id, tenant_id FROM who, generate_series(0, 1) k;
INSERT INTO items SELECT 2 * o.id + k, o.id FROM orders o, generate_series(0, 1) k WHERE o.id >= 2000;
INSERT INTO item_notes SELECT id, id, 'x' FROM items WHERE id >= 4000;
INSERT INTO recipes (id, tenant_id) SELECT id, tenant_id FROM who;
INSERT INTO alerts (id, at, tenant_id) SELECT id, '2025-05-05', tenant_id FROM who;
INSERT INTO templates (id, tenant_id) SELECT id, tenant_id FROM who;
DROP TABLE who;
`, n-1)
}
