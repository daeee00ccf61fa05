package sagatest

import (
	"slices"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

var listClaims = []claim{
	{"jobs are listed newest first, by tenant, by state, and page by page", func(f *fixture) {
		jobs := f.submit(submission("t1"), submission("t2"), submission("t3"))
		f.complete(jobs[1])
		for _, c := range []struct {
			filter saga.Filter
			want   []events.JobID
		}{
			{saga.Filter{}, []events.JobID{jobs[2].ID, jobs[1].ID, jobs[0].ID}},
			{saga.Filter{Tenant: "t2"}, []events.JobID{jobs[1].ID}},
			{saga.Filter{States: []saga.State{saga.StateDeleting, saga.StateFailed}}, []events.JobID{jobs[2].ID, jobs[0].ID}},
			{saga.Filter{Limit: 1}, []events.JobID{jobs[2].ID}},
			{saga.Filter{Before: jobs[2].ID, Limit: 1}, []events.JobID{jobs[1].ID}},
			{saga.Filter{Tenant: "nobody"}, nil},
		} {
			found, err := f.store.Jobs(f.ctx, c.filter)
			f.must(err)
			var got []events.JobID
			for _, job := range found {
				got = append(got, job.ID)
				f.that(len(job.Steps) == 3, "with its steps")
			}
			f.that(slices.Equal(got, c.want), "%+v lists %v, want %v", c.filter, got, c.want)
		}
	}},
	{"a job that does not exist is not found", func(f *fixture) {
		for _, id := range []events.JobID{events.NewJobID(), "", "no such'id"} {
			_, err := f.store.Job(f.ctx, id)
			f.is(err, saga.ErrNotFound)
		}
	}},
	{"a list holds what its filter matches, on random jobs", proveFilters},
	{"a page begins before a job's id, or is refused", func(f *fixture) {
		for _, id := range []events.JobID{"yesterday", "' or true", "\x00"} {
			_, err := f.store.Jobs(f.ctx, saga.Filter{Before: id})
			f.is(err, events.ErrInvalid)
		}
	}},
	{"a filter that says what no job can be lists none", func(f *fixture) {
		f.submit(submission("t1"))
		for _, none := range []saga.Filter{
			{Tenant: "t1\x00"}, {Source: "tenants\x00"}, {RequestID: "delete-t1\x00"}, {Blocked: "\xff"}, {ErasedBy: "or'ders"},
			{FailedAt: "orders", States: []saga.State{saga.StateCompleted}}, {States: []saga.State{"no such'state"}},
		} {
			f.that(len(f.list(none)) == 0, "%+v lists none", none)
		}
	}},
}
