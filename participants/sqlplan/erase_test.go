package sqlplan_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// shopPlan is a checked plan over a filled shop.
func shopPlan(t testing.TB, n int, cfg sqlplan.Config) (*sqlplan.Plan, *bun.DB) {
	t.Helper()
	db := database(t, shop, shopRows(n))
	cfg.Service = "shop"
	plan := sqlplan.New(db, cfg, shopRules()...)
	require.NoError(t, plan.Check(context.Background()))
	return plan, db
}

func requireCounts(t testing.TB, plan *sqlplan.Plan, tenant events.TenantID, want participants.Counts) {
	t.Helper()
	got, err := plan.Preview(context.Background(), tenant)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestErase(t *testing.T) {
	t.Parallel()

	t.Run("takes exactly the tenant's rows and keeps exactly the others", func(t *testing.T) {
		t.Parallel()
		plan, db := shopPlan(t, 20, sqlplan.Config{})
		requireCounts(t, plan, acme, shopCounts(20))
		receipt, replayed, err := erase(t.Context(), plan, command(acme))
		require.NoError(t, err)
		require.False(t, replayed)
		require.Equal(t, shopCounts(20), receipt.Counts)
		require.Equal(t, participants.ModeTransaction, receipt.Mode)
		requireCounts(t, plan, acme, shopCounts(0))
		requireCounts(t, plan, zeta, shopCounts(20))
		require.EqualValues(t, 1, number(t, db, "SELECT count(*) FROM templates WHERE tenant_id IS NULL"))
		require.EqualValues(t, 2, number(t, db, "SELECT count(*) FROM countries"))
		require.EqualValues(t, 1, number(t, db, "SELECT count(*) FROM tenant_anchor"+
			" WHERE NOT live AND generation = 1 AND closed_at IS NOT NULL"))
	})

	t.Run("answers every repeat with the stored receipt", func(t *testing.T) {
		t.Parallel()
		plan, _ := shopPlan(t, 3, sqlplan.Config{})
		c := command(acme)
		first, _, err := erase(t.Context(), plan, c)
		require.NoError(t, err)
		for attempt := 2; attempt < 4; attempt++ {
			c.Attempt = attempt
			again, replayed, err := erase(t.Context(), plan, c)
			require.NoError(t, err)
			require.True(t, replayed)
			require.Equal(t, first, again)
		}
		stored, err := plan.Receipt(t.Context(), c.JobID)
		require.NoError(t, err)
		require.Equal(t, first, stored)
		none, err := plan.Receipt(t.Context(), events.NewJobID())
		require.NoError(t, err)
		require.Nil(t, none)
	})

	t.Run("adds another pass to the receipt when a later attempt asks to erase again", func(t *testing.T) {
		t.Parallel()
		plan, db := shopPlan(t, 3, sqlplan.Config{})
		c := command(acme)
		_, _, err := erase(t.Context(), plan, c)
		require.NoError(t, err)
		execute(t, db, "UPDATE tenant_anchor SET generation = 0, live = true WHERE tenant_id = '"+string(acme)+
			"'; INSERT INTO recipes (id, tenant_id) VALUES (1000, '"+string(acme)+"')")
		c.EraseAgain = true
		same, replayed, err := erase(t.Context(), plan, c)
		require.NoError(t, err)
		require.True(t, replayed, "the attempt that the receipt is of has answered")
		require.EqualValues(t, 3, same.Counts["recipes"])
		c.Attempt = 2
		sum, replayed, err := erase(t.Context(), plan, c)
		require.NoError(t, err)
		require.False(t, replayed)
		require.EqualValues(t, 4, sum.Counts["recipes"])
		require.Equal(t, 2, sum.Attempt)
	})

	t.Run("of a tenant it never met counts zero and leaves a tombstone", func(t *testing.T) {
		t.Parallel()
		plan, db := shopPlan(t, 1, sqlplan.Config{})
		receipt, _, err := erase(t.Context(), plan, command("cccccccc-0000-4000-8000-000000000003"))
		require.NoError(t, err)
		require.Equal(t, shopCounts(0), receipt.Counts)
		require.EqualValues(t, 1, number(t, db, "SELECT count(*) FROM tenant_anchor WHERE NOT live"))
	})

	t.Run("by a new job finds nothing and stores its own receipt", func(t *testing.T) {
		t.Parallel()
		plan, db := shopPlan(t, 1, sqlplan.Config{})
		_, _, err := erase(t.Context(), plan, command(acme))
		require.NoError(t, err)
		next := command(acme)
		next.Generation = 2
		receipt, _, err := erase(t.Context(), plan, next)
		require.NoError(t, err)
		require.Equal(t, shopCounts(0), receipt.Counts)
		require.EqualValues(t, 2, number(t, db, "SELECT count(*) FROM td_receipts"))
	})

	t.Run("refuses a job older than the tenant's present life", func(t *testing.T) {
		t.Parallel()
		plan, db := shopPlan(t, 2, sqlplan.Config{})
		c := command(acme)
		c.Generation = 2
		_, _, err := erase(t.Context(), plan, c)
		require.NoError(t, err)
		_, _, err = erase(t.Context(), plan, command(acme))
		requireRefused(t, err, participants.CodeStale)
		execute(t, db, "UPDATE tenant_anchor SET live = true WHERE tenant_id = '"+string(acme)+"'")
		late := command(acme)
		late.Generation = 2
		_, _, err = erase(t.Context(), plan, late)
		requireRefused(t, err, participants.CodeStale)
	})

	t.Run("refuses a tenant id that the schema cannot hold", func(t *testing.T) {
		t.Parallel()
		plan, _ := shopPlan(t, 1, sqlplan.Config{})
		_, _, err := erase(t.Context(), plan, command("acme"))
		requireRefused(t, err, participants.CodeTenantRefused)
		_, err = plan.Preview(t.Context(), "acme")
		requireRefused(t, err, participants.CodeTenantRefused)
	})

	t.Run("leaves everything as it was when its context ends in the transaction", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		plan, db := shopPlan(t, 5, sqlplan.Config{Reached: cancel})
		_, _, err := erase(ctx, plan, command(acme))
		require.ErrorIs(t, err, context.Canceled)
		requireCounts(t, plan, acme, shopCounts(5))
		require.Zero(t, number(t, db, "SELECT count(*) FROM td_receipts"))
	})

	t.Run("reports progress table by table", func(t *testing.T) {
		t.Parallel()
		plan, _ := shopPlan(t, 5, sqlplan.Config{})
		var seen []string
		e := participants.NewErasure(command(acme), nil, func(table string, _ int64) { seen = append(seen, table) })
		require.NoError(t, plan.Erase(t.Context(), e))
		require.Equal(t, []string{"escalations", "alerts", "item_notes", "items", "orders", "customers",
			"recipes", "runs", "steps", "templates"}, seen)
	})
}

func TestEraseWithoutFence(t *testing.T) {
	t.Parallel()
	const ddl = `CREATE TABLE notes (id int PRIMARY KEY, org_id text NOT NULL);
		ALTER TABLE tenant_anchor ALTER COLUMN tenant_id TYPE text;`
	rows := "INSERT INTO notes SELECT g, CASE g % 2 WHEN 0 THEN 'acme' ELSE 'zeta' END FROM generate_series(1, 10) g;"

	t.Run("takes text ids and another tenant column", func(t *testing.T) {
		t.Parallel()
		db := database(t, ddl, rows)
		plan := sqlplan.New(db, sqlplan.Config{Service: "notes"}, sqlplan.Delete("notes").By("org_id"))
		receipt, _, err := erase(t.Context(), plan, command("acme"))
		require.NoError(t, err)
		require.Equal(t, participants.Counts{"notes": 5}, receipt.Counts)
		require.EqualValues(t, 5, number(t, db, "SELECT count(*) FROM notes"))
	})

	t.Run("deletes the rows of a tenant that was created again", func(t *testing.T) {
		t.Parallel()
		db := database(t, ddl, rows)
		plan := sqlplan.New(db, sqlplan.Config{Service: "notes", TenantColumn: "org_id"}, sqlplan.Delete("notes"))
		_, _, err := erase(t.Context(), plan, command("acme"))
		require.NoError(t, err)
		execute(t, db, "INSERT INTO notes VALUES (100, 'acme')")
		next := command("acme")
		next.Generation = 2
		receipt, _, err := erase(t.Context(), plan, next)
		require.NoError(t, err)
		require.EqualValues(t, 1, receipt.Counts.Total())
	})

	t.Run("refuses with residue when its own look finds a row", func(t *testing.T) {
		t.Parallel()
		// A writer whose insert is seen only by the look: it commits while the delete of another table runs.
		db := database(t, ddl+"CREATE TABLE slow (id int PRIMARY KEY, org_id text NOT NULL);",
			rows+"INSERT INTO slow VALUES (1, 'acme');")
		plan := sqlplan.New(db, sqlplan.Config{Service: "notes", TenantColumn: "org_id"},
			sqlplan.Delete("notes"), sqlplan.Delete("slow"))
		require.NoError(t, plan.Check(t.Context()))
		blocker, err := db.DB.Conn(t.Context())
		require.NoError(t, err)
		defer blocker.Close()
		_, err = blocker.ExecContext(t.Context(), "BEGIN; UPDATE slow SET id = 2; INSERT INTO notes VALUES (100, 'acme')")
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { _, _, err := erase(context.Background(), plan, command("acme")); done <- err }()
		waitFor(t, "the delete of slow to wait", func() bool {
			return number(t, db, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE%slow%'"+
				" AND datname = current_database()") == 1
		})
		_, err = blocker.ExecContext(t.Context(), "COMMIT")
		require.NoError(t, err)
		requireRefused(t, <-done, participants.CodeResidue, "notes")
		require.EqualValues(t, 11, number(t, db, "SELECT count(*) FROM notes"), "nothing is deleted")
	})
}

func TestEraseTransient(t *testing.T) {
	t.Parallel()

	t.Run("only one of two sessions erases a tenant, the other comes back later", func(t *testing.T) {
		t.Parallel()
		inside, proceed := make(chan struct{}), make(chan struct{})
		plan, db := shopPlan(t, 5, sqlplan.Config{Reached: func() { close(inside); <-proceed }})
		c := command(acme)
		done := make(chan error, 1)
		go func() { _, _, err := erase(context.Background(), plan, c); done <- err }()
		<-inside
		second := sqlplan.New(db, sqlplan.Config{Service: "shop"}, shopRules()...)
		_, _, err := erase(t.Context(), second, c)
		require.ErrorContains(t, err, "another session")
		require.NotErrorIs(t, err, participants.ErrRefused)
		close(proceed)
		require.NoError(t, <-done)
		receipt, replayed, err := erase(t.Context(), second, c)
		require.NoError(t, err)
		require.True(t, replayed)
		require.Equal(t, shopCounts(5), receipt.Counts)
	})

	t.Run("two statement timeouts switch the job to chunks, and the receipt says so", func(t *testing.T) {
		t.Parallel()
		plan, db := shopPlan(t, 5, sqlplan.Config{StatementTimeout: 500 * time.Millisecond})
		blocker, err := db.DB.Conn(t.Context())
		require.NoError(t, err)
		defer blocker.Close()
		_, err = blocker.ExecContext(t.Context(), "BEGIN; UPDATE item_notes SET note = 'y'")
		require.NoError(t, err)
		c := command(acme)
		for range 2 {
			_, _, err = erase(t.Context(), plan, c)
			require.ErrorContains(t, err, "57014")
			require.NotErrorIs(t, err, participants.ErrRefused)
		}
		_, err = blocker.ExecContext(t.Context(), "ROLLBACK")
		require.NoError(t, err)
		receipt, _, err := erase(t.Context(), plan, c)
		require.NoError(t, err)
		require.Equal(t, participants.ModeBounded, receipt.Mode)
		require.Equal(t, shopCounts(5), receipt.Counts)
	})

	t.Run("a lost connection is tried again and deletes nothing twice", func(t *testing.T) {
		t.Parallel()
		var db *bun.DB
		var plan *sqlplan.Plan
		kill := true
		plan, db = shopPlan(t, 5, sqlplan.Config{Reached: func() {
			if kill {
				kill = false
				execute(t, db, "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity"+
					" WHERE state = 'idle in transaction' AND datname = current_database()")
			}
		}})
		c := command(acme)
		_, _, err := erase(t.Context(), plan, c)
		require.Error(t, err)
		require.NotErrorIs(t, err, participants.ErrRefused)
		receipt, _, err := erase(t.Context(), plan, c)
		require.NoError(t, err)
		require.Equal(t, shopCounts(5), receipt.Counts)
	})
}
