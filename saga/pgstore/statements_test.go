package pgstore_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// bakeryRoster is as large as the reference platform's: twelve services, then the tenants.
var bakeryRoster = func() (roster []saga.RosterEntry) {
	for n := range 12 {
		roster = append(roster, saga.RosterEntry{Participant: events.Participant(fmt.Sprintf("service_%02d", n)), Wave: 1})
	}
	return append(roster, saga.RosterEntry{Participant: "tenants", Wave: 2})
}()

// counter counts the statements that reach the server.
type counter struct{ n atomic.Int64 }

func (c *counter) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	c.n.Add(1)
	return ctx
}
func (*counter) AfterQuery(context.Context, *bun.QueryEvent) {}

func submissions(from, n int) (all []saga.Submission) {
	for i := range n {
		id := fmt.Sprintf("t-%d", from+i)
		all = append(all, saga.Submission{Submitted: events.Submitted{RequestID: "delete-" + id, TenantID: events.TenantID(id),
			Source: "tenants", Reason: "contract_ended", RequestedBy: "user-1"}})
	}
	return all
}

func change(job saga.Job, in saga.Input, inbox events.EventID) saga.Change {
	return saga.Change{Job: job.ID, Inbox: inbox, Decide: func(j saga.Job) (saga.Decision, error) {
		return saga.Decide(j, in, epoch.Add(time.Second))
	}}
}

// successes are the results of all participants of a wave.
func successes(job saga.Job, wave int) (changes []saga.Change) {
	for _, step := range job.Steps {
		if step.Wave != wave {
			continue
		}
		p := step.Participant
		changes = append(changes, change(job, saga.Answered{Result: events.Result{
			TenantID: job.Tenant, ServiceName: p, Success: true, JobID: job.ID, Generation: job.Generation, Attempt: 1,
			DeletedCounts: map[string]int64{string(p): 40, string(p) + "_lines": 160, string(p) + "_audit_logs": 7},
			Mode:          "transaction", DurationMS: 12, Timestamp: epoch.Add(time.Second),
		}}, events.EventIDFor(job.ID, events.TypeResult, p, 0, 1)))
	}
	return changes
}

func proven(job saga.Job) saga.Change {
	var previews []events.Preview
	for _, step := range job.Steps {
		previews = append(previews, events.Preview{TenantID: job.Tenant, ServiceName: step.Participant,
			Counts: map[string]int64{string(step.Participant): 0}})
	}
	return change(job, saga.Verified{Previews: previews}, "")
}

func mustSubmit(t testing.TB, store *pgstore.Store, all []saga.Submission) (jobs []saga.Job) {
	t.Helper()
	outcomes, err := store.Submit(t.Context(), epoch, all...)
	require.NoError(t, err)
	for _, o := range outcomes {
		require.NoError(t, o.Err)
		jobs = append(jobs, o.Decision.Job)
	}
	return jobs
}

func mustUpdate(t testing.TB, store *pgstore.Store, changes []saga.Change) {
	t.Helper()
	outcomes, err := store.Update(t.Context(), changes...)
	require.NoError(t, err)
	for _, o := range outcomes {
		require.NoError(t, o.Err)
		require.True(t, o.Decision.Changed)
	}
}

func TestALargerBatchTakesNoMoreStatements(t *testing.T) {
	t.Parallel()
	var statements counter
	_, db := open(t)
	store := pgstore.New(db.WithQueryHook(&statements), pgstore.Config{})
	require.NoError(t, store.SetRoster(t.Context(), bakeryRoster))
	costs := func(n, from int) (submit, update, end int64) {
		statements.n.Store(0)
		jobs := mustSubmit(t, store, submissions(from, n))
		submit = statements.n.Swap(0)
		var first, last []saga.Change
		for _, job := range jobs {
			first = append(first, successes(job, 1)...)
			last = append(append(last, successes(job, 2)...), proven(job))
		}
		mustUpdate(t, store, first)
		update = statements.n.Swap(0)
		mustUpdate(t, store, last)
		return submit, update, statements.n.Swap(0)
	}
	submit1, update1, end1 := costs(1, 0)
	submit50, update50, end50 := costs(50, 100)
	require.Equal(t, []int64{submit1, update1, end1}, []int64{submit50, update50, end50})
	require.LessOrEqual(t, submit1, int64(7), "begin, guards, inbox, known jobs, roster, writes, commit")
	require.LessOrEqual(t, update1, int64(7), "begin, guards, inbox, jobs, steps, writes, commit")
}

// BenchmarkSagas is what a saga costs the store: 1 submission, 13 results, 1 verification, 3 messages.
func BenchmarkSagas(b *testing.B) {
	store, _ := open(b)
	require.NoError(b, store.SetRoster(b.Context(), bakeryRoster))
	const batch = 100
	b.ResetTimer()
	for from := 0; from < b.N; from += batch {
		jobs := mustSubmit(b, store, submissions(from, min(batch, b.N-from)))
		var first, second, last []saga.Change
		for _, job := range jobs {
			first, second = append(first, successes(job, 1)...), append(second, successes(job, 2)...)
			last = append(last, proven(job))
		}
		for start := 0; start < len(first); start += 256 {
			mustUpdate(b, store, first[start:min(start+256, len(first))])
		}
		mustUpdate(b, store, second)
		mustUpdate(b, store, last)
		for more := true; more; {
			var err error
			_, more, err = store.Relay(b.Context(), 256, func(context.Context, []events.Message) ([]int, error) { return nil, nil })
			require.NoError(b, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sagas/s")
}
