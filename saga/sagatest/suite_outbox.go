package sagatest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// waitMax bounds what must happen at once; reaching it is a failure.
const waitMax = 10 * time.Second

var outboxClaims = []claim{
	{"messages are relayed in the order they were decided, once", func(f *fixture) {
		for n := range 5 {
			f.submit(submission(tenant(n)))
		}
		var want []string
		for n := range 5 {
			want = append(want, events.RequestedSubject(tenant(n)))
		}
		got := subjects(f.drain())
		f.that(slices.Equal(got, want), "%v comes in the order %v", got, want)
		f.that(len(f.drain()) == 0, "and never again")
	}},
	{"a relayed message decodes to its event", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		e, err := events.Decode(f.drain()[0])
		f.must(err)
		command, ok := e.Data.(*events.Command)
		f.that(ok && command.JobID == job.ID, "%+v is the command", e)
		f.that(e.ID == events.EventIDFor(job.ID, events.TypeRequested, "", 1, 1), "under its own id")
	}},
	{"an error of send sends everything again", func(f *fixture) {
		f.submit(submission("t1"), submission("t2"))
		broken := errors.New("broker down")
		sent, _, err := f.store.Relay(f.ctx, 10, func(context.Context, []events.Message) ([]int, error) { return nil, broken })
		f.is(err, broken)
		f.that(sent == 0 && len(f.drain()) == 2, "nothing counts as sent")
	}},
	{"what send reports as failed is sent again, and nothing else", func(f *fixture) {
		f.submit(submission("t1"), submission("t2"), submission("t3"))
		sent, more, err := f.store.Relay(f.ctx, 3, func(context.Context, []events.Message) ([]int, error) { return []int{1}, nil })
		f.must(err)
		f.that(sent == 2 && !more, "two of three are sent")
		f.that(slices.Equal(subjects(f.drain()), []string{"tenant.deletion.requested.t2"}), "the second comes again")
	}},
	{"a limit leaves the rest, and says so", func(f *fixture) {
		f.submit(submission("t1"), submission("t2"), submission("t3"))
		sent, more, err := f.store.Relay(f.ctx, 2, func(_ context.Context, unsent []events.Message) ([]int, error) { return nil, nil })
		f.must(err)
		f.that(sent == 2 && more && len(f.drain()) == 1, "two now, one later")
	}},
	{"a second relay passes over what the first has in hand", func(f *fixture) {
		f.submit(submission("t1"), submission("t2"), submission("t3"))
		var second []events.Message
		_, _, err := f.store.Relay(f.ctx, 2, func(_ context.Context, first []events.Message) ([]int, error) {
			second = f.drain()
			f.that(len(first) == 2, "the first has two")
			return nil, nil
		})
		f.must(err)
		f.that(slices.Equal(subjects(second), []string{"tenant.deletion.requested.t3"}), "the second gets %v", subjects(second))
		f.that(len(f.drain()) == 0, "nothing is left")
	}},
	{"a commit with events ends a wait, time and again", func(f *fixture) {
		ctx, cancel := context.WithTimeout(f.ctx, waitMax)
		defer cancel()
		for n := range 5 {
			var wg sync.WaitGroup
			wg.Go(func() { f.submit(submission(tenant(n))) })
			for len(f.drain()) == 0 {
				f.must(f.store.Wait(ctx))
			}
			wg.Wait()
		}
	}},
	{"a wait ends with its context", func(f *fixture) {
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		for f.store.Wait(ctx) == nil { // it may return early, but must end
		}
	}},
	{"a roster is set as a whole and read in order", func(f *fixture) {
		orders, sales := saga.RosterEntry{Participant: "orders", Wave: 1}, saga.RosterEntry{Participant: "sales", Wave: 1}
		tenants := saga.RosterEntry{Participant: "tenants", Wave: 2}
		f.must(f.store.SetRoster(f.ctx, []saga.RosterEntry{tenants, sales, orders}))
		got, err := f.store.Roster(f.ctx)
		f.must(err)
		f.that(slices.Equal(got, []saga.RosterEntry{orders, sales, tenants}), "%v is by wave, then name", got)
		f.is(f.store.SetRoster(f.ctx, []saga.RosterEntry{orders, sales, orders}), events.ErrInvalid)
	}},
}

var dueClaims = []claim{
	{"a due job is claimed once for the length of the lease", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		due, next, err := f.store.Due(f.ctx, job.WakeAt.Add(-time.Second), time.Minute, 10)
		f.must(err)
		f.that(len(due) == 0 && next.Equal(job.WakeAt), "not before its time: %v, next %v", due, next)
		due, next, err = f.store.Due(f.ctx, job.WakeAt, time.Minute, 10)
		f.must(err)
		f.that(slices.Equal(due, []events.JobID{job.ID}) && next.Equal(job.WakeAt.Add(time.Minute)), "%v, next %v", due, next)
		due, _, err = f.store.Due(f.ctx, job.WakeAt, time.Minute, 10)
		f.must(err)
		f.that(len(due) == 0, "claimed: %v", due)
		due, _, err = f.store.Due(f.ctx, job.WakeAt.Add(time.Minute), time.Minute, 10)
		f.must(err)
		f.that(len(due) == 1, "and free again after the lease: %v", due)
	}},
	{"a decision ends the lease", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		_, _, err := f.store.Due(f.ctx, job.WakeAt, time.Hour, 10)
		f.must(err)
		f.one(input(job.ID, saga.Tick{}, job.WakeAt))
		f.that(f.read(job.ID).WakeAt.Before(job.WakeAt.Add(time.Hour)), "it wakes when its patience ends")
	}},
	{"a limit leaves the rest due at once", func(f *fixture) {
		jobs := f.submit(submission("t1"), submission("t2"), submission("t3"))
		at := jobs[0].WakeAt
		due, next, err := f.store.Due(f.ctx, at, time.Minute, 2)
		f.must(err)
		f.that(len(due) == 2 && !next.After(at), "two of three, next %v", next)
		due, _, err = f.store.Due(f.ctx, at, time.Minute, 2)
		f.must(err)
		f.that(len(due) == 1, "then the last")
	}},
	{"jobs that wait for a person, and ended ones, are never due", func(f *fixture) {
		f.complete(f.submit(submission("t1"))[0])
		awaiting := submission("t2")
		awaiting.Policy.Approval = true
		f.submit(awaiting)
		due, next, err := f.store.Due(f.ctx, epoch.AddDate(1, 0, 0), time.Minute, 10)
		f.must(err)
		f.that(len(due) == 0 && next.IsZero(), "%v, next %v", due, next)
	}},
	{"replicas never claim the same job", func(f *fixture) {
		const replicas, jobs, rounds = 4, 50, 20
		for n := range jobs {
			f.submit(submission(tenant(n)))
		}
		for round := range rounds {
			at, claimed := epoch.Add(time.Duration(round+1)*time.Hour), make([][]events.JobID, replicas)
			f.together(replicas, func(replica int) error {
				due, _, err := f.store.Due(f.ctx, at, time.Minute, jobs)
				claimed[replica] = due
				return err
			})
			all := slices.Concat(claimed...)
			slices.Sort(all)
			f.that(len(all) == jobs && len(slices.Compact(all)) == jobs, "%d jobs are claimed once each, not %d", jobs, len(all))
		}
	}},
}

// together runs n functions at once and reports their errors.
func (f *fixture) together(n int, do func(i int) error) {
	f.Helper()
	var wg sync.WaitGroup
	errs, start := make([]error, n), make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			if err := do(i); err != nil {
				errs[i] = fmt.Errorf("%d of %d: %w", i, n, err)
			}
		})
	}
	close(start)
	wg.Wait()
	f.must(errors.Join(errs...))
}
