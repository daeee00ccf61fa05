package sqlplan_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// direct is a command outside of any job.
func direct(tenant events.TenantID) *events.Command {
	c := command(tenant)
	c.Generation = participants.GenerationNone
	return c
}

// again opens the tenant as a service does that meets it once more, and gives it one row.
const again = "UPDATE tenant_anchor SET live = true, generation = greatest(generation, 1)" +
	" WHERE tenant_id = '" + string(acme) + "';" +
	"INSERT INTO recipes (id, tenant_id) VALUES (100000, '" + string(acme) + "')"

// TestEraseDirect holds erasures outside of any job between the jobs of a tenant's lives, in both modes.
func TestEraseDirect(t *testing.T) {
	t.Parallel()
	for mode, cfg := range map[string]sqlplan.Config{
		participants.ModeTransaction: {},
		participants.ModeBounded:     {BoundedRows: 200, ChunkRows: 50, Pace: time.Microsecond},
	} {
		t.Run(mode+": the job after it finds nothing and succeeds", func(t *testing.T) {
			t.Parallel()
			plan, db := shopPlan(t, 300, cfg)
			receipt, _, err := erase(t.Context(), plan, direct(acme))
			require.NoError(t, err)
			require.Equal(t, mode, receipt.Mode)
			require.Equal(t, shopCounts(300), receipt.Counts)
			require.EqualValues(t, 1, number(t, db, "SELECT count(*) FROM tenant_anchor"+
				" WHERE NOT live AND generation = 0 AND fence IS NULL AND closed_at IS NOT NULL"))
			require.EqualValues(t, 1, number(t, db, "SELECT count(*) FROM td_receipts WHERE generation = 0"))
			receipt, replayed, err := erase(t.Context(), plan, command(acme))
			require.NoError(t, err)
			require.False(t, replayed)
			require.Equal(t, shopCounts(0), receipt.Counts)
			require.EqualValues(t, 1, number(t, db, "SELECT count(*) FROM tenant_anchor WHERE NOT live AND generation = 1"))
			requireCounts(t, plan, zeta, shopCounts(300))
		})
	}

	t.Run("deletes a tenant that was created again and keeps the generation for the next job", func(t *testing.T) {
		t.Parallel()
		plan, db := shopPlan(t, 3, sqlplan.Config{})
		_, _, err := erase(t.Context(), plan, command(acme))
		require.NoError(t, err)
		execute(t, db, again)
		receipt, _, err := erase(t.Context(), plan, direct(acme))
		require.NoError(t, err)
		require.EqualValues(t, 1, receipt.Counts.Total())
		require.EqualValues(t, 1, number(t, db, "SELECT count(*) FROM tenant_anchor WHERE NOT live AND generation = 1"))
		execute(t, db, again)
		_, _, err = erase(t.Context(), plan, command(acme))
		requireRefused(t, err, participants.CodeStale)
		next := command(acme)
		next.Generation = 2
		receipt, _, err = erase(t.Context(), plan, next)
		require.NoError(t, err)
		require.EqualValues(t, 1, receipt.Counts.Total())
	})

	t.Run("in chunks after a job's: the generation stays although the walk was cut off", func(t *testing.T) {
		t.Parallel()
		var cut context.CancelFunc
		cfg := sqlplan.Config{BoundedRows: 200, ChunkRows: 50, Pace: time.Microsecond, Reached: func() {
			if cut != nil {
				cut()
			}
		}}
		plan, db := shopPlan(t, 300, cfg)
		execute(t, db, "UPDATE tenant_anchor SET generation = 3 WHERE tenant_id = '"+string(acme)+"'")
		c := direct(acme)
		ctx, cancel := context.WithCancel(t.Context())
		cut = cancel
		_, _, err := erase(ctx, plan, c)
		require.ErrorIs(t, err, context.Canceled)
		cut = nil
		receipt, _, err := erase(t.Context(), plan, c)
		require.NoError(t, err)
		require.Equal(t, participants.ModeBounded, receipt.Mode)
		require.Equal(t, shopCounts(300), receipt.Counts)
		require.EqualValues(t, 1, number(t, db, "SELECT count(*) FROM tenant_anchor WHERE NOT live AND generation = 3"))
	})

	t.Run("finishes what a job in chunks has begun, and both count their own rows", func(t *testing.T) {
		t.Parallel()
		var cut context.CancelFunc
		chunks := 0
		cfg := sqlplan.Config{BoundedRows: 200, ChunkRows: 50, Pace: time.Microsecond, Reached: func() {
			if chunks++; chunks == 12 {
				cut()
			}
		}}
		plan, _ := shopPlan(t, 300, cfg)
		job := command(acme)
		ctx, cancel := context.WithCancel(t.Context())
		cut = cancel
		_, _, err := erase(ctx, plan, job)
		require.ErrorIs(t, err, context.Canceled)
		rest, _, err := erase(t.Context(), plan, direct(acme))
		require.NoError(t, err)
		begun, _, err := erase(t.Context(), plan, job)
		require.NoError(t, err)
		require.NotZero(t, begun.Counts.Total())
		require.NotZero(t, rest.Counts.Total())
		for table, n := range shopCounts(300) {
			require.Equal(t, n, begun.Counts[table]+rest.Counts[table], table)
		}
	})
}
