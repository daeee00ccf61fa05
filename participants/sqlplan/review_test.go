package sqlplan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

func TestDeletes(t *testing.T) {
	t.Parallel()
	t.Run("lists statements that a person can run, children first", func(t *testing.T) {
		t.Parallel()
		plan, db := shopPlan(t, 2, sqlplan.Config{})
		list, err := plan.Deletes(t.Context(), acme)
		require.NoError(t, err)
		require.Len(t, list, 9, "one for each table, one for the cycle of runs and steps")
		for _, sql := range list {
			execute(t, db, sql)
		}
		requireCounts(t, plan, acme, shopCounts(0))
		requireCounts(t, plan, zeta, shopCounts(2))
	})
}
