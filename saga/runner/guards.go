package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// informMax is how many jobs are told of a change in one transaction. Places at the governor are given out anew in the right
// order within one; 2000 jobs of 13 steps are read and written within a second or two.
const informMax = 2000

// Hold sets a legal hold on a tenant. saga.ErrPastPivot when its deletion has begun.
func (r *Runner) Hold(ctx context.Context, h saga.Hold) (saga.Hold, error) {
	h.At = r.now()
	held, outcome, err := r.store.Hold(ctx, h)
	if err != nil {
		return saga.Hold{}, fmt.Errorf("runner: %w", err)
	}
	r.committed([]saga.Outcome{outcome})
	return held, nil
}

// Release ends a hold. With the last one gone the tenant's job goes on by itself.
func (r *Runner) Release(ctx context.Context, tenant events.TenantID, id int64, by, reason string) (saga.Hold, error) {
	released, outcome, err := r.store.Release(ctx, tenant, id, saga.Release{By: by, Reason: reason, At: r.now()})
	if err != nil {
		return saga.Hold{}, fmt.Errorf("runner: %w", err)
	}
	r.committed([]saga.Outcome{outcome})
	r.enqueue(ctx, []saga.Outcome{outcome})
	return released, nil
}

// Holds lists holds, newest first.
func (r *Runner) Holds(ctx context.Context, f saga.HoldFilter) ([]saga.Hold, error) {
	return r.store.Holds(ctx, f)
}

// Controls are what a person has set for all deletions.
func (r *Runner) Controls(ctx context.Context) (saga.Controls, error) { return r.store.Controls(ctx) }

// Pause stops everything: when it returns nil, nothing begins any more, and participants get no command that waits at the
// broker. What a participant has in hand it finishes, and results are still taken. On an error the pause may stand all the
// same, and the coordinator goes on trying to stop the participants. It is safe to call again; the first pause stands.
func (r *Runner) Pause(ctx context.Context, by, reason string) (saga.Controls, error) {
	controls, err := r.store.SetPause(ctx, &saga.Pause{By: by, Reason: reason, At: r.now()})
	if err != nil {
		return saga.Controls{}, fmt.Errorf("runner: pause: %w", err)
	}
	r.cfg.Logger.Warn().Str("kind", "pause").Str("by", by).Msg("deletions are paused")
	if err := r.obey(ctx, controls, ""); err != nil {
		return controls, fmt.Errorf("runner: pause: %w", err)
	}
	return controls, nil
}

// Resume ends a pause: everything goes on at once, as if there had been none. It is safe to call again.
func (r *Runner) Resume(ctx context.Context, by string) (saga.Controls, error) {
	controls, err := r.store.SetPause(ctx, nil)
	if err != nil {
		return saga.Controls{}, fmt.Errorf("runner: resume: %w", err)
	}
	r.cfg.Logger.Warn().Str("kind", "pause").Str("by", by).Msg("deletions go on")
	if err := r.obey(ctx, controls, by); err != nil {
		return controls, fmt.Errorf("runner: resume: %w", err)
	}
	return controls, nil
}

// SetGovernor lets at most so many deletions begin within an hour; zero means no limit. Jobs that wait get new places.
func (r *Runner) SetGovernor(ctx context.Context, limit int, by string) (saga.Controls, error) {
	controls, err := r.store.SetGovernor(ctx, limit)
	if err != nil {
		return saga.Controls{}, fmt.Errorf("runner: governor: %w", err)
	}
	err = r.inform(ctx, saga.Filter{Blocked: saga.ReasonGovernor}, saga.Guarded{By: by, Change: saga.GuardGovernor})
	if err != nil {
		return controls, fmt.Errorf("runner: governor: %w", err)
	}
	return controls, nil
}

// controls carries out what is set, whoever has set it: at start, and as a safety net, also after the broker has lost its
// consumers.
func (r *Runner) controls(ctx context.Context) error {
	probe := time.NewTicker(recoverProbe)
	defer probe.Stop()
	for {
		err := r.persist(ctx, "controls", func(ctx context.Context) error {
			controls, err := r.store.Controls(ctx)
			if err != nil {
				return err
			}
			return r.obey(ctx, controls, "")
		})
		if err != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-probe.C:
		}
	}
}

// obey makes participants and jobs stand still, or go on; by is who has ended a pause. One at a time, and only when something
// is to be done: a pause is asserted again and again, its end once.
func (r *Runner) obey(ctx context.Context, controls saga.Controls, by string) error {
	r.obeying.Lock()
	defer r.obeying.Unlock()
	if controls.Pause == nil {
		r.halted.Store(false)
		var err error
		if r.obeyed != obeyedFree {
			err = r.stopParticipants(ctx, false)
		}
		if err == nil {
			r.obeyed = obeyedFree
		}
		err = errors.Join(err, r.inform(ctx, saga.Filter{Blocked: saga.ReasonPaused}, saga.Guarded{By: by, Change: saga.GuardResume}))
		wake(r.resumed)
		return err
	}
	before := r.obeyed
	r.halted.Store(true)
	r.obeyed = obeyedUnknown
	if err := r.stopParticipants(ctx, true); err != nil {
		return err
	}
	if before != obeyedPaused {
		past := saga.Filter{States: []saga.State{saga.StateDeleting, saga.StateVerifying}}
		if err := r.inform(ctx, past, saga.Guarded{By: controls.Pause.By, Change: saga.GuardPause}); err != nil {
			return err
		}
	}
	r.obeyed = obeyedPaused
	return nil
}

// What was carried out last.
const (
	obeyedUnknown = iota
	obeyedFree
	obeyedPaused
)

// stopParticipants stops or continues the deliveries of everybody who may have a command: the roster, and whoever is on the
// frozen roster of a job that deletes.
func (r *Runner) stopParticipants(ctx context.Context, stop bool) error {
	pauser, ok := r.bus.(bus.Pauser)
	if !ok {
		return nil
	}
	roster, err := r.store.Roster(ctx)
	if err != nil {
		return err
	}
	open, err := r.store.Jobs(ctx, saga.Filter{States: []saga.State{saga.StateDeleting}})
	if err != nil {
		return err
	}
	var names []string
	for i := range roster {
		names = append(names, string(roster[i].Participant))
	}
	for i := range open {
		for s := range open[i].Steps {
			names = append(names, string(open[i].Steps[s].Participant))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if stop {
		return pauser.Pause(ctx, events.StreamEvents, names...)
	}
	return pauser.Resume(ctx, events.StreamEvents, names...)
}

// inform feeds a change of the guards to the jobs of a filter, those that were due first first.
func (r *Runner) inform(ctx context.Context, f saga.Filter, in saga.Guarded) error {
	type place struct {
		id  events.JobID
		due time.Time
	}
	var places []place
	f.Limit = recoverPageMax
	for {
		page, err := r.store.Jobs(ctx, f)
		if err != nil && !errors.Is(err, saga.ErrInvariant) {
			return err
		}
		for i := range page {
			places = append(places, place{page[i].ID, page[i].DueAt})
		}
		if len(page) < f.Limit {
			break
		}
		f.Before = page[len(page)-1].ID
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.id, b.id)) })
	now := r.now()
	for chunk := range slices.Chunk(places, informMax) {
		changes := make([]saga.Change, len(chunk))
		for i := range chunk {
			changes[i] = saga.Change{Job: chunk[i].id, Decide: func(job saga.Job) (saga.Decision, error) {
				return saga.Decide(job, in, now)
			}}
		}
		outcomes, err := r.change(ctx, changes)
		if err != nil {
			return err
		}
		r.enqueue(ctx, outcomes)
	}
	return nil
}
