package sqlplan_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

const (
	races       = 1000
	racers      = 4
	raceSeed    = 20261123
	plainTable  = "CREATE TABLE visits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id uuid NOT NULL);"
	fencedTable = "CREATE TABLE visits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, " + owned + ");"
)

// TestFence lets writers race erasures: one has its insert in flight when the erasure begins, one comes at a random moment,
// one after the end. Nothing they write may survive.
func TestFence(t *testing.T) {
	t.Parallel()

	t.Run("no row survives an erasure, whenever it was written", func(t *testing.T) {
		t.Parallel()
		total := raceAll(t, fencedTable, races)
		require.Zero(t, total.raced)
		require.Zero(t, total.late)
	})

	t.Run("without the fence the same races leave rows, so they would show", func(t *testing.T) {
		t.Parallel()
		total := raceAll(t, plainTable, races/10)
		require.NotZero(t, total.raced)
		require.Equal(t, races/10, total.late)
	})
}

// survivors are rows that were left: of the writers that raced the erasure, and of those that came after its end.
type survivors struct{ raced, late int }

func raceAll(t *testing.T, ddl string, n int) (total survivors) {
	line := migrations.Files("shop", "shop", fstest.MapFS{"00001_shop.sql": {Data: []byte(
		"-- +goose Up\n" + ddl + "CREATE INDEX ON visits (tenant_id);")}})
	d := pgtest.New(t, migrations.Participant("shop"), line)
	db := open(t, d, "shop")
	plan := sqlplan.New(db, sqlplan.Config{Service: "shop"}, sqlplan.Delete("visits"))
	require.NoError(t, plan.Check(t.Context()))
	all := make([]*race, racers)
	var group sync.WaitGroup
	for i := range all {
		r := &race{db: db, plan: plan, rand: rand.New(rand.NewPCG(raceSeed, uint64(i))), dsn: d.DSN("shop")}
		all[i] = r
		group.Go(func() {
			defer r.connect()()
			for k := i; k < n && r.err == nil; k += racers {
				r.run(tenantNumber(k))
			}
		})
	}
	group.Wait()
	for _, r := range all {
		require.NoError(t, r.err)
		total.raced += r.left.raced
		total.late += r.left.late
	}
	return total
}

func tenantNumber(i int) events.TenantID {
	return events.TenantID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
}

// race is one goroutine's writers and erasures.
type race struct {
	db               *bun.DB
	plan             *sqlplan.Plan
	rand             *rand.Rand
	dsn              string
	inFlight, anyway *pgx.Conn
	left             survivors
	err              error
}

func (r *race) connect() (disconnect func()) {
	ctx := context.Background()
	r.inFlight, r.err = pgx.Connect(ctx, r.dsn)
	if r.err == nil {
		r.anyway, r.err = pgx.Connect(ctx, r.dsn)
	}
	return func() {
		for _, c := range []*pgx.Conn{r.inFlight, r.anyway} {
			if c != nil {
				_ = c.Close(ctx)
			}
		}
	}
}

func (r *race) run(tenant events.TenantID) {
	ctx := context.Background()
	insert := fmt.Sprintf("INSERT INTO visits (tenant_id) VALUES ('%s')", tenant)
	_, r.err = r.inFlight.Exec(ctx, fmt.Sprintf("INSERT INTO tenant_anchor (tenant_id) VALUES ('%s');", tenant)+
		insert+"; BEGIN; "+insert)
	if r.err != nil {
		return
	}
	start := make(chan struct{})
	var group sync.WaitGroup
	spin := r.rand.IntN(20_000)
	group.Go(func() { // the erasure is tried again until it is done, as a delivery is
		<-start
		for {
			if r.err = r.plan.Erase(ctx, participants.NewErasure(command(tenant), nil, nil)); r.err == nil {
				return
			}
		}
	})
	group.Go(func() { // in flight: commits while the erasure runs; the fence cannot refuse it, the erasure waits for it
		<-start
		_, _ = r.inFlight.Exec(ctx, fmt.Sprintf("SELECT count(*) FROM generate_series(1, %d)", spin))
		_, _ = r.inFlight.Exec(ctx, "COMMIT")
	})
	group.Go(func() { // at a random moment; refused or not, its row must not stay
		<-start
		_, _ = r.anyway.Exec(ctx, fmt.Sprintf("SELECT count(*) FROM generate_series(1, %d)", 20_000-spin))
		_, _ = r.anyway.Exec(ctx, insert)
	})
	close(start)
	group.Wait()
	raced := r.count(tenant)
	_, _ = r.anyway.Exec(ctx, insert) // after the end
	r.left.raced += raced
	r.left.late += r.count(tenant) - raced
}

func (r *race) count(tenant events.TenantID) (n int) {
	if r.err == nil {
		r.err = r.db.NewRaw("SELECT count(*) FROM visits WHERE tenant_id = ?", string(tenant)).Scan(context.Background(), &n)
	}
	return n
}
