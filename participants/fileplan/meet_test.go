package fileplan

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// outside is an erasure that belongs to no job, under a key of its own.
func outside(key int) *events.Command {
	c := command(1)
	c.JobID = events.JobID(fmt.Sprintf("018f4e1a-0000-8000-8000-%012d", key))
	c.Generation = participants.GenerationNone
	return c
}

// TestMeet lets a job and erasures outside of it have the same tenant: each file is counted by one of them.
func TestMeet(t *testing.T) {
	t.Parallel()
	t.Run("side by side", func(t *testing.T) {
		t.Parallel()
		for range 20 {
			plan, dir := open(t)
			write(t, dir, "acme")
			commands := []*events.Command{command(1), outside(1), outside(2)}
			counts := make([]int64, len(commands))
			errs := make([]error, len(commands))
			var all sync.WaitGroup
			for i, c := range commands {
				all.Go(func() {
					e := participants.NewErasure(c, nil, nil)
					errs[i] = plan.Erase(t.Context(), e)
					counts[i] = e.Receipt(participants.ModeTransaction, nil).Counts["model_files"]
				})
			}
			all.Wait()
			for _, err := range errs {
				require.NoError(t, err)
			}
			require.EqualValues(t, 9, counts[0]+counts[1]+counts[2], "%v", counts)
			require.Zero(t, preview(t, plan, "acme"))
		}
	})
	for stopAt := 1; stopAt <= 6; stopAt++ {
		t.Run(fmt.Sprintf("one takes over what the other left at step %d, and each repeats its own count", stopAt), func(t *testing.T) {
			t.Parallel()
			plan, dir := open(t)
			write(t, dir, "acme")
			steps := 0
			plan.stop = func(string) error {
				if steps++; steps == stopAt {
					return errStop
				}
				return nil
			}
			_, err := erase(t, plan, command(1), 0)
			if stopAt <= 5 {
				require.ErrorIs(t, err, errStop, "moved, counted, twice deleting, deleted")
			}
			plan.stop = nil
			left := preview(t, plan, "acme")
			taken, err := erase(t, plan, outside(1), 0)
			require.NoError(t, err)
			require.Equal(t, left, taken, "what the preview counted")
			for range 2 {
				own, err := erase(t, plan, command(1), 0)
				require.NoError(t, err)
				require.EqualValues(t, 9, own+taken)
				again, err := erase(t, plan, outside(1), 0)
				require.NoError(t, err)
				require.Equal(t, taken, again)
			}
		})
	}
	t.Run("one waits for the other, and no longer than its context", func(t *testing.T) {
		t.Parallel()
		plan, dir := open(t)
		write(t, dir, "acme")
		inside, proceed := make(chan struct{}), make(chan struct{})
		var reached atomic.Bool
		plan.stop = func(string) error {
			if reached.CompareAndSwap(false, true) {
				close(inside)
				<-proceed
			}
			return nil
		}
		done := make(chan error, 1)
		go func() { done <- plan.Erase(context.Background(), participants.NewErasure(command(1), nil, nil)) }()
		<-inside
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, plan.Erase(ctx, participants.NewErasure(outside(1), nil, nil)), context.Canceled)
		err := plan.Erase(t.Context(), participants.NewErasure(outside(1), nil, nil))
		require.ErrorIs(t, err, errTaken)
		require.NotErrorIs(t, err, participants.ErrRefused, "it is tried again")
		close(proceed)
		require.NoError(t, <-done)
		n, err := erase(t, plan, outside(1), 0)
		require.NoError(t, err)
		require.Zero(t, n)
	})
	t.Run("a tenant without files gets no lock", func(t *testing.T) {
		t.Parallel()
		plan, dir := open(t)
		_, err := erase(t, plan, outside(1), 0)
		require.NoError(t, err)
		require.NoDirExists(t, filepath.Join(dir, erasingFolder))
	})
}
