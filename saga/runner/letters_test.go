package runner

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// letter is the newest open dead letter.
func (w *world) letter() saga.DeadLetter {
	w.t.Helper()
	letters, err := w.store.Buried(w.t.Context(), saga.DeadFilter{Limit: 1})
	require.NoError(w.t, err)
	require.Len(w.t, letters, 1)
	return letters[0]
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	t.Run("a result that came before its job is resent once the job is there", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		r := w.runner(Config{Policy: saga.Policy{Approval: true}})
		job, _, err := r.Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		require.NoError(t, err)
		r.handleResults(t.Context(), []bus.Delivery{answerOf(t, job, "orders", true)})
		letter := w.letter()
		require.ErrorIs(t, r.Resend(t.Context(), letter.ID, "operator-1"), saga.ErrState, "nobody was asked yet")
		require.Nil(t, w.letter().Resolution, "it stays open")

		_, err = r.Act(t.Context(), job.ID, 0, saga.Approve{By: "operator-2"})
		require.NoError(t, err)
		require.NoError(t, r.Resend(t.Context(), letter.ID, "operator-1"))
		step, _ := w.job("acme").Step("orders")
		require.Equal(t, saga.StepSucceeded, step.State)
		closed, err := r.DeadLetter(t.Context(), letter.ID)
		require.NoError(t, err)
		require.Equal(t, saga.ResolutionResent, closed.Resolution.Kind)
		require.Equal(t, "operator-1", closed.Resolution.By)
		require.ErrorIs(t, r.Resend(t.Context(), letter.ID, "operator-1"), saga.ErrState, "once is enough")
	})
	t.Run("a command that a participant refused is asked for again as the next attempt", func(t *testing.T) {
		t.Parallel()
		w, r := running(t, Config{}, "acme")
		w.parts["orders"].refuse(true)
		w.submit("acme")
		w.job("acme", saga.StateFailed)
		command := w.last("tenant.deletion.requested.acme")
		advisory, err := json.Marshal(advisory{Stream: events.StreamEvents, Consumer: "orders", StreamSeq: command.Sequence,
			Reason: "command expired"})
		require.NoError(t, err)
		r.handleDead(t.Context(), []bus.Delivery{{Message: events.Message{Subject: "$JS.EVENT", Body: advisory}, Sequence: 1}})
		letter, err := r.DeadLetter(t.Context(), w.letter().ID)
		require.NoError(t, err)
		require.Equal(t, command.Body, letter.Body, "the broker's letter points to the message, which is read")
		w.parts["orders"].refuse(false)
		require.NoError(t, r.Resend(t.Context(), letter.ID, "operator-1"))
		step, _ := w.job("acme", saga.StateCompleted).Step("orders")
		require.Equal(t, 2, step.Attempt)
	})
	t.Run("what is no event can only be discarded, with a reason", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		r := w.runner(Config{})
		torn := events.Message{Subject: "tenant.deletion.submitted.crm", Body: []byte("{")}
		r.handleIntake(t.Context(), []bus.Delivery{{Message: torn, Sequence: 3}})
		letter := w.letter()
		require.ErrorIs(t, r.Resend(t.Context(), letter.ID, "operator-1"), saga.ErrState)
		require.ErrorIs(t, r.Discard(t.Context(), letter.ID, "operator-1", " "), events.ErrInvalid)
		require.NoError(t, r.Discard(t.Context(), letter.ID, "operator-1", "a test of the crm team"))
		open, err := r.DeadLetters(t.Context(), saga.DeadFilter{})
		require.NoError(t, err)
		require.Empty(t, open)
		require.ErrorIs(t, r.Discard(t.Context(), 999, "operator-1", "x"), saga.ErrNotFound)
	})
	t.Run("a request that could not be stored is resent", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		r := w.runner(Config{})
		require.NoError(t, w.store.Bury(t.Context(), saga.DeadLetter{Stream: events.StreamIntake,
			Consumer: events.ConsumerIntake, Sequence: 9, Subject: "tenant.deletion.submitted.crm", Reason: "given up",
			Body: submission(t, "acme", "r1").Body, CreatedAt: r.now()}))
		require.NoError(t, r.Resend(t.Context(), w.letter().ID, "operator-1"))
		require.Equal(t, saga.StateDeleting, w.job("acme").State)
	})
}
