package pgstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
)

// listCase is a filter that people and programs ask for.
type listCase struct {
	name   string
	index  string // that must be in its plan; empty when a look at all jobs may be what is cheapest
	filter saga.Filter
}

// listCases are the filters on n filled jobs.
func listCases(t testing.TB, db *bun.DB, n int) []listCase {
	t.Helper()
	var middle events.JobID
	tenant := fmt.Sprintf("tenant-%d", n/2)
	require.NoError(t, db.NewRaw("SELECT id::text FROM jobs WHERE tenant = ?", tenant).Scan(t.Context(), &middle))
	const day = 24 * time.Hour
	old := filled.Add(-time.Duration(n) * 10 * time.Minute)
	completed, failed := []saga.State{saga.StateCompleted}, []saga.State{saga.StateFailed}
	open := []saga.State{saga.StateAwaitingApproval, saga.StateScheduled, saga.StateDeleting, saga.StateVerifying, saga.StateFailed}
	return []listCase{
		{name: "first page", index: "jobs_pkey"},
		{name: "page 500", index: "jobs_pkey", filter: saga.Filter{Before: middle}},
		{name: "tenant", index: "jobs_generation", filter: saga.Filter{Tenant: "tenant-7"}},
		{name: "request", index: "jobs_request", filter: saga.Filter{RequestID: "delete-7", Source: "crm"}},
		{name: "request of any source", index: "jobs_request", filter: saga.Filter{RequestID: "delete-7"}},
		{name: "completed", index: "jobs_list_state", filter: saga.Filter{States: completed}},
		{name: "completed, page 500", index: "jobs_list_state", filter: saga.Filter{States: completed, Before: middle}},
		{name: "rejected, old", index: "jobs_list_state", filter: saga.Filter{States: []saga.State{saga.StateRejected}}},
		{name: "failed", index: "jobs_list_state", filter: saga.Filter{States: failed}},
		{name: "open", index: "jobs_list_state", filter: saga.Filter{States: open}},
		{name: "residue", index: "jobs_list_blocked", filter: saga.Filter{Blocked: saga.ReasonResidue}},
		{name: "unverified, old", index: "jobs_list_blocked", filter: saga.Filter{Blocked: saga.ReasonUnverified}},
		{name: "overdue", index: "jobs_list_overdue", filter: saga.Filter{OverdueAt: filled}},
		{name: "overdue, old", index: "jobs_list_overdue", filter: saga.Filter{OverdueAt: old.Add(45 * day)}},
		{name: "overdue, the newest one", index: "jobs_list_overdue", filter: saga.Filter{OverdueAt: filled, Limit: 1}},
		{name: "overdue and failed", index: "jobs_list_overdue", filter: saga.Filter{OverdueAt: filled, States: failed}},
		{name: "failed at", index: "jobs_list_state", filter: saga.Filter{FailedAt: "service_03"}},
		{name: "failed at, old", index: "jobs_list_state", filter: saga.Filter{FailedAt: "service_05"}},
		{name: "failed at nobody", index: "jobs_list_state", filter: saga.Filter{FailedAt: "service_11"}},
		{name: "since yesterday", index: "jobs_list_submitted", filter: saga.Filter{Since: filled.Add(-day / 2)}},
		{name: "until long ago", index: "jobs_pkey", filter: saga.Filter{Until: old.Add(60 * day)}},
		{name: "a month, long ago", index: "jobs_pkey", filter: saga.Filter{Since: old.Add(30 * day), Until: old.Add(60 * day)}},
		{name: "source", index: "jobs_pkey", filter: saga.Filter{Source: "erp"}},
		{name: "source, old", filter: saga.Filter{Source: "crm"}},
		{name: "failed in a month, long ago", index: "jobs_list_state", filter: saga.Filter{States: failed,
			Since: old.Add(30 * day), Until: old.Add(60 * day)}},
		{name: "erased by", index: "steps_pkey", filter: saga.Filter{ErasedBy: "service_03"}},
		{name: "erased by, since yesterday", index: "steps_pkey",
			filter: saga.Filter{ErasedBy: "service_03", ErasedSince: filled.Add(-day / 2)}},
		{name: "erased by nobody", index: "steps_pkey", filter: saga.Filter{ErasedBy: "nobody"}},
	}
}

// TestListsTakeTheirIndex has PostgreSQL explain what a list asks for.
func TestListsTakeTheirIndex(t *testing.T) {
	t.Parallel()
	const jobs = 10_000
	_, db := open(t)
	var asked recorder
	store := pgstore.New(db.WithQueryHook(&asked), pgstore.Config{})
	require.NoError(t, store.SetRoster(t.Context(), []saga.RosterEntry{{Participant: "service_03", Wave: 1},
		{Participant: "service_05", Wave: 1}, {Participant: "tenants", Wave: 2}}))
	fillJobs(t, db, jobs)
	for _, c := range listCases(t, db, jobs) {
		t.Run(c.name, func(t *testing.T) {
			asked.queries = nil
			_, err := store.Jobs(t.Context(), c.filter)
			require.NoError(t, err)
			require.NotEmpty(t, asked.queries)
			var plan []string
			for _, query := range asked.queries {
				var part []string
				require.NoError(t, db.NewRaw("EXPLAIN "+query).Scan(t.Context(), &part))
				plan = append(plan, part...)
			}
			text := strings.Join(plan, "\n")
			require.Contains(t, text, c.index)
			if c.index != "" {
				require.NotRegexp(t, `Seq Scan on (jobs|steps)`, text)
			}
		})
	}
}

// recorder keeps the queries that a store sends.
type recorder struct{ queries []string }

func (*recorder) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }
func (r *recorder) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if strings.HasPrefix(e.Query, "SELECT") {
		r.queries = append(r.queries, e.Query)
	}
}

// listJobs is how many jobs acceptance asks for.
const listJobs = 100_000

// BenchmarkList is what a page of 100 jobs, with their steps, costs among 100,000 jobs of 13 steps each.
func BenchmarkList(b *testing.B) {
	store, db := open(b)
	require.NoError(b, store.SetRoster(b.Context(), bakeryRoster))
	fillJobs(b, db, listJobs)
	for _, c := range listCases(b, db, listJobs) {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			var found int
			for b.Loop() {
				start := time.Now()
				jobs, err := store.Jobs(b.Context(), c.filter)
				took, found = append(took, time.Since(start)), len(jobs)
				require.NoError(b, err)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
			b.ReportMetric(float64(found), "jobs")
		})
	}
}
