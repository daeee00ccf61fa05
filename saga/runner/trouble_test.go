package runner

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

func TestSilentParticipant(t *testing.T) {
	t.Parallel()
	t.Run("blocks the job by name until it returns", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		w.give(2, "acme")
		w.runParts("orders", "tenants")
		w.run(w.runner(Config{Policy: saga.Policy{Patience: 200 * time.Millisecond}}).Run)
		w.submit("acme")
		w.until("pos is named as silent", func() bool {
			job := w.job("acme", saga.StateDeleting)
			return job.Blocked != nil && job.Blocked.Code == saga.ReasonParticipantSilent
		})
		require.Equal(t, []events.Participant{"pos"}, w.job("acme", saga.StateDeleting).Blocked.Participants)
		w.runParts("pos")
		require.EqualValues(t, 6, w.job("acme", saga.StateCompleted).Total())
		require.Equal(t, 1, w.parts["pos"].passes(), "several attempts waited for it, one deletes")
	})
	t.Run("that does not let itself be counted keeps the job from completing", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		w.give(2, "acme")
		w.runParts("orders", "tenants")
		stop := w.run(w.parts["pos"].run)
		r := w.runner(Config{Policy: saga.Policy{Patience: 300 * time.Millisecond}, PreviewTimeout: 200 * time.Millisecond})
		ctx, cancel := context.WithCancel(t.Context())
		w.run(func(context.Context) error { return r.intake(ctx) })
		w.run(func(context.Context) error { return r.relay(ctx) })
		w.run(func(context.Context) error { return r.results(ctx) })
		w.submit("acme")
		w.job("acme", saga.StateVerifying)
		cancel()
		stop()
		w.run(w.runner(Config{PreviewTimeout: 200 * time.Millisecond}).Run)
		w.until("pos is named as unverified", func() bool {
			job := w.job("acme", saga.StateVerifying)
			return job.Blocked != nil && job.Blocked.Code == saga.ReasonUnverified
		})
		require.Equal(t, []events.Participant{"pos"}, w.job("acme", saga.StateVerifying).Blocked.Participants)
		w.runParts("pos")
		w.job("acme", saga.StateCompleted)
	})
}

func TestFailure(t *testing.T) {
	t.Parallel()
	t.Run("residue fails the job, and a replay deletes what was left and adds it up", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		w.give(5, "acme")
		w.parts["orders"].hide("acme", 2)
		w.runParts("orders", "pos", "tenants")
		r := w.runner(Config{})
		w.run(r.Run)
		w.submit("acme")
		job := w.job("acme", saga.StateFailed)
		require.Equal(t, saga.ReasonResidue, job.Blocked.Code)
		require.Equal(t, []events.Participant{"orders"}, job.Blocked.Participants)
		_, err := w.bus.Last(t.Context(), events.StreamEvents, "tenant.deleted.acme")
		require.ErrorIs(t, err, bus.ErrNotFound)

		_, err = r.Act(t.Context(), job.ID, 0, saga.Replay{By: "operator-1", Participants: []events.Participant{"orders"}})
		require.NoError(t, err)
		require.EqualValues(t, 17, w.job("acme", saga.StateCompleted).Total())
		require.EqualValues(t, 17, w.deleted("acme").Total)
	})
	t.Run("a refusal keeps the next wave from starting until it is replayed", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		w.give(5, "acme")
		w.parts["pos"].refuse(true)
		w.runParts("orders", "pos", "tenants")
		r := w.runner(Config{})
		w.run(r.Run)
		w.submit("acme")
		job := w.job("acme", saga.StateFailed)
		require.Equal(t, saga.ReasonParticipantFailed, job.Blocked.Code)
		last, _ := job.Step("tenants")
		require.Equal(t, saga.StepPending, last.State)

		w.parts["pos"].refuse(false)
		_, err := r.Act(t.Context(), job.ID, 0, saga.Replay{By: "operator-1"})
		require.NoError(t, err)
		require.EqualValues(t, 15, w.job("acme", saga.StateCompleted).Total())
		require.Equal(t, 1, w.parts["orders"].passes(), "what succeeded does not run twice")
	})
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	t.Run("results that come twice, thrice and out of order count once", func(t *testing.T) {
		t.Parallel()
		for seed := range uint64(20) {
			w := memoryWorldOnce(t)
			r := w.runner(Config{})
			tenants := tenantsNamed("acme", 3)
			requests := make([]bus.Delivery, 0, len(tenants))
			for i, tenant := range tenants {
				requests = append(requests, bus.Delivery{Message: submission(t, tenant, "once-"+string(tenant)), Sequence: uint64(i + 1)})
			}
			shuffled := rand.New(rand.NewPCG(seed, 0))
			accept(t, r.handleIntake, repeat(shuffled, requests))
			accept(t, r.handleResults, repeat(shuffled, w.answers(t, r)))
			accept(t, r.handleResults, repeat(shuffled, w.answers(t, r)))
			for _, tenant := range tenants {
				job := w.job(tenant, saga.StateVerifying)
				require.EqualValues(t, 12, job.Total(), "seed %d", seed)
			}
			jobs, err := w.store.Jobs(t.Context(), saga.Filter{})
			require.NoError(t, err)
			require.Len(t, jobs, len(tenants), "seed %d", seed)
		}
	})
	t.Run("a repeated request yields the job that is there", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		r := w.runner(Config{})
		first, existing, err := r.Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		require.NoError(t, err)
		require.False(t, existing)
		again, existing, err := r.Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		require.NoError(t, err)
		require.True(t, existing)
		require.Equal(t, first.ID, again.ID)
		_, _, err = r.Submit(t.Context(), submitted("other", "r1"), saga.Asker{})
		require.ErrorIs(t, err, saga.ErrConflict)
	})
}

func TestPoison(t *testing.T) {
	t.Parallel()
	t.Run("in the intake is buried with a reason and blocks nobody", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		w.give(1, "acme")
		w.runParts("orders", "pos", "tenants")
		w.run(w.runner(Config{}).Run)
		bad := submission(t, "acme", "bad")
		bad.Body = []byte(`{"tenant_id":"secret-value"}`)
		bad.Header = map[string]string{events.HeaderMsgID: "bad"}
		require.NoError(t, w.bus.Publish(t.Context(), bad, submission(t, "acme", "good")))
		w.job("acme", saga.StateCompleted)
		letter := w.buried(1)[0]
		require.Equal(t, events.StreamIntake, letter.Stream)
		require.NotContains(t, letter.Reason, "secret-value")
		require.Equal(t, bad.Body, letter.Body)
	})
	t.Run("a result that fits no job, or comes from a stranger, is buried and blocks nobody", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		w.give(1, "acme")
		stranger := newPart("stranger", w.signer.PublicKey(), w.bus)
		w.run(w.runner(Config{}).Run)
		w.submit("acme")
		job := w.job("acme", saga.StateDeleting)
		for _, c := range []events.Command{
			{JobID: events.NewJobID(), TenantID: "acme", Generation: 1, Attempt: 1},
			{JobID: job.ID, TenantID: "acme", Generation: 1, Attempt: 1},
		} {
			answer, err := events.Encode(stranger.erase("request", &c))
			require.NoError(t, err)
			require.NoError(t, w.bus.Publish(t.Context(), answer))
		}
		w.buried(2)
		w.runParts("orders", "pos", "tenants")
		w.job("acme", saga.StateCompleted)
	})
	t.Run("of participants is learnt from the broker's advisories", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		r := w.runner(Config{})
		w.run(r.deadLetters)
		forged, err := events.Encode(events.Event{ID: "forged", Source: events.SourceCoordinator, Type: events.TypeRequested,
			Subject: "acme", Time: time.Now(), Data: &events.Command{JobID: events.NewJobID(), TenantID: "acme", Generation: 1,
				Wave: 1, Attempt: 1, Participants: []events.Participant{"orders"}, Reason: "forged",
				RequestedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}})
		require.NoError(t, err)
		w.runParts("orders")
		require.NoError(t, w.bus.Publish(t.Context(), forged))
		letter := w.buried(1)[0]
		require.Equal(t, "orders", letter.Consumer)
		require.Equal(t, "not signed", letter.Reason)
	})
}

func TestForgedIDs(t *testing.T) {
	t.Parallel()
	w := memoryWorldOnce(t)
	r := w.runner(Config{})
	forged := submitted("other", "r1")
	forged.Source = "evil"
	honest := submitted("acme", "r1")
	e := forged.Event(time.Now())
	e.ID = honest.EventID()
	m, err := events.Encode(e)
	require.NoError(t, err)
	accept(t, r.handleIntake, []bus.Delivery{{Message: m, Sequence: 1}})
	accept(t, r.handleIntake, []bus.Delivery{{Message: submission(t, "acme", "r1"), Sequence: 2}})
	t.Run("of requests do not make another's request a repeat", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, events.Participant("crm"), w.job("acme", saga.StateDeleting).Source)
	})
	t.Run("of results do not make a neighbour's result a repeat", func(t *testing.T) {
		t.Parallel()
		job := w.job("acme", saga.StateDeleting)
		command := &events.Command{JobID: job.ID, TenantID: "acme", Generation: 1, Attempt: 1}
		for _, name := range []events.Participant{"orders", "pos"} {
			answer := w.parts[name].erase("request", command)
			answer.ID = events.EventIDFor(job.ID, events.TypeResult, "pos", 0, 1)
			m, err := events.Encode(answer)
			require.NoError(t, err)
			accept(t, r.handleResults, []bus.Delivery{{Message: m, Sequence: 3}})
		}
		step, _ := w.job("acme", saga.StateDeleting).Step("pos")
		require.Equal(t, saga.StepSucceeded, step.State)
	})
}

func TestCancelRacesThePivot(t *testing.T) {
	t.Parallel()
	w := memoryWorldOnce(t)
	time := newClock()
	r := w.runner(Config{Clock: time.Now, Policy: saga.Policy{Grace: 1}})
	for _, tenant := range tenantsNamed("race", 200) {
		job, _, err := r.Submit(t.Context(), submitted(tenant, "request-"+string(tenant)), saga.Asker{})
		require.NoError(t, err)
		require.Equal(t, saga.StateScheduled, job.State)
		time.move(1000)
		var race sync.WaitGroup
		var cancelErr error
		race.Go(func() { _, cancelErr = r.Act(t.Context(), job.ID, 0, saga.Cancel{By: "actor-1"}) })
		race.Go(func() {
			_, err := r.tickDue(t.Context())
			require.NoError(t, err)
		})
		race.Wait()
		ended, err := r.Job(t.Context(), job.ID)
		require.NoError(t, err)
		if cancelErr == nil {
			require.Equal(t, saga.StateCancelled, ended.State)
			require.True(t, ended.PivotAt.IsZero())
			continue
		}
		require.ErrorIs(t, cancelErr, saga.ErrPastPivot)
		require.Equal(t, saga.StateDeleting, ended.State)
	}
}

// buried waits for n dead letters.
func (w *world) buried(n int) (letters []saga.DeadLetter) {
	w.t.Helper()
	w.until("dead letters are stored", func() bool {
		var err error
		letters, err = w.store.Buried(w.t.Context(), saga.DeadFilter{})
		return err == nil && len(letters) >= n
	})
	require.Len(w.t, letters, n)
	return letters
}

// answers takes what the outbox holds and has every participant obey it, without the bus.
func (w *world) answers(t *testing.T, r *Runner) (answers []bus.Delivery) {
	for more := true; more; {
		var err error
		_, more, err = w.store.Relay(t.Context(), relayBatchMax, func(_ context.Context, unsent []events.Message) ([]int, error) {
			for _, m := range unsent {
				e, err := events.Decode(m)
				if err != nil {
					return nil, err
				}
				command, ok := e.Data.(*events.Command)
				if !ok {
					return nil, errors.New("only commands are expected here")
				}
				for _, name := range command.Participants {
					w.parts[name].put(command.TenantID, 4)
					answer, err := events.Encode(w.parts[name].erase(e.ID, command))
					if err != nil {
						return nil, err
					}
					answers = append(answers, bus.Delivery{Message: answer, Sequence: uint64(len(answers) + 1)})
				}
			}
			return nil, nil
		})
		require.NoError(t, err)
	}
	return answers
}

// repeat has each delivery once, twice or thrice, in any order.
func repeat(r *rand.Rand, deliveries []bus.Delivery) (repeated []bus.Delivery) {
	for _, d := range deliveries {
		for range 1 + r.IntN(3) {
			repeated = append(repeated, d)
		}
	}
	r.Shuffle(len(repeated), func(i, j int) { repeated[i], repeated[j] = repeated[j], repeated[i] })
	return repeated
}

func accept(t *testing.T, handle bus.HandlerFunc, batch []bus.Delivery) {
	for _, verdict := range handle(t.Context(), batch) {
		require.NoError(t, verdict)
	}
}
