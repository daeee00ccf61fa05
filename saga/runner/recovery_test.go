package runner

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/sagatest"
)

// patient would wait for minutes: what finishes sooner was recovered.
var patient = saga.Policy{Patience: 10 * time.Minute}

func TestRecovery(t *testing.T) {
	t.Parallel()
	t.Run("an empty stream at start costs a re-publish, not a job", func(t *testing.T) {
		t.Parallel()
		first := memoryWorld(t)
		tenants := tenantsNamed("acme", 20)
		first.give(1, tenants...)
		stopPart, stop := first.run(first.parts["orders"].run), first.run(first.runner(Config{Policy: patient}).Run)
		first.submit(tenants...)
		for _, tenant := range tenants {
			first.until("orders answered", func() bool {
				step, _ := first.job(tenant, saga.StateDeleting).Step("orders")
				return step.State == saga.StepSucceeded
			})
		}
		stop()
		stopPart()

		w := newWorld(t, first.store, memoryBus())
		for name, p := range w.parts {
			p.rows, p.receipts = first.parts[name].rows, first.parts[name].receipts
		}
		w.runParts("orders", "pos", "tenants")
		w.run(w.runner(Config{}).Run)
		for _, tenant := range tenants {
			require.EqualValues(t, 3, w.job(tenant, saga.StateCompleted).Total())
		}
	})
	t.Run("a stream lost while the coordinator runs is noticed", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		server := startBroker(t, dir)
		port := server.Port()
		w := newWorld(t, sagatest.NewMemory(), openBroker(t, server))
		w.give(1, "acme")
		stop := w.run(w.runner(Config{Policy: patient}).Run)
		w.submit("acme")
		w.until("the command is stored", func() bool {
			_, err := w.bus.Last(t.Context(), events.StreamEvents, "tenant.deletion.requested.acme")
			return err == nil
		})
		server.Stop()
		require.NoError(t, os.RemoveAll(dir))
		again, err := embedded.Start(embedded.Config{StoreDir: dir, Port: port})
		require.NoError(t, err)
		t.Cleanup(again.Stop)
		provisionBroker(t, again)
		w.runParts("orders", "pos", "tenants")
		w.job("acme", saga.StateCompleted)
		stop() // before the broker: a consumer that drains waits for it
	})
	t.Run("a job whose verifier died is verified at the next start", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		w.give(1, "acme")
		w.runParts("orders", "pos", "tenants")
		r := w.runner(Config{Policy: patient})
		stops := []func(){w.run(r.intake), w.run(r.relay), w.run(r.results)}
		w.submit("acme")
		w.job("acme", saga.StateVerifying)
		for _, stop := range stops {
			stop()
		}
		w.run(w.runner(Config{}).Run)
		w.job("acme", saga.StateCompleted)
	})
	t.Run("commands that are on their way are left alone, and sent", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		r := w.runner(Config{Policy: patient})
		job, _, err := r.Submit(t.Context(), submitted("acme", "r1"), saga.Asker{}) // nobody has relayed it yet
		require.NoError(t, err)
		require.NoError(t, r.recoverOpen(t.Context()))
		same, err := r.Job(t.Context(), job.ID)
		require.NoError(t, err)
		require.Equal(t, job.Version, same.Version)
		_, err = w.bus.Last(t.Context(), events.StreamEvents, events.RequestedSubject("acme"))
		require.NoError(t, err)
	})
	t.Run("commands that are in the stream are left alone", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		r := w.runner(Config{Policy: patient})
		job, _, err := r.Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		require.NoError(t, err)
		require.NoError(t, r.drain(t.Context()))
		require.NoError(t, r.recoverOpen(t.Context()))
		same, err := r.Job(t.Context(), job.ID)
		require.NoError(t, err)
		require.Equal(t, job.Version, same.Version)
	})
}

func TestRelay(t *testing.T) {
	t.Parallel()
	t.Run("a crash between publishing and marking sends the same message again", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		crashed := false
		r := w.runner(Config{Reached: func(p Point) {
			if p == PointRelayed && !crashed {
				crashed = true
				panic("crash")
			}
		}})
		_, _, err := r.Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		require.NoError(t, err)
		store := &crashStore{Store: w.store}
		r.store = store
		require.Error(t, r.drain(t.Context()))
		stored, err := w.bus.Last(t.Context(), events.StreamEvents, "tenant.deletion.requested.acme")
		require.NoError(t, err)
		require.NoError(t, r.drain(t.Context()))
		again, err := w.bus.Last(t.Context(), events.StreamEvents, "tenant.deletion.requested.acme")
		require.NoError(t, err)
		require.Equal(t, stored.Sequence, again.Sequence, "stored once")
	})
	t.Run("signs everything it sends", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		r := w.runner(Config{})
		_, _, err := r.Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		require.NoError(t, err)
		require.NoError(t, r.drain(t.Context()))
		stored, err := w.bus.Last(t.Context(), events.StreamEvents, "tenant.deletion.requested.acme")
		require.NoError(t, err)
		require.NoError(t, events.Verify(stored.Message, w.signer.PublicKey()))
	})
}

// crashStore turns a panic in send into what a crash is for the store: a transaction that never commits.
type crashStore struct{ saga.Store }

func (s *crashStore) Relay(
	ctx context.Context, limit int, send func(context.Context, []events.Message) ([]int, error),
) (int, bool, error) {
	return s.Store.Relay(ctx, limit, func(ctx context.Context, unsent []events.Message) (failed []int, err error) {
		defer func() {
			if recover() != nil {
				err = context.Canceled
			}
		}()
		return send(ctx, unsent)
	})
}

func TestPreview(t *testing.T) {
	t.Parallel()
	for claim, body := range map[string]string{
		"of another tenant":        `{"tenant_id":"other","service_name":"orders","counts":{"things":0}}`,
		"of another participant":   `{"tenant_id":"acme","service_name":"pos","counts":{"things":0}}`,
		"that looked at nothing":   `{"tenant_id":"acme","service_name":"orders","counts":{}}`,
		"with a negative count":    `{"tenant_id":"acme","service_name":"orders","counts":{"things":-1}}`,
		"with an unknown field":    `{"tenant_id":"acme","service_name":"orders","counts":{"things":0},"more":1}`,
		"followed by another":      `{"tenant_id":"acme","service_name":"orders","counts":{"things":0}}{}`,
		"that is no JSON document": `zero`,
	} {
		t.Run("an answer "+claim+" proves nothing", func(t *testing.T) {
			t.Parallel()
			_, err := decodePreview([]byte(body), "orders", "acme")
			require.ErrorIs(t, err, events.ErrInvalid)
		})
	}
	t.Run("an answer that came before the participant was asked again is dropped", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		r := w.runner(Config{})
		accept(t, r.handleIntake, []bus.Delivery{{Message: submission(t, "acme", "r1"), Sequence: 1}})
		accept(t, r.handleResults, w.answers(t, r))
		accept(t, r.handleResults, w.answers(t, r))
		w.runParts(testParticipants()...)
		job := w.job("acme", saga.StateVerifying)
		change := r.count(t.Context(), verification{job: job.Clone(), ask: testParticipants()})
		decision, err := change.Decide(job.Clone())
		require.NoError(t, err)
		require.Equal(t, saga.StateCompleted, decision.Job.State)
		job.Steps[0].Attempt++
		decision, err = change.Decide(job)
		require.NoError(t, err)
		require.False(t, decision.Changed)
	})
}
