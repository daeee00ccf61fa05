package runner

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/sagatest"
)

// quietWait is how long something is watched that must not happen: many times what it takes when nothing stops it.
const quietWait = 500 * time.Millisecond

// never fails when a condition comes true.
func (w *world) never(what string, happened func() bool) {
	w.t.Helper()
	require.Never(w.t, happened, quietWait, quietWait/50, what)
}

func (w *world) passes() (n int) {
	for _, p := range w.parts {
		n += p.passes()
	}
	return n
}

func TestHold(t *testing.T) {
	t.Parallel()
	t.Run("stops a job between approval and pivot, and its release resumes it by itself", func(t *testing.T) {
		t.Parallel()
		w, r := running(t, Config{Policy: saga.Policy{Approval: true}}, "acme")
		w.submit("acme")
		job := w.job("acme", saga.StateAwaitingApproval)
		held, err := r.Hold(t.Context(), saga.Hold{Tenant: "acme", Code: "tax_audit", Reason: "see the case", By: "lawyer-1"})
		require.NoError(t, err)
		approved, err := r.Act(t.Context(), job.ID, 0, saga.Approve{By: "operator-1"})
		require.NoError(t, err)
		require.Equal(t, saga.StateScheduled, approved.State)
		require.Equal(t, saga.ReasonHold, approved.Blocked.Code)
		w.never("a held tenant is left alone", func() bool { return w.passes() > 0 })
		_, err = r.Release(t.Context(), "acme", held.ID, "lawyer-1", "the audit is over")
		require.NoError(t, err)
		require.EqualValues(t, 15, w.job("acme", saga.StateCompleted).Total())
	})
	t.Run("is refused once the tenant's deletion has begun", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		r := w.runner(Config{})
		_, _, err := r.Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		require.NoError(t, err)
		_, err = r.Hold(t.Context(), saga.Hold{Tenant: "acme", Code: "tax_audit", Reason: "see the case", By: "lawyer-1"})
		require.ErrorIs(t, err, saga.ErrPastPivot)
		holds, err := r.Holds(t.Context(), saga.HoldFilter{})
		require.NoError(t, err)
		require.Empty(t, holds)
	})
}

func TestPause(t *testing.T) {
	t.Parallel()
	t.Run("stops what waits at the broker, and survives broker and coordinator", func(t *testing.T) {
		t.Parallel()
		dir, db := t.TempDir(), pgtest.New(t, migrations.Coordinator())
		server := startBroker(t, dir)
		port := server.Port()
		w := newWorld(t, openStore(t, db), openBroker(t, server))
		tenants := tenantsNamed("acme", 10)
		w.give(3, tenants...)
		r := w.runner(Config{Policy: patient})
		stop := w.run(r.Run)
		w.submit(tenants...)
		for _, tenant := range tenants {
			w.job(tenant, saga.StateDeleting)
		}
		controls, err := r.Pause(t.Context(), "operator-1", "a wrong list")
		require.NoError(t, err)
		require.Equal(t, "operator-1", controls.Pause.By)
		for _, tenant := range tenants {
			require.Equal(t, saga.ReasonPaused, w.job(tenant, saga.StateDeleting).Blocked.Code)
		}
		stop()
		server.Stop()
		again, err := embedded.Start(embedded.Config{StoreDir: dir, Port: port})
		require.NoError(t, err)
		t.Cleanup(again.Stop)
		provisionBroker(t, again)
		w.runParts("orders", "pos", "tenants")
		r = w.runner(Config{Policy: patient})
		stop = w.run(r.Run)
		w.submit("late")
		require.Equal(t, saga.ReasonPaused, w.job("late", saga.StateScheduled).Blocked.Code)
		w.never("nobody deletes", func() bool { return w.passes() > 0 })
		_, err = r.Resume(t.Context(), "operator-2")
		require.NoError(t, err)
		for _, tenant := range tenants {
			require.EqualValues(t, 9, w.job(tenant, saga.StateCompleted).Total())
		}
		w.job("late", saga.StateCompleted)
		history, err := r.History(t.Context(), w.job("late", saga.StateCompleted).ID, 1, 1)
		require.NoError(t, err)
		require.Equal(t, [2]string{"resume", "operator-2"}, [2]string{history[0].Kind, history[0].By})
		stop()
	})
	t.Run("takes results, and begins no wave and no verification", func(t *testing.T) {
		t.Parallel()
		w, r := running(t, Config{Policy: patient})
		gate := w.parts["pos"].hold()
		w.give(5, "acme")
		w.submit("acme")
		w.until("orders answered", func() bool {
			step, _ := w.job("acme", saga.StateDeleting).Step("orders")
			return step.State == saga.StepSucceeded
		})
		w.until("pos has its command in hand", gate.entered)
		_, err := r.Pause(t.Context(), "operator-1", "a wrong list")
		require.NoError(t, err)
		gate.open()
		w.until("pos answered", func() bool {
			step, _ := w.job("acme", saga.StateDeleting).Step("pos")
			return step.State == saga.StepSucceeded
		})
		w.never("the tenant service is left alone", func() bool { return w.parts["tenants"].passes() > 0 })
		require.Equal(t, 1, w.job("acme", saga.StateDeleting).Wave)
		_, _, err = r.ReplayAll(t.Context(), saga.ReplaySet{By: "operator-1", Job: w.job("acme", saga.StateDeleting).ID})
		require.NoError(t, err)
		require.Equal(t, 2, w.passes(), "a replay begins nothing either")
		_, err = r.Resume(t.Context(), "operator-1")
		require.NoError(t, err)
		require.EqualValues(t, 15, w.job("acme", saga.StateCompleted).Total())
	})
	t.Run("a stream that is lost in it is filled again after it", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		server := startBroker(t, dir)
		port := server.Port()
		w := newWorld(t, sagatest.NewMemory(), openBroker(t, server))
		w.give(1, "acme")
		r := w.runner(Config{Policy: patient})
		stop := w.run(r.Run)
		w.submit("acme")
		w.until("the command is stored", func() bool {
			_, err := w.bus.Last(t.Context(), events.StreamEvents, "tenant.deletion.requested.acme")
			return err == nil
		})
		_, err := r.Pause(t.Context(), "operator-1", "a wrong list")
		require.NoError(t, err)
		server.Stop()
		require.NoError(t, os.RemoveAll(dir))
		again, err := embedded.Start(embedded.Config{StoreDir: dir, Port: port})
		require.NoError(t, err)
		t.Cleanup(again.Stop)
		provisionBroker(t, again)
		w.until("the loss is noticed", func() bool {
			r.canary.mu.Lock()
			defer r.canary.mu.Unlock()
			return r.canary.subject == ""
		})
		_, err = r.Resume(t.Context(), "operator-1")
		require.NoError(t, err)
		w.runParts("orders", "pos", "tenants")
		w.job("acme", saga.StateCompleted)
		stop()
	})
}

func TestGovernor(t *testing.T) {
	t.Parallel()
	time0 := newClock()
	w, r := running(t, Config{Clock: time0.Now}, tenantsNamed("acme", 10)...)
	_, err := r.SetGovernor(t.Context(), 3, "operator-1")
	require.NoError(t, err)
	begun := func() int {
		jobs, err := w.store.Jobs(t.Context(), saga.Filter{States: []saga.State{saga.StateCompleted}})
		require.NoError(t, err)
		return len(jobs)
	}
	for _, tenant := range tenantsNamed("acme", 10) {
		_, _, err := r.Submit(t.Context(), submitted(tenant, "request-"+string(tenant)), saga.Asker{})
		require.NoError(t, err)
	}
	w.until("three are done", func() bool { return begun() == 3 })
	for hour := 1; hour <= 2; hour++ {
		time0.move(saga.GovernorWindow - time.Millisecond)
		wake(r.scheduleWake)
		w.never("no more within the hour", func() bool { return begun() > 3*hour })
		time0.move(time.Millisecond)
		wake(r.scheduleWake)
		w.until("three more are done", func() bool { return begun() == 3*(hour+1) })
	}
	require.Equal(t, saga.ReasonGovernor, w.job("acme-9", saga.StateScheduled).Blocked.Code, "who came last is last")
	_, err = r.SetGovernor(t.Context(), 0, "operator-1")
	require.NoError(t, err)
	w.job("acme-9", saga.StateCompleted)
}
