package sqlplan_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// small makes a shop of 300 customers a tenant too large for one transaction, in chunks of a block or two.
func small() sqlplan.Config {
	return sqlplan.Config{BoundedRows: 200, ChunkRows: 50, Pace: time.Microsecond}
}

func TestBounded(t *testing.T) {
	t.Parallel()

	t.Run("takes exactly the tenant's rows in chunks and forgets its cursors", func(t *testing.T) {
		t.Parallel()
		chunks := 0
		cfg := small()
		cfg.Reached = func() { chunks++ }
		plan, db := shopPlan(t, 300, cfg)
		receipt, _, err := erase(t.Context(), plan, command(acme))
		require.NoError(t, err)
		require.Equal(t, participants.ModeBounded, receipt.Mode)
		require.Equal(t, shopCounts(300), receipt.Counts)
		require.Greater(t, chunks, 30)
		requireCounts(t, plan, acme, shopCounts(0))
		requireCounts(t, plan, zeta, shopCounts(300))
		require.Zero(t, number(t, db, "SELECT count(*) FROM td_progress"))
		require.Zero(t, number(t, db, "SELECT count(*) FROM td_bounded"))
		require.EqualValues(t, 1, number(t, db, "SELECT count(*) FROM tenant_anchor WHERE NOT live AND fence IS NULL"))
	})

	t.Run("goes on where it was cut off, again and again, and counts every row once", func(t *testing.T) {
		t.Parallel()
		var cut context.CancelFunc
		chunks := 0
		cfg := small()
		cfg.Reached = func() {
			if chunks++; chunks%9 == 0 {
				cut()
			}
		}
		plan, db := shopPlan(t, 300, cfg)
		c := command(acme)
		deliveries := 0
		for {
			ctx, cancel := context.WithCancel(t.Context())
			cut = cancel
			receipt, _, err := erase(ctx, plan, c)
			cancel()
			deliveries++
			if err == nil {
				require.Equal(t, shopCounts(300), receipt.Counts)
				break
			}
			require.ErrorIs(t, err, context.Canceled)
			require.EqualValues(t, 1, number(t, db, "SELECT count(*) FROM tenant_anchor WHERE fence = 'erasing'"))
		}
		require.Greater(t, deliveries, 3)
		requireCounts(t, plan, zeta, shopCounts(300))
	})

	t.Run("takes rows that are written behind it while it walks", func(t *testing.T) {
		t.Parallel()
		plan, db := shopPlan(t, 300, small())
		written := map[string]bool{}
		write := func(table, sql string) func(string, int64) {
			return func(at string, _ int64) {
				if at == table && !written[table] {
					written[table] = true
					execute(t, db, sql)
				}
			}
		}
		// A child of a row that is still to go: its parent's chunk is refused and the walk starts over.
		child := write("orders", "INSERT INTO items SELECT 1000000, max(id) FROM orders WHERE tenant_id = '"+string(acme)+"'")
		// A row of a table that has been walked through.
		late := write("recipes", "INSERT INTO customers (id, tenant_id) VALUES (1000000, '"+string(acme)+"')")
		e := participants.NewErasure(command(acme), nil, func(table string, n int64) { child(table, n); late(table, n) })
		require.NoError(t, plan.Erase(t.Context(), e))
		require.Len(t, written, 2)
		receipt, _ := e.Answered()
		want := shopCounts(300)
		want["items"]++
		want["customers"]++
		require.Equal(t, want, receipt.Counts)
		requireCounts(t, plan, acme, shopCounts(0))
	})

	t.Run("leaves a small tenant of a large table to one transaction", func(t *testing.T) {
		t.Parallel()
		plan, db := shopPlan(t, 300, sqlplan.Config{BoundedRows: 200})
		tiny := "dddddddd-0000-4000-8000-000000000004"
		execute(t, db, fmt.Sprintf("INSERT INTO tenant_anchor (tenant_id) VALUES ('%[1]s');"+
			"INSERT INTO customers (id, tenant_id) VALUES (1000000, '%[1]s'); ANALYZE", tiny))
		receipt, _, err := erase(t.Context(), plan, command("dddddddd-0000-4000-8000-000000000004"))
		require.NoError(t, err)
		require.Equal(t, participants.ModeTransaction, receipt.Mode)
		require.EqualValues(t, 1, receipt.Counts.Total())
	})

	t.Run("is refused to a second session until the first has ended", func(t *testing.T) {
		t.Parallel()
		inside, proceed := make(chan struct{}), make(chan struct{})
		cfg := small()
		first := true
		cfg.Reached = func() {
			if first {
				first = false
				close(inside)
				<-proceed
			}
		}
		plan, db := shopPlan(t, 300, cfg)
		c := command(acme)
		done := make(chan error, 1)
		go func() { _, _, err := erase(context.Background(), plan, c); done <- err }()
		<-inside
		second := sqlplan.New(db, sqlplan.Config{Service: "shop"}, shopRules()...)
		_, _, err := erase(t.Context(), second, c)
		require.ErrorContains(t, err, "another session")
		close(proceed)
		require.NoError(t, <-done)
		_, replayed, err := erase(t.Context(), second, c)
		require.NoError(t, err)
		require.True(t, replayed)
		require.Zero(t, number(t, db, "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"+
			" WHERE locktype = 'advisory' AND datname = current_database()"))
	})
}
