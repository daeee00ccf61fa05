package participants_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// counter is an eraser outside the ledger; it counts its calls.
type counter struct {
	mu    sync.Mutex
	since []int
	err   error
}

func (c *counter) Preview(context.Context, events.TenantID) (participants.Counts, error) {
	return participants.Counts{"files": 2}, c.err
}

func (c *counter) Erase(_ context.Context, e *participants.Erasure) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = append(c.since, e.Since)
	e.Add("files", 2)
	return c.err
}

func TestErase(t *testing.T) {
	t.Parallel()
	t.Run("others run before the ledger and their counts are in the receipt", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{}, &counter{})
		result, err := p.runner.Erase(t.Context(), command(1), "r1")
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"files": 2, "orders": 5}, result.DeletedCounts)
	})
	t.Run("others do not run again for a settled job", func(t *testing.T) {
		t.Parallel()
		files := &counter{}
		p := newPlace(t, nil, participants.Config{}, files)
		for range 3 {
			result, err := p.runner.Erase(t.Context(), command(1), "r1")
			require.NoError(t, err)
			require.EqualValues(t, 7, result.Total())
		}
		require.Len(t, files.since, 1)
	})
	t.Run("another pass tells the others which attempt is in the receipt", func(t *testing.T) {
		t.Parallel()
		files := &counter{}
		p := newPlace(t, nil, participants.Config{}, files)
		_, err := p.runner.Erase(t.Context(), command(1), "r1")
		require.NoError(t, err)
		again := command(3)
		again.EraseAgain = true
		result, err := p.runner.Erase(t.Context(), again, "r3")
		require.NoError(t, err)
		require.Equal(t, []int{0, 1}, files.since)
		require.EqualValues(t, 9, result.Total())
	})
	t.Run("a service without others does not pay for reading the receipt first", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{})
		_, err := p.runner.Erase(t.Context(), command(1), "r1")
		require.NoError(t, err)
		require.Zero(t, p.reads)
	})
	t.Run("nothing is deleted in the tables when another eraser fails", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{}, &counter{err: errors.New("disk")})
		_, err := p.runner.Erase(t.Context(), command(1), "r1")
		require.ErrorContains(t, err, "disk")
		require.Zero(t, p.calls)
	})
	t.Run("a command for others, of no tenant or of no job is an error", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{})
		for _, spoil := range []func(c *events.Command){
			func(c *events.Command) { c.Participants = []events.Participant{"inventory"} },
			func(c *events.Command) { c.TenantID = "" },
			func(c *events.Command) { c.TenantID = "a'; --" },
			func(c *events.Command) { c.JobID = "1" },
		} {
			c := command(1)
			spoil(c)
			_, err := p.runner.Erase(t.Context(), c, "r1")
			require.ErrorIs(t, err, events.ErrInvalid)
		}
		require.Zero(t, p.calls)
	})
	t.Run("a receipt of another tenant is no answer", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{})
		_, err := p.runner.Erase(t.Context(), command(1), "r1")
		require.NoError(t, err)
		other := command(1)
		other.TenantID = "acme2"
		result, err := p.runner.Erase(t.Context(), other, "r1")
		require.NoError(t, err)
		require.False(t, result.Success)
	})
}
