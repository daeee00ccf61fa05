package sagatest

import (
	"reflect"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

var conflictClaims = []claim{
	{"a request id with another content is a conflict, and alone is refused", func(f *fixture) {
		f.submit(submission("t1"))
		outcomes, err := f.store.Submit(f.ctx, epoch, conflicting("t2", "t1"), submission("t3"))
		f.must(err)
		f.is(outcomes[0].Err, saga.ErrConflict)
		f.that(outcomes[1].Err == nil && outcomes[1].Decision.Changed, "its neighbour makes a job")
		f.that(len(f.list(saga.Filter{Tenant: "t2"})) == 0, "an asker that waits for the answer leaves no job")
	}},
	{"a conflict that nobody waits for is a refused job, on the record", func(f *fixture) {
		made := f.submit(submission("t1"))[0]
		f.drain()
		refused := f.submit(detached(conflicting("t2", "t1")))[0]
		f.that(refused.State == saga.StateRefused && refused.Cause == saga.ReasonConflict, "%+v is refused", refused)
		f.that(reflect.DeepEqual(f.list(saga.Filter{Tenant: "t2"}), []saga.Job{refused}), "the list has it as it was decided")
		byRequest := f.list(saga.Filter{RequestID: made.RequestID, Source: made.Source})
		f.that(len(byRequest) == 2 && byRequest[0].ID == refused.ID && byRequest[1].ID == made.ID, "the request id names both")
		sent := f.drain()
		f.that(len(sent) == 1 && sent[0].Subject == "tenant.deletion.failed.t2", "the asker hears of it: %v", subjects(sent))
		e, err := events.Decode(sent[0])
		f.must(err)
		outcome, ok := e.Data.(*events.Outcome)
		f.that(ok && outcome.JobID == refused.ID && outcome.Reason == saga.ReasonConflict, "%+v says why", e.Data)
		f.that(outcome.RequestID == made.RequestID && outcome.Source == made.Source, "%+v says which request", outcome)
		f.that(reflect.DeepEqual(f.read(made.ID), made), "the job that was there is as it was")
	}},
	{"a conflict that comes again is the same refused job", func(f *fixture) {
		f.submit(submission("t1"))
		conflict := detached(conflicting("t2", "t1"))
		refused := f.submit(conflict)[0]
		for _, inbox := range []events.EventID{conflict.Inbox, "another-event", ""} {
			conflict.Inbox = inbox
			outcomes, err := f.store.Submit(f.ctx, epoch, conflict)
			f.must(err)
			o := outcomes[0]
			f.that(o.Err == nil && o.Existing && o.Decision.Job.ID == refused.ID, "%+v is the refused job", o)
		}
		other := conflict
		other.Submitted.Reason, other.Inbox = "another_reason", "a third content"
		third := f.submit(other)[0]
		f.that(third.ID != refused.ID && third.Generation == refused.Generation+1, "a third content is refused on its own")
		conflict.Inbox = "a fourth event"
		outcomes, err := f.store.Submit(f.ctx, epoch, conflict)
		f.must(err)
		f.that(outcomes[0].Existing && outcomes[0].Decision.Job.ID == refused.ID, "the first stays what it is: %+v", outcomes[0])
		f.that(len(f.list(saga.Filter{RequestID: third.RequestID})) == 3, "three contents, three jobs")
	}},
	{"a conflict about a tenant with an active job leaves it the active one", func(f *fixture) {
		jobs := f.submit(submission("t1"), submission("t2"))
		conflict := submission("t2")
		conflict.Submitted.RequestID = submission("t1").Submitted.RequestID
		conflict.Inbox = "another-event"
		refused := f.submit(detached(conflict))[0]
		f.that(refused.Generation == jobs[1].Generation+1, "generation %d is the refused job's", refused.Generation)
		outcomes, err := f.store.Submit(f.ctx, epoch, again(submission("t2")))
		f.must(err)
		f.that(outcomes[0].Existing && outcomes[0].Decision.Job.ID == jobs[1].ID, "%+v is the active job", outcomes[0])
		f.complete(jobs[1])
		next := again(submission("t2"))
		next.Submitted.RequestID += "-and-again"
		next.Inbox = next.Submitted.EventID()
		f.that(f.submit(next)[0].Generation == refused.Generation+1, "the next one follows the newest")
	}},
	{"a batch that brings a request id with two contents makes one job and one conflict", func(f *fixture) {
		outcomes, err := f.store.Submit(f.ctx, epoch, submission("t1"), detached(conflicting("t2", "t1")), conflicting("t3", "t1"))
		f.must(err)
		f.that(outcomes[0].Decision.Job.Cause == "" && outcomes[1].Decision.Job.Cause == saga.ReasonConflict, "the first is the job")
		f.is(outcomes[2].Err, saga.ErrConflict)
		f.that(f.read(outcomes[1].Decision.Job.ID).State == saga.StateRefused, "the second is refused")
	}},
	{"replicas that bring a request id with different contents at once make one job", func(f *fixture) {
		const replicas, requests = 4, 10
		for n := range requests {
			found := make([]saga.Outcome, replicas)
			f.together(replicas, func(replica int) error {
				s := detached(conflicting(tenant(n*replicas+replica%2), tenant(n))) // two of each content
				s.Inbox = ""
				outcomes, err := f.store.Submit(f.ctx, epoch, s)
				if err == nil {
					found[replica], err = outcomes[0], outcomes[0].Err
				}
				return err
			})
			made := f.list(saga.Filter{RequestID: submission(tenant(n)).Submitted.RequestID})
			f.that(len(made) == 2, "two contents are two jobs, not %d", len(made))
			refused := 0
			for _, job := range made {
				if job.Cause == saga.ReasonConflict {
					refused++
				}
			}
			f.that(refused == 1, "one of them is refused, not %d", refused)
			for i := range found {
				same := found[i%2].Decision.Job.ID == found[i].Decision.Job.ID
				f.that(same, "%+v is the job of its content", found[i])
			}
		}
	}},
}

// conflicting asks for a tenant under the request id that another one was asked for with.
func conflicting(tenant, other events.TenantID) saga.Submission {
	s := submission(tenant)
	s.Submitted.RequestID = submission(other).Submitted.RequestID
	s.Inbox = events.EventID("event-" + tenant)
	return s
}

func detached(s saga.Submission) saga.Submission {
	s.Detached = true
	return s
}

func (f *fixture) list(filter saga.Filter) []saga.Job {
	f.Helper()
	jobs, err := f.store.Jobs(f.ctx, filter)
	f.must(err)
	return jobs
}
