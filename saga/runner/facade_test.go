package runner

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// running is a world whose participants and coordinator run; each participant owns five rows of each tenant.
func running(t testing.TB, cfg Config, tenants ...events.TenantID) (*world, *Runner) {
	w := memoryWorld(t)
	w.give(5, tenants...)
	w.runParts("orders", "pos", "tenants")
	r := w.runner(cfg)
	w.run(r.Run)
	return w, r
}

func TestFollow(t *testing.T) {
	t.Parallel()
	t.Run("tells every entry once, in order, and ends with the job", func(t *testing.T) {
		t.Parallel()
		w, r := running(t, Config{Policy: saga.Policy{Approval: true}}, "acme")
		w.submit("acme")
		job := w.job("acme", saga.StateAwaitingApproval)
		var approve sync.Once
		var told []saga.Entry
		err := r.Follow(t.Context(), job.ID, 0, func(h saga.Happening) error {
			if h.Entry == nil {
				return nil
			}
			told = append(told, *h.Entry)
			approve.Do(func() {
				_, err := r.Act(t.Context(), job.ID, 1, saga.Approve{By: "operator-1"})
				require.NoError(t, err)
			})
			return nil
		})
		require.NoError(t, err)
		for i, e := range told {
			require.EqualValues(t, i+1, e.Number)
		}
		require.Equal(t, "submit", told[0].Kind)
		require.Equal(t, "operator-1", told[1].By)
		require.Equal(t, saga.StateCompleted, told[len(told)-1].State)
		require.Equal(t, []events.Type{events.TypeDeleted}, told[len(told)-1].Sent)

		var again []saga.Entry
		require.NoError(t, r.Follow(t.Context(), job.ID, 2, func(h saga.Happening) error {
			again = append(again, *h.Entry)
			return nil
		}))
		require.Equal(t, told[2:], again, "who comes back is told what he missed, and nothing twice")
	})
	t.Run("sees what another replica saves", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		r, other := w.runner(Config{Policy: saga.Policy{Approval: true}}), w.runner(Config{})
		job, _, err := r.Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		require.NoError(t, err)
		var last saga.State
		require.NoError(t, r.Follow(t.Context(), job.ID, 0, func(h saga.Happening) error {
			if last = h.Entry.State; last == saga.StateAwaitingApproval {
				_, err := other.Act(t.Context(), job.ID, 0, saga.Reject{By: "operator-1"})
				return err
			}
			return nil
		}))
		require.Equal(t, saga.StateRejected, last)
	})
	t.Run("ends with its context, with the error of its function, and for a job that is not there", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		r := w.runner(Config{Policy: saga.Policy{Approval: true}})
		job, _, err := r.Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		err = r.Follow(ctx, job.ID, 0, func(saga.Happening) error { cancel(); return nil })
		require.ErrorIs(t, err, context.Canceled)
		gone := errors.New("the client is gone")
		require.ErrorIs(t, r.Follow(t.Context(), job.ID, 0, func(saga.Happening) error { return gone }), gone)
		require.ErrorIs(t, r.Follow(t.Context(), events.NewJobID(), 0, func(saga.Happening) error { return nil }), saga.ErrNotFound)
		require.Empty(t, r.followers.waiting, "nobody is kept")
	})
}

func TestAct(t *testing.T) {
	t.Parallel()
	w := memoryWorld(t)
	r := w.runner(Config{Policy: saga.Policy{Approval: true}})
	job, _, err := r.Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
	require.NoError(t, err)
	seen, err := r.Act(t.Context(), job.ID, 7, saga.Cancel{By: "operator-1"})
	require.ErrorIs(t, err, saga.ErrVersion)
	require.Equal(t, saga.StateAwaitingApproval, seen.State, "the caller learns where the job is")
	cancelled, err := r.Act(t.Context(), job.ID, job.Version, saga.Cancel{By: "operator-1"})
	require.NoError(t, err)
	require.Equal(t, saga.StateCancelled, cancelled.State)
}

func TestPreviewOfATenant(t *testing.T) {
	t.Parallel()
	w, r := memoryWorld(t), (*Runner)(nil)
	w.give(5, "acme")
	w.runParts("orders", "tenants")
	r = w.runner(Config{PreviewTimeout: time.Second})
	w.until("participants serve", func() bool {
		previews, err := r.Preview(t.Context(), "acme")
		return err == nil && previews[0].Error == nil && previews[2].Error == nil
	})
	previews, err := r.Preview(t.Context(), "acme")
	require.NoError(t, err)
	require.Len(t, previews, 3)
	require.EqualValues(t, 5, previews[0].Total())
	require.Equal(t, events.Participant("pos"), previews[1].ServiceName)
	require.Equal(t, codeNoAnswer, previews[1].Error.Code, "silence is not zero")
	_, err = r.Preview(t.Context(), "a b")
	require.ErrorIs(t, err, events.ErrInvalid)
}

func TestSetRoster(t *testing.T) {
	t.Parallel()
	w := memoryWorld(t)
	r := w.runner(Config{})
	require.ErrorIs(t, r.SetRoster(t.Context(), nil), events.ErrInvalid)
	twice := []saga.RosterEntry{{Participant: "pos", Wave: 1}, {Participant: "pos", Wave: 2}}
	require.ErrorIs(t, r.SetRoster(t.Context(), twice), events.ErrInvalid)
	w.runParts("orders")
	require.NoError(t, r.SetRoster(t.Context(), []saga.RosterEntry{{Participant: "orders", Wave: 1}, {Participant: "pos", Wave: 1}}))
	w.until("orders answers", func() bool {
		present, err := r.Participants(t.Context())
		require.NoError(t, err)
		require.Len(t, present, 2)
		require.False(t, present[1].Live)
		return present[0].Live && present[0].Version == "1.0.0"
	})
}

func TestAnnounce(t *testing.T) {
	t.Parallel()
	w, r := running(t, Config{}, "acme")
	w.submit("acme")
	job := w.job("acme", saga.StateCompleted)
	first := w.last("tenant.deleted.acme")
	require.NoError(t, r.Announce(t.Context(), job.ID, "operator-1"))
	again := w.last("tenant.deleted.acme")
	require.Greater(t, again.Sequence, first.Sequence, "the stream stored it once more")
	require.Equal(t, first.Body, again.Body, "it is the same event")
	require.NoError(t, events.Verify(again.Message, w.signer.PublicKey()))

	waiting := w.runner(Config{Policy: saga.Policy{Approval: true}})
	open, _, err := waiting.Submit(t.Context(), submitted("umbra", "r2"), saga.Asker{})
	require.NoError(t, err)
	require.ErrorIs(t, r.Announce(t.Context(), open.ID, "operator-1"), saga.ErrState)
}

// last is the newest stored message of a subject, once there is one.
func (w *world) last(subject string) (stored bus.Stored) {
	w.t.Helper()
	w.until(subject+" is stored", func() bool {
		var err error
		stored, err = w.bus.Last(w.t.Context(), events.StreamEvents, subject)
		return err == nil
	})
	return stored
}

func TestConflictOnTheBus(t *testing.T) {
	t.Parallel()
	w, _ := running(t, Config{}, "acme", "umbra")
	w.submit("acme")
	first := w.job("acme", saga.StateCompleted)
	require.NoError(t, w.bus.Publish(t.Context(), submission(t, "umbra", first.RequestID)))
	refused := w.job("umbra", saga.StateRefused)
	require.Equal(t, saga.ReasonConflict, refused.Cause)
	e, err := events.Decode(w.last("tenant.deletion.failed.umbra").Message)
	require.NoError(t, err)
	outcome := e.Data.(*events.Outcome)
	require.Equal(t, saga.ReasonConflict, outcome.Reason)
	require.Equal(t, first.RequestID, outcome.RequestID, "the asker knows which request it was")
	require.EqualValues(t, "crm", outcome.Source)
	require.Equal(t, 5, int(w.parts["orders"].rows["umbra"]), "nothing was deleted")
}
