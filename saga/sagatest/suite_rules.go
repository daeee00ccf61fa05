package sagatest

import (
	"errors"
	"reflect"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

var ruleClaims = []claim{
	{"a request that the rules refuse leaves no job when its asker waits, and its neighbour makes one", func(f *fixture) {
		outcomes, err := f.store.Submit(f.ctx, epoch, against(submission("t1")), submission("t2"))
		f.must(err)
		var refused *saga.RefusedError
		f.that(errors.As(outcomes[0].Err, &refused) && refused.Code == saga.ReasonOtherAdmins, "%v says why", outcomes[0].Err)
		f.that(outcomes[1].Err == nil && outcomes[1].Decision.Changed, "its neighbour makes a job")
		f.that(len(f.list(saga.Filter{Tenant: "t1"})) == 0, "no job is left")
		f.that(f.submit(submission("t1"))[0].State != saga.StateRefused, "what was refused did not count: it may be asked again")
	}},
	{"a request that the rules refuse is a refused job when nobody waits, and its event says why", func(f *fixture) {
		refused := f.submit(detached(against(submission("t1"))))[0]
		f.that(refused.State == saga.StateRefused && refused.Cause == saga.ReasonOtherAdmins, "%+v is refused", refused)
		f.that(reflect.DeepEqual(f.list(saga.Filter{Tenant: "t1"}), []saga.Job{refused}), "the list has it as it was decided")
		sent := f.drain()
		f.that(len(sent) == 1 && sent[0].Subject == "tenant.deletion.failed.t1", "the asker hears of it: %v", subjects(sent))
		e, err := events.Decode(sent[0])
		f.must(err)
		outcome, ok := e.Data.(*events.Outcome)
		f.that(ok && outcome.State == string(saga.StateRefused) && outcome.Reason == saga.ReasonOtherAdmins, "%+v says why", e.Data)
		repeat, err := f.store.Submit(f.ctx, epoch, detached(submission("t1")))
		f.must(err)
		f.that(repeat[0].Existing && repeat[0].Decision.Job.ID == refused.ID, "the same request is the same job: %+v", repeat[0])
	}},
	{"a request that the rules refuse does not join the tenant's job", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		other := submission("t1")
		other.Submitted.RequestID, other.Inbox = "another", "another-event"
		outcomes, err := f.store.Submit(f.ctx, epoch, against(other))
		f.must(err)
		f.that(outcomes[0].Err != nil, "%+v is refused", outcomes[0])
		refused := f.submit(detached(against(other)))[0]
		f.that(refused.ID != job.ID && refused.State == saga.StateRefused, "%+v is another job", refused)
		f.that(reflect.DeepEqual(f.read(job.ID), job), "the job that was there is as it was")
	}},
	{"a repeat yields the job that is there, whatever the rules say now", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		joined := submission("t1")
		joined.Submitted.RequestID, joined.Inbox = "joined", "joined-event"
		outcomes, err := f.store.Submit(f.ctx, epoch, joined)
		f.must(err)
		f.that(outcomes[0].Existing && outcomes[0].Decision.Job.ID == job.ID, "%+v joined", outcomes[0])
		repeats := func(stage string) {
			for _, s := range []saga.Submission{against(submission("t1")), against(joined), detached(against(joined))} {
				outcomes, err := f.store.Submit(f.ctx, epoch, s)
				f.must(err)
				o := outcomes[0]
				f.that(o.Err == nil && o.Existing && o.Decision.Job.ID == job.ID, "%s: %+v is the job", stage, o)
			}
		}
		repeats("while it runs")
		f.complete(job)
		repeats("after its end")
	}},
}

// against is the submission, refused by the rules.
func against(s saga.Submission) saga.Submission {
	s.Refused = &saga.RefusedError{Code: saga.ReasonOtherAdmins}
	return s
}
