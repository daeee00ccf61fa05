package sagatest

import (
	"math"
	"reflect"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

var historyClaims = []claim{
	{"the history has a line for every version, as it was decided", func(f *fixture) {
		asked := submission("t1")
		asked.Policy = saga.Policy{Approval: true, Grace: time.Minute}
		outcomes, err := f.store.Submit(f.ctx, epoch, asked)
		f.must(err)
		want := []saga.Entry{outcomes[0].Decision.Entry}
		job := outcomes[0].Decision.Job
		failed := events.Result{TenantID: job.Tenant, ServiceName: "orders", JobID: job.ID, Generation: 1, Attempt: 1,
			Errors: []events.Problem{{Code: "database", Detail: "23503\x00"}}, Timestamp: epoch}
		for i, in := range []saga.Input{
			saga.Approve{By: "user-2"}, saga.Tick{}, saga.Answered{Result: failed}, saga.Lost{},
			saga.Replay{By: "user-3", Participants: []events.Participant{"orders"}, Origin: saga.OriginStream},
		} {
			o := f.one(input(job.ID, in, epoch.Add(time.Duration(i+1)*time.Hour)))
			f.must(o.Err)
			if o.Decision.Changed {
				want = append(want, o.Decision.Entry)
			}
		}
		got := f.history(job.ID)
		f.that(len(got) >= 5 && reflect.DeepEqual(got, want), "the history is\n%+v\nwant\n%+v", got, want)
		f.that(got[0].By == "user-1" && got[1].By == "user-2" && got[len(got)-1].By == "user-3", "and says who decided")
		f.gapless(f.read(job.ID))
	}},
	{"several changes of a batch are a line each", func(f *fixture) {
		jobs := f.submit(submission("t1"), submission("t2"))
		for _, job := range jobs {
			f.complete(job)
		}
		for _, job := range jobs {
			f.gapless(f.read(job.ID))
			f.that(f.history(job.ID)[4].Kind == "verified", "the last one proves it gone")
		}
	}},
	{"what is refused or changes nothing is no line", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		f.one(input(job.ID, saga.Tick{}, epoch))
		f.is(f.one(input(job.ID, saga.Cancel{By: "user-2"}, epoch)).Err, saga.ErrPastPivot)
		f.must(f.one(success(job, "orders")).Err)
		f.that(f.one(success(job, "orders")).Duplicate, "a repeated event")
		outcomes, err := f.store.Submit(f.ctx, epoch, submission("t1"), conflicting("t2", "t1"))
		f.must(err)
		f.that(outcomes[0].Existing, "a repeated request")
		f.is(outcomes[1].Err, saga.ErrConflict)
		f.that(len(f.history(job.ID)) == 2, "the job was submitted and answered once: %+v", f.history(job.ID))
	}},
	{"a history is read page by page", func(f *fixture) {
		job := f.complete(f.submit(submission("t1"))[0])
		all := f.history(job.ID)
		f.that(len(all) == 5, "%d lines", len(all))
		var paged []saga.Entry
		for after := int64(0); ; after = paged[len(paged)-1].Number {
			page, err := f.store.History(f.ctx, job.ID, after, 2)
			f.must(err)
			if len(page) == 0 {
				break
			}
			paged = append(paged, page...)
			f.that(len(page) <= 2 && len(paged) <= len(all), "a page holds %d, all pages %d", len(page), len(paged))
		}
		f.that(reflect.DeepEqual(paged, all), "the pages are the whole")
		for _, after := range []int64{5, 6, math.MaxInt64} {
			rest, err := f.store.History(f.ctx, job.ID, after, 0)
			f.must(err)
			f.that(len(rest) == 0, "nothing comes after %d: %+v", after, rest)
		}
	}},
	{"a job that is not there has no history", func(f *fixture) {
		f.submit(submission("t1"))
		for _, id := range []events.JobID{events.NewJobID(), "", "no such'id\x00"} {
			f.that(len(f.history(id)) == 0, "%q has none", id)
		}
	}},
	{"a refused job has one line, which says why", func(f *fixture) {
		f.submit(submission("t1"))
		job := f.submit(detached(conflicting("t2", "t1")))[0]
		lines := f.history(job.ID)
		f.that(len(lines) == 1 && lines[0].Reason == saga.ReasonConflict && lines[0].State == saga.StateRefused, "%+v", lines)
		f.that(reflect.DeepEqual(lines[0].Sent, []events.Type{events.TypeFailed}), "%+v says what was sent", lines[0])
	}},
	{"replicas that change a job at once write one history without gaps", func(f *fixture) {
		const replicas = 4
		job := f.submit(submission("t1"))[0]
		f.together(replicas, func(replica int) error {
			p := []events.Participant{"orders", "pos"}[replica%2]
			_, err := f.store.Update(f.ctx, success(job, p))
			return err
		})
		f.gapless(f.read(job.ID))
	}},
}

func (f *fixture) history(id events.JobID) []saga.Entry {
	f.Helper()
	entries, err := f.store.History(f.ctx, id, 0, 0)
	f.must(err)
	return entries
}

// gapless holds a job's history against its versions.
func (f *fixture) gapless(job saga.Job) {
	f.Helper()
	entries := f.history(job.ID)
	f.that(int64(len(entries)) == job.Version, "%d lines for version %d", len(entries), job.Version)
	for i, e := range entries {
		f.that(e.Job == job.ID && e.Number == int64(i+1), "line %d is %d of %s", i+1, e.Number, e.Job)
	}
	f.that(entries[len(entries)-1].State == job.State, "the last line leaves the job %s", job.State)
}
