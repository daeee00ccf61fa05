package sagatest

import (
	"reflect"
	"slices"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// restoredAt is when backups are restored: long after the jobs have ended.
var restoredAt = epoch.Add(24 * time.Hour)

var restoredClaims = []claim{
	{"a completed job whose participant was restored is open again, and keeps both passes", func(f *fixture) {
		job := f.complete(f.submit(submission("t1"))[0])
		first, _ := job.Step("orders")
		f.drain()
		o := f.one(restored(job))
		f.must(o.Err)
		open := f.read(job.ID)
		f.that(reflect.DeepEqual(open, o.Decision.Job), "it reads back as it was decided:\n%+v\n%+v", open, o.Decision.Job)
		f.that(open.State == saga.StateDeleting && open.Round == 2 && open.Deadline.After(job.Deadline), "%+v is round two", open)
		step, _ := open.Step("orders")
		f.that(len(step.Earlier) == 1 && reflect.DeepEqual(step.Earlier[0].Counts, first.Counts), "%+v has both passes", step)
		f.that(slices.Equal(subjects(f.drain()), []string{"tenant.deletion.replayed.orders.t1"}), "only orders is asked again")
		f.that(f.list(saga.Filter{States: []saga.State{saga.StateDeleting}})[0].ID == job.ID, "it is listed among the open ones")
		due, _, err := f.store.Due(f.ctx, open.WakeAt, time.Minute, 10)
		f.must(err)
		f.that(slices.Equal(due, []events.JobID{job.ID}), "and wakes: %v", due)
	}},
	{"a second completion has its own tenant.deleted", func(f *fixture) {
		job := f.complete(f.submit(submission("t1"))[0])
		f.must(f.one(restored(job)).Err)
		ended := f.completeAgain(job)
		step, _ := ended.Step("orders")
		f.that(ended.Round == 2 && len(step.Earlier) == 1 && ended.Total() == 9, "%+v is what round two deleted", step)
		var announced []events.Event
		for _, m := range f.drain() {
			e, err := events.Decode(m)
			f.must(err)
			if e.Type == events.TypeDeleted {
				announced = append(announced, e)
			}
		}
		f.that(len(announced) == 2 && announced[0].ID != announced[1].ID, "%+v are two events", announced)
		second, ok := announced[1].Data.(*events.Deleted)
		f.that(ok && second.Round == 2 && len(second.Earlier) == 1, "%+v tells of both passes", announced[1].Data)
	}},
	{"a job is not opened again beside a newer one of its tenant", func(f *fixture) {
		old := f.complete(f.submit(submission("t1"))[0])
		newer := f.submit(again(submission("t1")))[0]
		f.drain()
		reopen := restored(old)
		reopen.Inbox = "restored-event"
		outcomes, err := f.store.Update(f.ctx, reopen, success(newer, "orders"))
		f.must(err)
		f.is(outcomes[0].Err, saga.ErrState)
		f.that(outcomes[1].Err == nil && outcomes[1].Decision.Changed, "its neighbour is saved")
		f.that(reflect.DeepEqual(f.read(old.ID), old) && len(f.drain()) == 0, "nothing has changed, nobody is told")
		f.that(int64(len(f.history(old.ID))) == old.Version, "and the history says nothing")
		outcomes, err = f.store.Update(f.ctx, success(newer, "pos"), success(newer, "tenants"), proven(newer, epoch.Add(2*time.Second)))
		f.must(err)
		f.that(outcomes[2].Decision.Job.State == saga.StateCompleted, "the newer one ends")
		o := f.one(reopen)
		f.that(o.Err == nil && o.Decision.Changed, "then the old one opens, and its event counts: %v", o.Err)
	}},
	{"a batch that ends the newer job opens the old one", func(f *fixture) {
		old := f.complete(f.submit(submission("t1"))[0])
		newer := f.submit(again(submission("t1")))[0]
		outcomes, err := f.store.Update(f.ctx, success(newer, "orders"), success(newer, "pos"), success(newer, "tenants"),
			proven(newer, epoch.Add(2*time.Second)), restored(old))
		f.must(err)
		for _, o := range outcomes {
			f.must(o.Err)
		}
		f.that(f.read(newer.ID).State == saga.StateCompleted && f.read(old.ID).State == saga.StateDeleting, "one is active")
	}},
	{"a reopening and a new submission at once leave one active job", func(f *fixture) {
		const tenants = 20
		for n := range tenants {
			old := f.complete(f.submit(submission(tenant(n)))[0])
			errs := make([]error, 2)
			f.together(2, func(i int) error {
				if i == 0 {
					outcomes, err := f.store.Submit(f.ctx, restoredAt, again(submission(tenant(n))))
					if err == nil {
						errs[0] = outcomes[0].Err
					}
					return err
				}
				outcomes, err := f.store.Update(f.ctx, restored(old))
				if err == nil {
					errs[1] = outcomes[0].Err
				}
				return err
			})
			f.must(errs[0])
			active := f.list(saga.Filter{Tenant: tenant(n), States: []saga.State{saga.StateDeleting}})
			f.that(len(active) == 1, "%d active jobs", len(active))
			if f.read(old.ID).State == saga.StateCompleted {
				f.is(errs[1], saga.ErrState)
			}
		}
	}},
}

// restored says that orders came back from a backup.
func restored(job saga.Job) saga.Change {
	in := saga.Restored{By: "user-2", Participants: []events.Participant{"orders"}, Origin: saga.OriginStore}
	return input(job.ID, in, restoredAt)
}

// completeAgain takes a job that was opened for orders to its end.
func (f *fixture) completeAgain(job saga.Job) saga.Job {
	f.Helper()
	step, _ := f.read(job.ID).Step("orders")
	outcomes, err := f.store.Update(f.ctx, answer(job, "orders", step.Attempt, restoredAt.Add(time.Second)),
		proven(job, restoredAt.Add(time.Minute)))
	f.must(err)
	for _, o := range outcomes {
		f.must(o.Err)
	}
	return f.read(job.ID)
}
