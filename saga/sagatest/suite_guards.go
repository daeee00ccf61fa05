package sagatest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

var guardClaims = []claim{
	{"a hold is kept until it is released, and then on the record", func(f *fixture) {
		first, second := f.hold("t1", "tax_audit"), f.hold("t1", "litigation")
		f.hold("t2", "tax_audit")
		f.that(second.ID > first.ID && first.ID > 0, "ids grow: %d, %d", first.ID, second.ID)
		want := hold("t1", "tax_audit")
		want.ID = first.ID
		f.that(reflect.DeepEqual(first, want), "%+v is as it was set", first)
		released, _, err := f.store.Release(f.ctx, "t1", first.ID, release)
		f.must(err)
		want.Released = &release
		f.that(reflect.DeepEqual(released, want), "%+v is as it was released", released)
		f.that(reflect.DeepEqual(f.holds(saga.HoldFilter{Tenant: "t1"}), []saga.Hold{second}), "one stands")
		f.that(reflect.DeepEqual(f.holds(saga.HoldFilter{Tenant: "t1", Released: true}), []saga.Hold{second, want}), "both are there")
		f.that(len(f.holds(saga.HoldFilter{})) == 2 && len(f.holds(saga.HoldFilter{Limit: 1})) == 1, "lists are bounded")
		f.that(reflect.DeepEqual(f.holds(saga.HoldFilter{Before: second.ID, Released: true}), []saga.Hold{want}), "pages go on")
		_, _, err = f.store.Release(f.ctx, "t1", first.ID, release)
		f.is(err, saga.ErrState)
		_, _, err = f.store.Release(f.ctx, "t2", second.ID, release)
		f.is(err, saga.ErrNotFound)
		for _, wrong := range []saga.Hold{{}, {Tenant: "t1", Code: "In prose", Reason: "r", By: "user-3"}, {Tenant: "t1", Code: "c",
			Reason: strings.Repeat("a", 201), By: "user-3"}, {Tenant: "a.b", Code: "c", Reason: "r", By: "user-3"}} {
			_, _, err = f.store.Hold(f.ctx, wrong)
			f.is(err, events.ErrInvalid)
		}
	}},
	{"a hold that stands stops a later job, and its release lets it go at once", func(f *fixture) {
		h := f.hold("t1", "tax_audit")
		jobs := f.submit(submission("t1"), submission("t2"))
		f.that(jobs[0].State == saga.StateScheduled && jobs[0].Blocked.Code == saga.ReasonHold, "%+v is held", jobs[0])
		f.that(jobs[1].State == saga.StateDeleting, "its neighbour is not")
		f.that(reflect.DeepEqual(f.read(jobs[0].ID), jobs[0]), "it is read as it was decided")
		f.drain()
		_, outcome, err := f.store.Release(f.ctx, "t1", h.ID, release)
		f.must(err)
		f.that(outcome.Decision.Changed && outcome.Decision.Job.State == saga.StateDeleting, "%+v goes on", outcome.Decision.Job)
		f.that(len(f.drain()) == 1 && f.read(jobs[0].ID).State == saga.StateDeleting, "its command is sent")
		history, err := f.store.History(f.ctx, jobs[0].ID, 1, 0)
		f.must(err)
		f.that(len(history) == 1 && history[0].Kind == "release" && history[0].By == release.By, "%+v says who let it go", history)
	}},
	{"a hold after the pivot is refused, and is not there", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		_, _, err := f.store.Hold(f.ctx, hold("t1", "tax_audit"))
		f.is(err, saga.ErrPastPivot)
		f.that(len(f.holds(saga.HoldFilter{Released: true})) == 0, "no hold is on the record")
		f.that(reflect.DeepEqual(f.read(job.ID), job), "the job is as it was")
		f.complete(job)
		f.hold("t1", "tax_audit")
		o := f.one(input(job.ID, saga.Restored{By: "user-2", Participants: []events.Participant{"orders"}}, epoch.Add(time.Hour)))
		f.is(o.Err, saga.ErrHeld)
	}},
	{"a preview is kept under its fingerprint, and a job keeps what it has confirmed", func(f *fixture) {
		seen := preview("t1", 100)
		_, err := f.store.Preview(f.ctx, seen.Fingerprint)
		f.is(err, saga.ErrNotFound)
		for range 2 {
			f.must(f.store.KeepPreview(f.ctx, seen))
		}
		kept, err := f.store.Preview(f.ctx, seen.Fingerprint)
		f.must(err)
		f.that(reflect.DeepEqual(kept, seen), "%+v is as it was counted", kept)
		_, err = f.store.Preview(f.ctx, "\x00")
		f.is(err, saga.ErrNotFound)
		s := submission("t1")
		s.Submitted.Preview, s.Preview, s.By, s.Policy.Grace = seen.Fingerprint, &seen, "service-1", time.Hour
		job := f.submit(s)[0]
		f.that(reflect.DeepEqual(job.Confirmed, &seen) && job.Preview == seen.Fingerprint && job.SubmittedBy == "service-1", "%+v", job)
		f.that(reflect.DeepEqual(f.read(job.ID), job), "it is read as it was decided")
		renewed := preview("t1", 120)
		o := f.one(input(job.ID, saga.Renew{By: "user-2", Preview: renewed}, epoch.Add(time.Minute)))
		f.must(o.Err)
		f.that(reflect.DeepEqual(f.read(job.ID).Confirmed, &renewed), "the newer one holds")
		outcomes, err := f.store.Submit(f.ctx, epoch, s)
		f.must(err)
		f.that(outcomes[0].Existing && outcomes[0].Decision.Job.ID == job.ID, "a repeat of the request is still one")
		s.Submitted.Preview = renewed.Fingerprint
		s.Inbox = "another-event"
		outcomes, err = f.store.Submit(f.ctx, epoch, s)
		f.must(err)
		f.is(outcomes[0].Err, saga.ErrConflict)
	}},
	{"a waiver is kept with its step, and announced with the end", func(f *fixture) {
		job := f.submit(submission("t1"))[0]
		f.must(f.one(success(job, "pos")).Err)
		late := input(job.ID, saga.Tick{}, epoch.Add(time.Hour))
		f.must(f.one(late).Err)
		waive := saga.Waive{By: "user-2", Participant: "orders", Reason: "gone for good"}
		o := f.one(input(job.ID, waive, epoch.Add(2*time.Hour)))
		f.must(o.Err)
		f.that(reflect.DeepEqual(f.read(job.ID), o.Decision.Job), "it is read as it was decided")
		f.drain()
		f.must(f.one(answer(job, "tenants", 1, epoch.Add(2*time.Hour))).Err)
		f.must(f.one(proven(job, epoch.Add(3*time.Hour))).Err)
		done := f.read(job.ID)
		f.that(done.State == saga.StateCompleted && reflect.DeepEqual(done.Waived(), []events.Participant{"orders"}), "%+v", done)
		sent := f.drain()
		e, err := events.Decode(sent[len(sent)-1])
		f.must(err)
		deleted, ok := e.Data.(*events.Deleted)
		f.that(ok && len(deleted.Waived) == 1 && deleted.Waived[0].ServiceName == "orders", "%+v names it", e.Data)
		f.that(len(deleted.DeletedCounts) == 2, "%+v counts the others", deleted.DeletedCounts)
	}},
	{"hold and pivot never both happen", proveHoldRace},
	{"nothing begins after a pause was set, whoever decides beside it", provePauseRace},
	{"a pause is there until it is ended, and the first one stands", func(f *fixture) {
		pause := saga.Pause{By: "user-3", Reason: "a wrong list", At: epoch}
		for range 2 {
			controls, err := f.store.SetPause(f.ctx, &pause)
			f.must(err)
			f.that(reflect.DeepEqual(controls.Pause, &saga.Pause{By: "user-3", Reason: "a wrong list", At: epoch}), "%+v", controls.Pause)
			pause.By = "user-4"
		}
		_, err := f.store.SetPause(f.ctx, &saga.Pause{By: "user-3"})
		f.is(err, events.ErrInvalid)
		for range 2 {
			controls, err := f.store.SetPause(f.ctx, nil)
			f.must(err)
			f.that(controls.Pause == nil, "%+v is over", controls.Pause)
		}
		controls, err := f.store.Controls(f.ctx)
		f.must(err)
		f.that(controls == saga.Controls{}, "%+v is as it was in the beginning", controls)
	}},
	{"the governor lets so many begin within an hour, in the order in which they came", proveGovernor},
	{"replicas that begin jobs at once stay below the governor's limit together", proveGovernorRace},
}

// preview is what somebody has seen of a tenant.
func preview(tenant events.TenantID, rows int64) saga.Preview {
	p, _ := saga.NewPreview(tenant, epoch, []events.Preview{{TenantID: tenant, ServiceName: "orders",
		Counts: map[string]int64{"rows": rows}}, {TenantID: tenant, ServiceName: "pos", Counts: map[string]int64{}},
		{TenantID: tenant, ServiceName: "tenants", Counts: map[string]int64{"rows": 1}}})
	return p
}

// release is how the suite ends holds.
var release = saga.Release{By: "user-4", Reason: "the audit is over", At: epoch.Add(time.Minute)}

func hold(tenant events.TenantID, code string) saga.Hold {
	return saga.Hold{Tenant: tenant, Code: code, Reason: "see the case", Reference: "2026/17", By: "user-3", At: epoch}
}

func (f *fixture) hold(tenant events.TenantID, code string) saga.Hold {
	f.Helper()
	h, _, err := f.store.Hold(f.ctx, hold(tenant, code))
	f.must(err)
	return h
}

func (f *fixture) holds(filter saga.HoldFilter) []saga.Hold {
	f.Helper()
	holds, err := f.store.Holds(f.ctx, filter)
	f.must(err)
	return holds
}

// scheduled are jobs whose grace is a minute.
func (f *fixture) scheduled(n int) []saga.Job {
	f.Helper()
	var submissions []saga.Submission
	for i := range n {
		s := submission(tenant(i))
		s.Policy.Grace = time.Minute
		submissions = append(submissions, s)
	}
	return f.submit(submissions...)
}

// proveHoldRace races a hold against the tick that pivots, many times over. Who comes first wins alone.
func proveHoldRace(f *fixture) {
	var mu sync.Mutex
	held := map[events.TenantID]bool{}
	for n, jobs := 0, f.scheduled(pivotRaces); n < len(jobs); n += 10 {
		chunk := jobs[n : n+10]
		f.together(2*len(chunk), func(i int) error {
			job := chunk[i/2]
			if i%2 == 0 {
				outcomes, err := f.store.Update(f.ctx, input(job.ID, saga.Tick{}, job.DueAt))
				if err == nil {
					err = outcomes[0].Err
				}
				return err
			}
			_, outcome, err := f.store.Hold(f.ctx, hold(job.Tenant, "tax_audit"))
			if errors.Is(err, saga.ErrPastPivot) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			held[job.Tenant] = err == nil && outcome.Decision.Job.Blocked.Code == saga.ReasonHold
			return err
		})
	}
	wins := map[bool]int{}
	sent := strings.Join(subjects(f.drain()), "\n") + "\n"
	for _, job := range f.list(saga.Filter{Limit: pivotRaces}) {
		pivoted := strings.Contains(sent, "."+string(job.Tenant)+"\n")
		deleting := job.State == saga.StateDeleting
		f.that(pivoted != held[job.Tenant] && pivoted == deleting, "%s: held %v, sent %v, %s", job.Tenant, held[job.Tenant],
			pivoted, job.State)
		f.that(pivoted || job.Blocked.Code == saga.ReasonHold, "%s says why: %+v", job.Tenant, job.Blocked)
		wins[pivoted]++
	}
	f.that(wins[true]+wins[false] == pivotRaces && len(f.holds(saga.HoldFilter{Limit: pivotRaces})) == wins[false], "wins %v", wins)
	f.Logf("pivot %d, hold %d", wins[true], wins[false])
}

// provePauseRace lets replicas pivot as fast as they can, and pauses: what is sent by then is all that is ever sent.
func provePauseRace(f *fixture) {
	jobs := f.scheduled(60)
	var sent []string
	const replicas = 4
	f.together(replicas+1, func(i int) error {
		if i == replicas {
			if _, err := f.store.SetPause(f.ctx, &saga.Pause{By: "user-3", Reason: "a wrong list", At: epoch}); err != nil {
				return err
			}
			sent = subjects(f.drain())
			return nil
		}
		for n := i; n < len(jobs); n += replicas {
			outcomes, err := f.store.Update(f.ctx, input(jobs[n].ID, saga.Tick{}, jobs[n].DueAt))
			if err == nil {
				err = outcomes[0].Err
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	f.that(len(f.drain()) == 0, "nothing is sent after the pause began")
	paused := f.list(saga.Filter{Blocked: saga.ReasonPaused})
	f.that(len(paused)+len(sent) == len(jobs), "%d are paused, %d sent", len(paused), len(sent))
	_, err := f.store.SetPause(f.ctx, nil)
	f.must(err)
	for _, job := range paused {
		o := f.one(input(job.ID, saga.Guarded{By: "user-3", Change: saga.GuardResume}, epoch.Add(time.Hour)))
		f.that(o.Err == nil && o.Decision.Job.State == saga.StateDeleting, "%+v goes on", o)
	}
	f.that(len(f.drain()) == len(paused), "and is sent")
	f.Logf("%d began before the pause", len(sent))
}

func proveGovernor(f *fixture) {
	controls, err := f.store.SetGovernor(f.ctx, 2)
	f.must(err)
	f.that(controls.GovernorMax == 2, "%+v", controls)
	_, err = f.store.SetGovernor(f.ctx, -1)
	f.is(err, events.ErrInvalid)
	var jobs []saga.Job
	for n := range 6 {
		outcomes, err := f.store.Submit(f.ctx, epoch.Add(time.Duration(n)*time.Minute), submission(tenant(n)))
		f.must(err)
		jobs = append(jobs, outcomes[0].Decision.Job)
	}
	for n, minutes := range []int{0, 1, 60, 61, 120, 121} {
		at := epoch.Add(time.Duration(minutes) * time.Minute)
		if n < 2 {
			f.that(jobs[n].PivotAt.Equal(at), "%d begins at %v", n, jobs[n].PivotAt)
			continue
		}
		f.that(jobs[n].State == saga.StateScheduled && jobs[n].Blocked.Code == saga.ReasonGovernor && jobs[n].WakeAt.Equal(at),
			"%d waits until %v (%+v)", n, jobs[n].WakeAt, jobs[n].Blocked)
	}
	// The third is late by a minute: the fourth begins in time, the fifth waits for the third.
	due, _, err := f.store.Due(f.ctx, epoch.Add(61*time.Minute), time.Minute, 10)
	f.must(err)
	want := []events.JobID{jobs[0].ID, jobs[1].ID, jobs[2].ID, jobs[3].ID} // two of them wait for participants
	f.that(reflect.DeepEqual(due, want), "%v are due, oldest first", due)
	for _, id := range due[2:] {
		o := f.one(input(id, saga.Tick{}, epoch.Add(61*time.Minute)))
		f.that(o.Err == nil && o.Decision.Job.State == saga.StateDeleting, "%+v begins", o.Decision.Job.Blocked)
	}
	o := f.one(input(jobs[4].ID, saga.Tick{}, epoch.Add(120*time.Minute)))
	f.that(o.Err == nil && o.Decision.Job.WakeAt.Equal(epoch.Add(121*time.Minute)), "%+v waits on", o.Decision.Job)
	_, err = f.store.SetGovernor(f.ctx, 0)
	f.must(err)
	o = f.one(input(jobs[5].ID, saga.Guarded{By: "user-3", Change: saga.GuardGovernor}, epoch.Add(2*time.Hour)))
	f.that(o.Err == nil && o.Decision.Job.State == saga.StateDeleting, "without a limit it begins")
}

func proveGovernorRace(f *fixture) {
	const limit, replicas, tenants = 7, 4, 40
	_, err := f.store.SetGovernor(f.ctx, limit)
	f.must(err)
	jobs := f.scheduled(tenants)
	f.together(replicas, func(replica int) error {
		for n := replica; n < tenants; n += replicas {
			outcomes, err := f.store.Update(f.ctx, input(jobs[n].ID, saga.Tick{}, jobs[n].DueAt))
			if err == nil {
				err = outcomes[0].Err
			}
			if err != nil {
				return fmt.Errorf("replica %d: %w", replica, err)
			}
		}
		return nil
	})
	f.that(len(f.drain()) == limit, "%d begin", limit)
	places := map[time.Time]int{}
	for _, job := range f.list(saga.Filter{Blocked: saga.ReasonGovernor}) {
		places[job.WakeAt]++
	}
	for at, n := range places {
		f.that(n <= limit && at.After(jobs[0].DueAt), "%d have the place at %v", n, at)
	}
	f.that(len(places) == (tenants-1)/limit, "places: %v", places)
}
