package runner

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// confirming is a request that repeats a fingerprint.
func confirming(tenant events.TenantID, fingerprint string) events.Submitted {
	s := submitted(tenant, "request-"+string(tenant))
	s.Preview = fingerprint
	return s
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	required := saga.Policy{ConfirmPreview: true, DriftRows: 3}
	t.Run("a request that confirms what is there deletes it", func(t *testing.T) {
		t.Parallel()
		w, r := running(t, Config{Policy: required}, "acme")
		answers, seen, err := r.KeepPreview(t.Context(), "acme")
		require.NoError(t, err)
		require.Len(t, answers, 3)
		require.EqualValues(t, 15, seen.Total())
		for range 2 { // the repeat finds nothing there any more, and is the same job all the same
			job, _, err := r.Submit(t.Context(), confirming("acme", seen.Fingerprint), saga.Asker{By: "service-1"})
			require.NoError(t, err)
			require.Equal(t, "service-1", job.SubmittedBy)
			require.Equal(t, seen, job.Confirmed)
			require.EqualValues(t, 15, w.job("acme", saga.StateCompleted).Total())
		}
	})
	t.Run("what does not hold is refused by a code, to whoever waits and over the bus", func(t *testing.T) {
		t.Parallel()
		clock := newClock()
		w, r := running(t, Config{Policy: required, Clock: clock.Now}, "acme", "old", "grown")
		keep := func(tenant events.TenantID) string {
			_, seen, err := r.KeepPreview(t.Context(), tenant)
			require.NoError(t, err)
			return seen.Fingerprint
		}
		old := keep("old")
		clock.move(24*time.Hour + time.Second)
		acme, grown := keep("acme"), keep("grown")
		w.give(4, "grown")
		for code, s := range map[string]events.Submitted{
			saga.ReasonPreviewMissing: confirming("acme", ""),
			saga.ReasonPreviewUnknown: confirming("acme", "pv_aaaaaaaaaaaaaaaaaaaaaaaaaa"),
			saga.ReasonPreviewTenant:  confirming("strange", acme),
			saga.ReasonPreviewExpired: confirming("old", old),
			saga.ReasonDrifted:        confirming("grown", grown),
		} {
			_, _, err := r.Submit(t.Context(), s, saga.Asker{})
			var refused *saga.RefusedError
			require.ErrorAs(t, err, &refused, code)
			require.Equal(t, code, refused.Code)
			s.RequestID = "bus-" + code
			m, err := events.Encode(s.Event(clock.Now()))
			require.NoError(t, err)
			require.NoError(t, w.bus.Publish(t.Context(), m))
			w.until("the bus has its refusal: "+code, func() bool {
				jobs, err := w.store.Jobs(t.Context(), saga.Filter{RequestID: s.RequestID})
				return err == nil && len(jobs) == 1 && jobs[0].State == saga.StateRefused && jobs[0].Cause == code
			})
		}
		require.Zero(t, w.passes())
	})
	t.Run("who cannot be counted keeps a request waiting", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		w.give(5, "acme")
		stop := w.run(w.parts["orders"].run)
		w.runParts("pos", "tenants")
		r := w.runner(Config{Policy: required, PreviewTimeout: 100 * time.Millisecond})
		var seen *saga.Preview
		w.until("everybody can be counted", func() (ok bool) {
			var err error
			_, seen, err = r.KeepPreview(t.Context(), "acme")
			return err == nil && seen != nil
		})
		stop()
		answers, none, err := r.KeepPreview(t.Context(), "acme")
		require.NoError(t, err)
		require.Len(t, answers, 3)
		require.Nil(t, none, "what somebody could not tell cannot be confirmed")
		_, _, err = r.Submit(t.Context(), confirming("acme", seen.Fingerprint), saga.Asker{})
		require.ErrorIs(t, err, saga.ErrUncounted)
		require.ErrorContains(t, err, "orders")
		w.run(r.Run)
		m, err := events.Encode(pointer(confirming("acme", seen.Fingerprint)).Event(time.Now()))
		require.NoError(t, err)
		require.NoError(t, w.bus.Publish(t.Context(), m))
		w.runParts("orders")
		require.EqualValues(t, 15, w.job("acme", saga.StateCompleted).Total())
	})
	t.Run("what drifts in the grace stops before the first delete, until it is renewed", func(t *testing.T) {
		t.Parallel()
		policy := required
		policy.Grace = time.Hour
		clock := newClock()
		w, r := running(t, Config{Policy: policy, Clock: clock.Now}, "acme")
		_, seen, err := r.KeepPreview(t.Context(), "acme")
		require.NoError(t, err)
		job, _, err := r.Submit(t.Context(), confirming("acme", seen.Fingerprint), saga.Asker{})
		require.NoError(t, err)
		w.give(4, "acme")
		clock.move(time.Hour)
		wake(r.scheduleWake)
		w.until("the drift is seen", func() bool {
			job, err := r.Job(t.Context(), job.ID)
			return err == nil && job.Blocked.Code == saga.ReasonDrifted
		})
		w.never("nothing is deleted", func() bool { return w.passes() > 0 })
		_, err = r.Act(t.Context(), job.ID, 0, saga.Renew{By: "operator-1", Fingerprint: "pv_aaaaaaaaaaaaaaaaaaaaaaaaaa"})
		var refused *saga.RefusedError
		require.ErrorAs(t, err, &refused)
		_, again, err := r.KeepPreview(t.Context(), "acme")
		require.NoError(t, err)
		_, err = r.Act(t.Context(), job.ID, 0, saga.Renew{By: "operator-1", Fingerprint: again.Fingerprint})
		require.NoError(t, err)
		require.EqualValues(t, 27, w.job("acme", saga.StateCompleted).Total())
	})
}

func pointer[T any](v T) *T { return &v }
