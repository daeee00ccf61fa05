package runner

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// followers are woken when their job has changed.
type followers struct {
	mu      sync.Mutex
	waiting map[events.JobID]map[chan struct{}]bool
}

// add registers a follower until remove is called.
func (f *followers) add(id events.JobID) (changed <-chan struct{}, remove func()) {
	c := make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting == nil {
		f.waiting = map[events.JobID]map[chan struct{}]bool{}
	}
	if f.waiting[id] == nil {
		f.waiting[id] = map[chan struct{}]bool{}
	}
	f.waiting[id][c] = true
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if delete(f.waiting[id], c); len(f.waiting[id]) == 0 {
			delete(f.waiting, id)
		}
	}
}

func (f *followers) wake(id events.JobID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.waiting[id] {
		wake(c)
	}
}

// Follow tells fn every entry of a job's history after the number, and what participants tell meanwhile, until the job has
// ended and all of it was told, ctx ends, or fn returns an error. It returns nil, the cause of ctx, or fn's error.
// Changes made by another replica are seen within a second.
func (r *Runner) Follow(ctx context.Context, id events.JobID, after int64, fn func(saga.Happening) error) error {
	job, err := r.store.Job(ctx, id)
	if err != nil {
		return fmt.Errorf("runner: follow: %w", err)
	}
	changed, remove := r.followers.add(id)
	defer remove()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	progress, err := r.progressOf(ctx, job)
	if err != nil {
		return fmt.Errorf("runner: follow: %w", err)
	}
	poll := time.NewTicker(followPoll)
	defer poll.Stop()
	for {
		ended, err := r.tell(ctx, id, &after, fn)
		if err != nil || ended {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-poll.C:
		case p := <-progress:
			if err := fn(saga.Happening{Progress: p}); err != nil {
				return err
			}
		}
	}
}

// tell hands over the entries that are new. The job is read first: one that had ended has no further entries.
func (r *Runner) tell(ctx context.Context, id events.JobID, after *int64, fn func(saga.Happening) error) (ended bool, err error) {
	job, err := r.store.Job(ctx, id)
	if err != nil {
		return false, fmt.Errorf("runner: follow: %w", err)
	}
	for {
		entries, err := r.store.History(ctx, id, *after, followPageMax)
		if err != nil {
			return false, fmt.Errorf("runner: follow: %w", err)
		}
		for i := range entries {
			if err := fn(saga.Happening{Entry: &entries[i]}); err != nil {
				return false, err
			}
			*after = entries[i].Number
		}
		if len(entries) < followPageMax {
			return job.State.Final(), nil
		}
	}
}

// progressOf are the progress events of a job; a follower that is slow misses some.
func (r *Runner) progressOf(ctx context.Context, job saga.Job) (<-chan *events.Progress, error) {
	told := make(chan *events.Progress, progressMax)
	err := r.bus.Watch(ctx, events.ProgressSubject(job.Tenant), func(m events.Message) {
		e, err := events.Decode(m)
		if err != nil {
			return // a stranger's message
		}
		if p, ok := e.Data.(*events.Progress); ok && p.JobID == job.ID {
			select {
			case told <- p:
			default:
			}
		}
	})
	return told, err
}
