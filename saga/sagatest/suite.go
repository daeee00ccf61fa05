package sagatest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// claim is one sentence of the contract and its proof on an empty store.
type claim struct {
	name  string
	prove func(f *fixture)
}

// RunStore holds a store against the contract of saga.Store. Open gives an empty store; it is called once per claim, and
// the claims run side by side.
func RunStore(t *testing.T, open func(t testing.TB) saga.Store) {
	t.Helper()
	for _, claims := range [][]claim{submitClaims, conflictClaims, ruleClaims, updateClaims, restoredClaims, historyClaims,
		dueClaims, listClaims, outboxClaims, deadClaims, guardClaims, raceClaims} {
		for _, c := range claims {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				f := &fixture{TB: t, ctx: t.Context(), store: open(t)}
				f.must(f.store.SetRoster(f.ctx, roster))
				c.prove(f)
			})
		}
	}
}

// epoch is when the suite's jobs are submitted; the clock of a store is its arguments.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// roster is what the suite's jobs freeze: two participants together, then the tenant service.
var roster = []saga.RosterEntry{
	{Participant: "orders", Wave: 1}, {Participant: "pos", Wave: 1}, {Participant: "tenants", Wave: 2},
}

// fixture is an empty store with the words to prove a claim.
type fixture struct {
	testing.TB
	ctx   context.Context //nolint:containedctx // lives as long as the test
	store saga.Store
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("unexpected error: %v", err)
	}
}

func (f *fixture) is(err, target error) {
	f.Helper()
	if !errors.Is(err, target) {
		f.Fatalf("error is %v, want %v", err, target)
	}
}

func (f *fixture) that(ok bool, format string, args ...any) {
	f.Helper()
	if !ok {
		f.Fatalf("not so: "+format, args...)
	}
}

// submission asks for the deletion of a tenant, under a request id that the tenant's name gives.
func submission(tenant events.TenantID) saga.Submission {
	requestID := "delete-" + string(tenant)
	s := saga.Submission{Submitted: events.Submitted{
		RequestID: requestID, TenantID: tenant, Source: "tenants", Reason: "contract_ended", RequestedBy: "user-1",
	}}
	s.Inbox = s.Submitted.EventID()
	return s
}

// again is the same wish of the same source under another request id.
func again(s saga.Submission) saga.Submission {
	s.Submitted.RequestID += "-again"
	s.Inbox = s.Submitted.EventID()
	return s
}

// submit makes jobs and returns them; every submission must be new.
func (f *fixture) submit(submissions ...saga.Submission) []saga.Job {
	f.Helper()
	outcomes, err := f.store.Submit(f.ctx, epoch, submissions...)
	f.must(err)
	jobs := make([]saga.Job, len(outcomes))
	for i, o := range outcomes {
		f.must(o.Err)
		f.that(o.Decision.Changed && !o.Existing && !o.Duplicate, "submission %d makes a job", i)
		jobs[i] = o.Decision.Job
	}
	return jobs
}

// one runs a single change and returns its outcome.
func (f *fixture) one(c saga.Change) saga.Outcome {
	f.Helper()
	outcomes, err := f.store.Update(f.ctx, c)
	f.must(err)
	f.that(len(outcomes) == 1, "one change has one outcome")
	return outcomes[0]
}

func (f *fixture) read(id events.JobID) saga.Job {
	f.Helper()
	job, err := f.store.Job(f.ctx, id)
	f.must(err)
	return job
}

// input is a change by an input at a time.
func input(job events.JobID, in saga.Input, at time.Time) saga.Change {
	return saga.Change{Job: job, Decide: func(j saga.Job) (saga.Decision, error) { return saga.Decide(j, in, at) }}
}

// success is the first result event of a participant, which deleted three rows.
func success(job saga.Job, p events.Participant) saga.Change {
	return answer(job, p, 1, epoch.Add(time.Second))
}

// answer is the success of an attempt.
func answer(job saga.Job, p events.Participant, attempt int, at time.Time) saga.Change {
	c := input(job.ID, saga.Answered{Result: events.Result{
		TenantID: job.Tenant, ServiceName: p, Success: true, DeletedCounts: map[string]int64{string(p): 3},
		Errors: []events.Problem{}, Timestamp: at, JobID: job.ID, Generation: job.Generation, Attempt: attempt,
		RequestID: "request", Mode: "transaction", DurationMS: 5,
	}}, at)
	c.Inbox = events.EventIDFor(job.ID, events.TypeResult, p, 0, attempt)
	return c
}

// proven is the verification of all participants at zero.
func proven(job saga.Job, at time.Time) saga.Change {
	var previews []events.Preview
	for _, step := range job.Steps {
		previews = append(previews, events.Preview{TenantID: job.Tenant, ServiceName: step.Participant,
			Counts: map[string]int64{string(step.Participant): 0}})
	}
	return input(job.ID, saga.Verified{Previews: previews}, at)
}

// complete takes a job that deletes to its end.
func (f *fixture) complete(job saga.Job) saga.Job {
	f.Helper()
	outcomes, err := f.store.Update(f.ctx, success(job, "orders"), success(job, "pos"), success(job, "tenants"),
		proven(job, epoch.Add(2*time.Second)))
	f.must(err)
	for _, o := range outcomes {
		f.must(o.Err)
	}
	return f.read(job.ID)
}

// drain relays everything that waits and returns it, in order.
func (f *fixture) drain() (all []events.Message) {
	f.Helper()
	for more := true; more; {
		var err error
		_, more, err = f.store.Relay(f.ctx, 100, func(_ context.Context, unsent []events.Message) ([]int, error) {
			all = append(all, unsent...)
			return nil, nil
		})
		f.must(err)
	}
	return all
}

func subjects(messages []events.Message) []string {
	list := make([]string, len(messages))
	for i, m := range messages {
		list[i] = m.Subject
	}
	return list
}

func tenant(n int) events.TenantID { return events.TenantID(fmt.Sprintf("tenant-%04d", n)) }
