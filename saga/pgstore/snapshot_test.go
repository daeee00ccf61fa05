package pgstore_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/saga"
)

// TestAJobIsReadAsItWasAtOneMoment reads jobs while decisions are saved: their steps are always the job's.
func TestAJobIsReadAsItWasAtOneMoment(t *testing.T) {
	t.Parallel()
	const jobsAll, readers = 60, 4
	store, _ := open(t)
	require.NoError(t, store.SetRoster(t.Context(), bakeryRoster))
	jobs := mustSubmit(t, store, submissions(0, jobsAll))
	var now atomic.Pointer[saga.Job]
	now.Store(&jobs[0])
	var done atomic.Bool
	var reading sync.WaitGroup
	for range readers {
		reading.Go(func() {
			for !done.Load() {
				_, err := store.Job(t.Context(), now.Load().ID)
				if listed, listErr := store.Jobs(t.Context(), saga.Filter{Tenant: now.Load().Tenant}); err == nil && listErr == nil {
					err = listed[0].Check()
				}
				if err != nil {
					t.Errorf("read while it changed: %v", err)
					return
				}
			}
		})
	}
	for i := range jobs {
		now.Store(&jobs[i])
		mustUpdate(t, store, successes(jobs[i], 1))
		mustUpdate(t, store, append(successes(jobs[i], 2), proven(jobs[i])))
	}
	done.Store(true)
	reading.Wait()
}
