package sagatest

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// How much chance there is: enough jobs that every state and every reason is met, enough filters that every field is.
const (
	randomJobs    = 60
	randomRounds  = 12
	randomFilters = 400
)

// chance is a source of random jobs and filters. Its seed is in the log of a failed test.
type chance struct{ *rand.Rand }

func newChance(f *fixture) chance {
	seed := rand.Uint64()
	f.Logf("seed %d", seed)
	return chance{rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // not a secret
}

func pick[T any](c chance, of ...T) T { return of[c.IntN(len(of))] }

// proveFilters holds lists of random jobs against what saga.Filter.Matches says of each of them.
func proveFilters(f *fixture) {
	c := newChance(f)
	all := f.randomJobs(c)
	states, matched := map[saga.State]int{}, 0
	for i := range all {
		states[all[i].State]++
	}
	f.Logf("states %v", states)
	for range randomFilters {
		filter := c.filter(all)
		var want []events.JobID
		for i := range all {
			if filter.Matches(all[i]) && (filter.Before == "" || all[i].ID < filter.Before) {
				want = append(want, all[i].ID)
			}
		}
		want = want[:min(len(want), saga.ListLimit(filter.Limit))]
		matched += min(len(want), 1)
		var got []events.JobID
		for _, job := range f.list(filter) {
			got = append(got, job.ID)
		}
		f.that(slices.Equal(got, want), "%+v lists\n%v, want\n%v", filter, got, want)
	}
	f.that(matched > randomFilters/10, "only %d filters match anything", matched)
}

// randomJobs are jobs that have seen whatever can happen to a job, newest first.
func (f *fixture) randomJobs(c chance) []saga.Job {
	f.Helper()
	for n := range randomJobs {
		s := submission(tenant(c.IntN(randomJobs)))
		s.Submitted.Source = pick[events.Participant](c, "tenants", "erp", "crm")
		s.Submitted.RequestID = "request-" + string(tenant(n/2))
		s.Inbox, s.Detached = "", true
		s.Policy = saga.Policy{Approval: c.IntN(4) == 0, Grace: pick(c, 0, 0, time.Hour), Deadline: pick(c, 0, time.Hour, 4*time.Hour)}
		_, err := f.store.Submit(f.ctx, epoch.Add(time.Duration(n)*10*time.Minute), s)
		f.must(err)
	}
	for round := range randomRounds {
		at := epoch.Add(24*time.Hour + time.Duration(round)*time.Hour)
		var changes []saga.Change
		for _, job := range f.list(saga.Filter{Limit: randomJobs}) {
			if in := c.input(job, at); in != nil {
				changes = append(changes, input(job.ID, in, at))
			}
		}
		_, err := f.store.Update(f.ctx, changes...) // what is refused is refused alone
		f.must(err)
	}
	return f.list(saga.Filter{Limit: randomJobs})
}

// input is something that may happen to the job next.
func (c chance) input(job saga.Job, at time.Time) saga.Input {
	switch job.State {
	case saga.StateAwaitingApproval:
		return pick[saga.Input](c, nil, saga.Approve{By: "user-2"}, saga.Reject{By: "user-2"})
	case saga.StateScheduled:
		return pick[saga.Input](c, nil, saga.Tick{}, saga.Tick{}, saga.Cancel{By: "user-2"})
	case saga.StateVerifying:
		return pick[saga.Input](c, saga.Tick{}, c.verified(job, 1), c.verified(job, 0), c.verified(job, 0))
	case saga.StateFailed:
		return pick[saga.Input](c, nil, nil, saga.Replay{By: "user-2"})
	case saga.StateCompleted:
		return pick[saga.Input](c, nil, nil, nil, saga.Restored{By: "user-2", Participants: []events.Participant{"orders"}})
	case saga.StateDeleting:
		for _, step := range job.Steps {
			if step.State == saga.StepRequested && c.IntN(4) > 0 {
				return c.answered(job, step, at)
			}
		}
		return saga.Tick{}
	default:
		return nil
	}
}

func (c chance) answered(job saga.Job, step saga.Step, at time.Time) saga.Input {
	result := events.Result{TenantID: job.Tenant, ServiceName: step.Participant, JobID: job.ID, Generation: job.Generation,
		Attempt: step.Attempt, Success: c.IntN(4) > 0, Timestamp: at, DeletedCounts: map[string]int64{"rows": 3}}
	if !result.Success {
		result.Errors = []events.Problem{{Code: "database", Detail: "23503"}}
	}
	return saga.Answered{Result: result}
}

// verified are the counts of all participants but those that chance lets be silent.
func (c chance) verified(job saga.Job, rows int64) saga.Input {
	var in saga.Verified
	for _, step := range job.Steps {
		if c.IntN(8) > 0 {
			in.Previews = append(in.Previews, events.Preview{TenantID: job.Tenant, ServiceName: step.Participant,
				Counts: map[string]int64{"rows": rows}})
		}
	}
	return in
}

// filter sets up to three fields to what one of the jobs is, or nearly is.
func (c chance) filter(all []saga.Job) (f saga.Filter) {
	fields := []func(saga.Job){
		func(j saga.Job) { f.Tenant = pick(c, j.Tenant, "nobody") },
		func(j saga.Job) {
			f.States = append(f.States, j.State, pick(c, saga.StateFailed, saga.StateDeleting, j.State))
		},
		func(j saga.Job) { f.Source = j.Source },
		func(j saga.Job) { f.RequestID = j.RequestID },
		func(j saga.Job) { f.Since = c.near(j.SubmittedAt) },
		func(j saga.Job) { f.Until = c.near(j.SubmittedAt) },
		func(j saga.Job) { f.OverdueAt = c.near(j.Deadline) },
		func(j saga.Job) {
			if f.Blocked = saga.ReasonResidue; j.Blocked != nil {
				f.Blocked = j.Blocked.Code
			}
		},
		func(saga.Job) { f.FailedAt = pick[events.Participant](c, "orders", "pos", "tenants", "nobody") },
		func(j saga.Job) {
			f.ErasedBy = pick[events.Participant](c, "orders", "pos", "tenants", "nobody")
			if step, ok := j.Step(f.ErasedBy); ok && !step.FinishedAt.IsZero() {
				f.ErasedSince = pick(c, time.Time{}, c.near(step.FinishedAt))
			}
		},
		func(j saga.Job) { f.Before = pick(c, j.ID, events.NewJobID()) },
		func(saga.Job) { f.Limit = 1 + c.IntN(5) },
	}
	for range 1 + c.IntN(3) {
		fields[c.IntN(len(fields))](all[c.IntN(len(all))])
	}
	return f
}

// near is a time, or one as close to it as a clock can tell and a database cannot.
func (c chance) near(t time.Time) time.Time {
	return t.Add(pick(c, 0, time.Nanosecond, -time.Nanosecond, time.Microsecond, -time.Microsecond, time.Hour))
}
