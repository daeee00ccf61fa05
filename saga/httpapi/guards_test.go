package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/saga"
)

func (w *world) hold(tenant, code string) reply {
	w.t.Helper()
	return w.do(request{method: "POST", path: "/api/v1/tenants/" + tenant + "/holds", as: "lawyer",
		body: NewHold{Code: code, Reason: "see the case", Reference: "2026/17"}})
}

func (w *world) release(h Hold) reply {
	w.t.Helper()
	return w.do(request{method: "POST", path: fmt.Sprintf("/api/v1/tenants/%s/holds/%d/release", h.TenantID, h.ID), as: "lawyer",
		body: Why{Reason: "the case is closed"}})
}

func TestHolds(t *testing.T) {
	t.Parallel()
	t.Run("a held job waits, and goes on when the last hold is released", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		first := read[Hold](w.hold("acme", "tax_audit").is(http.StatusCreated))
		require.Equal(t, [4]string{"tax_audit", "see the case", "2026/17", "lawyer"},
			[4]string{first.Code, first.Reason, first.Reference, first.By})
		second := read[Hold](w.hold("acme", "litigation").is(http.StatusCreated))
		job := read[Job](w.submit(NewJob{TenantID: "acme", Reason: "gone"}, "key-1").is(http.StatusAccepted))
		require.Equal(t, [2]any{saga.StateScheduled, saga.ReasonHold}, [2]any{job.State, job.Blocked.Code})
		w.do(request{method: "DELETE", path: "/api/v1/orders/tenant/acme"}).refused(http.StatusConflict, CodeHeld)
		listed := read[Jobs](w.do(request{method: "GET", path: jobsPath + "?blocked=hold"}).is(http.StatusOK))
		require.Len(t, listed.Jobs, 1)
		released := read[Hold](w.release(first).is(http.StatusOK))
		require.Equal(t, "the case is closed", released.Released.Reason)
		w.release(first).refused(http.StatusConflict, CodeWrongState)
		w.release(Hold{TenantID: "other", ID: second.ID}).refused(http.StatusNotFound, CodeNotFound)
		w.release(second).is(http.StatusOK)
		w.until(job, saga.StateCompleted)
		history := read[Entries](w.do(request{method: "GET", path: jobsPath + "/" + string(job.JobID) + "/events"}).is(http.StatusOK))
		require.Equal(t, [2]string{"release", "lawyer"}, [2]string{history.Events[1].Kind, history.Events[1].By})
	})
	t.Run("a hold after the first delete is refused with the reason", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		open := w.parts["orders"].hold()
		defer open()
		job := read[Job](w.submit(NewJob{TenantID: "acme", Reason: "gone"}, "key-1").is(http.StatusAccepted))
		w.until(job, saga.StateDeleting)
		p := w.hold("acme", "tax_audit").refused(http.StatusConflict, CodePastPivot)
		require.Contains(t, p.Detail, "only goes forward")
		open()
		w.until(job, saga.StateCompleted)
	})
	t.Run("lists are paged, and show the released on request", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		for n := range 3 {
			h := read[Hold](w.hold(fmt.Sprintf("acme-%d", n), "tax_audit").is(http.StatusCreated))
			if n == 0 {
				w.release(h).is(http.StatusOK)
			}
		}
		list := func(query string) Holds {
			return read[Holds](w.do(request{method: "GET", path: holdsPath + query}).is(http.StatusOK))
		}
		require.Len(t, list("").Holds, 2)
		require.Len(t, list("?tenant_id=acme-1").Holds, 1)
		page := list("?released=true&limit=2")
		require.Equal(t, "acme-2", string(page.Holds[0].TenantID))
		rest := list("?released=true&limit=2&page_token=" + page.NextPageToken)
		require.Equal(t, "acme-0", string(rest.Holds[0].TenantID))
		require.NotNil(t, rest.Holds[0].Released)
		w.do(request{method: "GET", path: holdsPath + "?page_token=" + page.NextPageToken}).
			refused(http.StatusUnprocessableEntity, CodeInvalid)
	})
	t.Run("a reason is a sentence, and the case printable", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		for _, body := range []string{`{"code":"In Prose","reason":"r"}`, `{"code":"c","reason":""}`, `{"code":"c","reason":"  "}`,
			`{"code":"c","reason":"a\u0000b"}`, `{"code":"c","reason":"` + strings.Repeat("a", 201) + `"}`, `{"reason":"r"}`,
			`{"code":"c","reason":"r","reference":"a\u0000"}`} {
			w.do(request{method: "POST", path: "/api/v1/tenants/acme/holds", body: body}).
				refused(http.StatusUnprocessableEntity, CodeInvalid)
		}
		blank := Why{Reason: " "}
		for _, path := range []string{controlsPath + "/pause", "/api/v1/tenants/acme/holds/1/release"} {
			w.do(request{method: "POST", path: path, body: blank}).refused(http.StatusUnprocessableEntity, CodeInvalid)
		}
	})
}

func TestControls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	failed := w.failed("old")
	w.parts["orders"].refuse(false)
	controls := read[Controls](w.do(request{method: "GET", path: controlsPath}).is(http.StatusOK))
	require.Equal(t, Controls{}, controls)
	pause := func(as, reason string) Controls {
		return read[Controls](w.do(request{method: "POST", path: controlsPath + "/pause", as: as, body: Why{Reason: reason}}).
			is(http.StatusOK))
	}
	require.Equal(t, "bob", pause("bob", "a wrong list").Pause.By)
	require.Equal(t, "bob", pause("alice", "another reason").Pause.By, "the first pause stands")
	require.Equal(t, "a wrong list", read[Controls](w.do(request{method: "GET", path: controlsPath})).Pause.Reason)
	job := read[Job](w.submit(NewJob{TenantID: "acme", Reason: "gone"}, "key-1").is(http.StatusAccepted))
	require.Equal(t, saga.ReasonPaused, job.Blocked.Code)
	w.act(failed, "replay", "bob").refused(http.StatusConflict, CodePaused)
	w.do(request{method: "DELETE", path: "/api/v1/orders/tenant/acme"}).refused(http.StatusConflict, CodePaused)
	for range 2 {
		after := read[Controls](w.do(request{method: "POST", path: controlsPath + "/resume", as: "bob"}).is(http.StatusOK))
		require.Nil(t, after.Pause)
	}
	w.until(job, saga.StateCompleted)
}
