package httpapi

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// preview counts a tenant, and keeps what was counted.
func (w *world) preview(tenant events.TenantID) Preview {
	w.t.Helper()
	path := "/api/v1/tenants/" + string(tenant) + "/deletion-previews"
	return read[Preview](w.do(request{method: "POST", path: path}).is(http.StatusCreated))
}

func TestConfirmPreview(t *testing.T) {
	t.Parallel()
	t.Run("a request repeats what was seen, and the job shows it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.parts["orders"].give("acme", 40)
		seen := w.preview("acme")
		require.Equal(t, [2]any{true, int64(40)}, [2]any{seen.Complete, seen.Total})
		job := read[Job](w.submit(NewJob{TenantID: "acme", Reason: "gone", Preview: seen.Fingerprint}, "key-1").
			is(http.StatusAccepted))
		require.Equal(t, seen.Fingerprint, job.Confirmed.Fingerprint)
		require.EqualValues(t, 40, job.Confirmed.Total)
		require.EqualValues(t, 40, w.until(job, saga.StateCompleted).Total)
	})
	t.Run("what does not hold is refused by its code", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.parts["orders"].give("acme", 40)
		seen := w.preview("acme")
		ask := func(tenant events.TenantID, fingerprint, key string) reply {
			return w.submit(NewJob{TenantID: tenant, Reason: "gone", Preview: fingerprint}, key)
		}
		ask("acme", exampleFingerprint, "key-1").refused(http.StatusConflict, saga.ReasonPreviewUnknown)
		ask("other", seen.Fingerprint, "key-2").refused(http.StatusConflict, saga.ReasonPreviewTenant)
		ask("acme", "40 rows", "key-3").refused(http.StatusUnprocessableEntity, CodeInvalid)
		w.parts["orders"].give("acme", 101)
		w.do(request{method: "DELETE", path: "/api/v1/tenants/acme?preview=" + seen.Fingerprint}).
			refused(http.StatusConflict, saga.ReasonDrifted)
	})
	t.Run("who cannot tell leaves nothing to confirm", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		put := Roster{Roster: []RosterEntry{{Participant: "orders", Wave: 1}, {Participant: "absent", Wave: 1}}}
		seen := w.preview("acme")
		w.do(request{method: "PUT", path: participantsPath, body: put}).is(http.StatusOK)
		incomplete := w.preview("acme")
		require.Equal(t, [2]any{false, ""}, [2]any{incomplete.Complete, incomplete.Fingerprint})
		w.submit(NewJob{TenantID: "acme", Reason: "gone", Preview: seen.Fingerprint}, "key-1").
			refused(http.StatusServiceUnavailable, CodeUnavailable)
	})
	t.Run("an approval repeats what it approves, and comes from nobody who asked", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.parts["orders"].give("acme", 40)
		seen := w.preview("acme")
		body := approval("acme")
		body.Preview, body.RequestedBy = seen.Fingerprint, "carol"
		r := w.do(request{method: "POST", path: jobsPath, as: "crm/service-1", header: map[string]string{"Idempotency-Key": "key-1"},
			body: body})
		job := read[Job](r.is(http.StatusAccepted))
		require.Equal(t, [2]string{"carol", "service-1"}, [2]string{job.RequestedBy, job.SubmittedBy})
		approve := func(as, fingerprint string) reply {
			return w.do(request{method: "POST", path: jobsPath + "/" + string(job.JobID) + "/approve", as: as,
				header: map[string]string{"If-Match": "*"}, body: Approval{Preview: fingerprint}})
		}
		for _, asker := range []string{"carol", "service-1"} {
			approve(asker, seen.Fingerprint).refused(http.StatusConflict, CodeFourEyes)
		}
		approve("bob", "").refused(http.StatusConflict, CodePreviewMismatch)
		approve("bob", exampleFingerprint).refused(http.StatusConflict, CodePreviewMismatch)
		approve("bob", seen.Fingerprint).is(http.StatusAccepted)
		w.until(job, saga.StateCompleted)
	})
	t.Run("a job that has not begun takes a newer preview", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		body := NewJob{TenantID: "acme", Reason: "gone", Preview: w.preview("acme").Fingerprint,
			Policy: &events.RequestPolicy{GraceSeconds: int64(time.Hour.Seconds())}}
		job := read[Job](w.submit(body, "key-1").is(http.StatusAccepted))
		renew := func(fingerprint string) reply {
			return w.do(request{method: "POST", path: jobsPath + "/" + string(job.JobID) + "/renew",
				header: map[string]string{"If-Match": "*"}, body: Renewal{Preview: fingerprint}})
		}
		w.parts["orders"].give("acme", 40)
		renew(w.preview("other").Fingerprint).refused(http.StatusConflict, saga.ReasonPreviewTenant)
		renew(exampleFingerprint).refused(http.StatusConflict, saga.ReasonPreviewUnknown)
		newer := w.preview("acme")
		renewed := read[Job](renew(newer.Fingerprint).is(http.StatusAccepted))
		require.EqualValues(t, 40, renewed.Confirmed.Total)
		w.act(job, "cancel", "bob").is(http.StatusAccepted)
		renew(newer.Fingerprint).refused(http.StatusConflict, CodeWrongState)
	})
}
