package sagatest

import (
	"errors"
	"reflect"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

var submitClaims = []claim{
	{"a submission makes a job that reads back as it was decided", func(f *fixture) {
		asked, later := submission("t1"), epoch.Add(time.Hour)
		asked.Submitted.NotBefore = &later
		asked.Policy = saga.Policy{Approval: true, Grace: time.Minute, AttemptsMax: 3}
		job := f.submit(asked)[0]
		f.that(reflect.DeepEqual(f.read(job.ID), job), "%+v reads back as %+v", job, f.read(job.ID))
	}},
	{"outcomes come in the order of the submissions", func(f *fixture) {
		for i, job := range f.submit(submission("zebra"), submission("ant"), submission("mole")) {
			f.that(job.Tenant == []events.TenantID{"zebra", "ant", "mole"}[i], "outcome %d is about %s", i, job.Tenant)
		}
	}},
	{"the same request again is the same job", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		for _, inbox := range []events.EventID{submission("t1").Inbox, "another-event", ""} {
			repeat := submission("t1")
			repeat.Inbox = inbox
			outcomes, err := f.store.Submit(f.ctx, epoch, repeat)
			f.must(err)
			o := outcomes[0]
			f.that(o.Err == nil && o.Existing && !o.Decision.Changed && o.Decision.Job.ID == job.ID, "%+v is the job", o)
		}
		f.that(len(f.drain()) == 1, "only one command is sent")
	}},
	{"another request for a tenant with an active job is that job", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		outcomes, err := f.store.Submit(f.ctx, epoch, again(submission("t1")))
		f.must(err)
		f.that(outcomes[0].Existing && outcomes[0].Decision.Job.ID == job.ID, "%+v is the active job", outcomes[0])
	}},
	{"a batch that names a tenant twice makes one job", func(f *fixture) {
		outcomes, err := f.store.Submit(f.ctx, epoch, submission("t1"), again(submission("t1")), submission("t1"))
		f.must(err)
		id := outcomes[0].Decision.Job.ID
		f.that(!outcomes[0].Existing && outcomes[1].Existing && outcomes[2].Existing, "the first makes it")
		f.that(outcomes[1].Decision.Job.ID == id && outcomes[2].Decision.Job.ID == id, "the others find it")
	}},
	{"a tenant that is asked for again after its end gets the next generation", func(f *fixture) {
		first := f.complete(f.submit(submission("t1"))[0])
		second := f.submit(again(submission("t1")))[0]
		f.that(first.State == saga.StateCompleted && second.ID != first.ID, "it is a new job")
		f.that(second.Generation == first.Generation+1, "generation %d follows %d", second.Generation, first.Generation)
	}},
	{"a submission that is not well-formed is refused alone", func(f *fixture) {
		bad := submission("t1")
		bad.Submitted.TenantID, bad.Submitted.RequestID = "t1\x00 or 1=1", "'; drop table jobs; --\x00"
		outcomes, err := f.store.Submit(f.ctx, epoch, bad, submission("t2"))
		f.must(err)
		f.is(outcomes[0].Err, events.ErrInvalid)
		f.that(outcomes[1].Err == nil && outcomes[1].Decision.Changed, "its neighbour makes a job")
	}},
	{"jobs freeze the roster they were made with", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		f.must(f.store.SetRoster(f.ctx, []saga.RosterEntry{{Participant: "loyalty", Wave: 1}}))
		f.that(len(f.read(job.ID).Steps) == 3 && len(f.submit(submission("t2"))[0].Steps) == 1, "the old one keeps its three steps")
	}},
	{"a store without a roster refuses the job, on the record", func(f *fixture) {
		f.must(f.store.SetRoster(f.ctx, nil))
		job := f.submit(submission("t1"))[0]
		f.that(f.read(job.ID).State == saga.StateRefused, "%s is refused", job.State)
		f.that(subjects(f.drain())[0] == "tenant.deletion.failed.t1", "the asker hears of it")
	}},
}

var updateClaims = []claim{
	{"a job runs from the first command to tenant.deleted", func(f *fixture) {
		job := f.complete(f.submit(submission("t1"))[0])
		f.that(job.State == saga.StateCompleted && job.Total() == 9, "%s with %d rows", job.State, job.Total())
		f.that(reflect.DeepEqual(subjects(f.drain()), []string{
			"tenant.deletion.requested.t1", "tenant.deletion.requested.t1", "tenant.deleted.t1",
		}), "one event per wave, and one at the end")
	}},
	{"every field of a job and its steps survives", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		failure := events.Result{TenantID: job.Tenant, ServiceName: "orders", JobID: job.ID, Generation: 1, Attempt: 1,
			Errors: []events.Problem{{Code: "database", Detail: "23503 on \"orders\"\x00"}}, Timestamp: epoch}
		outcomes, err := f.store.Update(f.ctx, success(job, "pos"), input(job.ID, saga.Answered{Result: failure}, epoch))
		f.must(err)
		f.that(reflect.DeepEqual(f.read(job.ID), outcomes[1].Decision.Job), "the failed job reads back:\n%+v\n%+v",
			f.read(job.ID), outcomes[1].Decision.Job)
		residue := events.Preview{TenantID: job.Tenant, ServiceName: "pos", Counts: map[string]int64{"pos": 2}}
		outcomes, err = f.store.Update(f.ctx, input(job.ID, saga.Replay{By: "user-2"}, epoch), success(job, "orders"),
			success(job, "tenants"), input(job.ID, saga.Verified{Previews: []events.Preview{residue}}, epoch))
		f.must(err)
		f.that(outcomes[3].Decision.Job.Steps[1].EraseAgain, "residue asks for another pass")
		f.that(reflect.DeepEqual(f.read(job.ID), outcomes[3].Decision.Job), "the residue reads back")
	}},
	{"an event counts once", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		f.that(f.one(success(job, "orders")).Decision.Changed, "the first time counts")
		o := f.one(success(job, "orders"))
		f.that(o.Duplicate && !o.Decision.Changed, "the second does not: %+v", o)
		outcomes, err := f.store.Update(f.ctx, success(job, "pos"), success(job, "pos"))
		f.must(err)
		f.that(!outcomes[0].Duplicate && outcomes[1].Duplicate, "not even within a batch")
	}},
	{"a refused change is refused alone, and does not count", func(f *fixture) {
		jobs := f.submit(submission("t1"), submission("t2"))
		refused := success(jobs[0], "orders")
		decide, failure := refused.Decide, errors.New("not now")
		refused.Decide = func(saga.Job) (saga.Decision, error) { return saga.Decision{}, failure }
		outcomes, err := f.store.Update(f.ctx, refused, success(jobs[1], "orders"), success(jobs[0], "pos"))
		f.must(err)
		f.is(outcomes[0].Err, failure)
		f.that(outcomes[1].Decision.Changed && outcomes[2].Decision.Changed, "its neighbours are saved")
		refused.Decide = decide
		f.that(f.one(refused).Decision.Changed, "and its event counts when it comes again")
	}},
	{"several changes of one job see each other", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		outcomes, err := f.store.Update(f.ctx, success(job, "orders"), success(job, "pos"), success(job, "tenants"),
			proven(job, epoch.Add(2*time.Second)))
		f.must(err)
		for i, state := range []saga.State{saga.StateDeleting, saga.StateDeleting, saga.StateVerifying, saga.StateCompleted} {
			f.that(outcomes[i].Decision.Job.State == state, "change %d leads to %s, not %s", i, state, outcomes[i].Decision.Job.State)
		}
		f.that(f.read(job.ID).Version == job.Version+4, "and each is a version")
	}},
	{"a change of a job that does not exist is refused alone", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		outcomes, err := f.store.Update(f.ctx, input(events.NewJobID(), saga.Tick{}, epoch),
			input("no such'id", saga.Tick{}, epoch), success(job, "orders"))
		f.must(err)
		f.is(outcomes[0].Err, saga.ErrNotFound)
		f.is(outcomes[1].Err, saga.ErrNotFound)
		f.that(outcomes[2].Decision.Changed, "its neighbour is saved")
	}},
	{"an unchanged decision saves and sends nothing", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		f.drain()
		o := f.one(input(job.ID, saga.Tick{}, epoch))
		f.that(!o.Decision.Changed && f.read(job.ID).Version == job.Version && len(f.drain()) == 0, "%+v changes nothing", o)
	}},
	{"an event id may hold anything", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		odd := success(job, "orders")
		odd.Inbox = "'\\ \x00 \xff ; --"
		f.that(f.one(odd).Decision.Changed && f.one(odd).Duplicate, "and counts once all the same")
	}},
}
