package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// records are those of the filter, oldest first.
func (w *world) records(f saga.AuditFilter) []saga.AuditRecord {
	w.t.Helper()
	f.Limit = 1000
	records, err := w.trail.Recorded(w.t.Context(), f)
	require.NoError(w.t, err)
	slices.Reverse(records)
	return records
}

func TestEveryActionIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, op := range operations(w.api) {
		if isOpen(op) || op.Method == http.MethodGet {
			continue
		}
		t.Run(op.OperationID, func(t *testing.T) {
			w := w.as(t)
			answered := w.do(sample(op))
			records := w.records(saga.AuditFilter{Operation: op.OperationID})
			require.Len(t, records, 2, "an intent and its outcome")
			intent, outcome := records[0], records[1]
			require.Equal(t, [2]saga.AuditPhase{saga.AuditIntent, saga.AuditOutcome}, [2]saga.AuditPhase{intent.Phase, outcome.Phase})
			require.Equal(t, intent.Action, outcome.Action)
			require.Equal(t, [2]string{"alice", "127.0.0.1"}, [2]string{intent.Actor, intent.Origin})
			require.Equal(t, answered.status < http.StatusBadRequest, outcome.Code == saga.AuditDone, outcome.Code)

			w.do(func() request { q := sample(op); q.as = "mallory"; return q }()).is(http.StatusForbidden)
			refused := w.records(saga.AuditFilter{Operation: op.OperationID})[2:]
			require.Len(t, refused, 1, "a refusal")
			require.Equal(t, CodeForbidden, refused[0].Code)
		})
	}
	require.NoError(t, saga.CheckChain(saga.AuditStart, w.records(saga.AuditFilter{})...))
}

func TestAnActionIsRecordedBeforeItIsDone(t *testing.T) {
	t.Parallel()
	t.Run("what cannot be recorded is not done", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		job := read[Job](w.submit(waiting("acme"), "key-1").is(http.StatusAccepted))
		w.trail.Break(errors.New("a secret cause"))
		w.act(job, "cancel", "alice").refused(http.StatusServiceUnavailable, CodeUnavailable)
		w.submit(waiting("umbra"), "key-2").refused(http.StatusServiceUnavailable, CodeUnavailable)
		w.do(request{method: "DELETE", path: "/api/v1/orders/tenant/acme"}).refused(http.StatusServiceUnavailable, CodeUnavailable)
		w.do(request{method: "GET", path: jobsPath, as: "mallory"}).refused(http.StatusForbidden, CodeForbidden)
		w.trail.Break(nil)
		jobs := read[Jobs](w.do(request{method: "GET", path: jobsPath})).Jobs
		require.Len(t, jobs, 1)
		require.Equal(t, saga.StateScheduled, jobs[0].State, "reading goes on, and nothing was done")
	})
	t.Run("what is done stays done when its outcome cannot be recorded", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.ruled(func(context.Context, events.Submitted, saga.Asker) error { // the intent is there by now
			require.Len(t, w.records(saga.AuditFilter{Tenant: "acme"}), 1)
			w.trail.Break(errors.New("disk full"))
			return nil
		})
		w.submit(waiting("acme"), "key-1").is(http.StatusAccepted)
		require.Contains(t, w.log.String(), "outcome not recorded")
		require.Equal(t, saga.AuditIntent, w.records(saga.AuditFilter{})[0].Phase)
	})
}

func TestWhatIsRecorded(t *testing.T) {
	t.Parallel()
	t.Run("of a request is who asks, for whom, about what, and what became of it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		body := waiting("acme")
		body.RequestedBy, body.OverrideReason = "bob", "ticket-4711"
		job := read[Job](w.do(request{method: "POST", path: jobsPath, as: "crm/robot", body: body,
			header: map[string]string{"Idempotency-Key": "key-1"}}).is(http.StatusAccepted))
		records := w.records(saga.AuditFilter{Tenant: "acme"})
		require.Len(t, records, 2)
		require.Equal(t, [5]string{"robot", "bob", "crm", "contract_ended", "override:ticket-4711"}, [5]string{records[0].Actor,
			records[0].OnBehalfOf, string(records[0].Source), records[0].Reason, records[0].About})
		require.Empty(t, records[0].Job, "there was none yet")
		require.Equal(t, job.JobID, records[1].Job)
	})
	t.Run("of a refusal by the rules is its code", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.ruled(func(context.Context, events.Submitted, saga.Asker) error {
			return &saga.RefusedError{Code: saga.ReasonOtherAdmins}
		})
		w.do(request{method: "DELETE", path: "/api/v1/tenants/acme"}).is(http.StatusConflict)
		require.Equal(t, saga.ReasonOtherAdmins, w.records(saga.AuditFilter{Tenant: "acme"})[1].Code)
	})
	t.Run("of a service that gave up is why", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.parts["orders"].refuse(true)
		w.do(request{method: "DELETE", path: "/api/v1/orders/tenant/acme"}).is(http.StatusConflict)
		require.Equal(t, "unplanned_table", w.records(saga.AuditFilter{Tenant: "acme"})[1].Code)
	})
	t.Run("of paths and reasons is nothing that could be prose", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.do(request{method: "DELETE", path: "/api/v1/tenants/a%20b", as: "mallory"}).is(http.StatusUnprocessableEntity)
		w.do(request{method: "POST", path: lettersPath + "/4711/discard", body: Discard{Reason: "Mrs. Smith asked"}})
		for _, r := range w.records(saga.AuditFilter{}) {
			require.NotContains(t, fmt.Sprintf("%+v", r), "a b")
			require.NotContains(t, fmt.Sprintf("%+v", r), "Smith")
		}
		require.Equal(t, "4711", w.records(saga.AuditFilter{Operation: "discardDeadLetter"})[0].About)
	})
	t.Run("of a guard is its code, its reference, and whom it is about", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.do(request{method: "POST", path: "/api/v1/tenants/acme/holds", body: NewHold{Code: "tax_audit", Reason: "Mrs. Smith asked",
			Reference: "FA-2026:17"}}).is(http.StatusCreated)
		w.do(request{method: "POST", path: "/api/v1/controls/pause", body: Why{Reason: "incident-7"}}).is(http.StatusOK)
		held := w.records(saga.AuditFilter{Operation: "holdTenant"})[0]
		require.Equal(t, []string{"acme", "tax_audit", "FA-2026:17"}, []string{string(held.Tenant), held.Reason, held.About})
		require.Equal(t, "incident-7", w.records(saga.AuditFilter{Operation: "pauseDeletions"})[0].Reason)
		for _, r := range w.records(saga.AuditFilter{}) {
			require.NotContains(t, fmt.Sprintf("%+v", r), "Smith")
		}
	})
	t.Run("of strangers is so much, and no more", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		for range 2 * strangersBurst {
			w.do(request{method: "DELETE", path: "/api/v1/tenants/acme", as: "-"}).is(http.StatusUnauthorized)
		}
		n := len(w.records(saga.AuditFilter{}))
		require.GreaterOrEqual(t, n, strangersBurst)
		require.Less(t, n, 2*strangersBurst)
		w.do(request{method: "DELETE", path: "/api/v1/tenants/acme", as: "mallory"}).is(http.StatusForbidden)
		require.Len(t, w.records(saga.AuditFilter{}), n+1, "who is known is recorded all the same")
	})
	t.Run("of reading is nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.do(request{method: "GET", path: jobsPath}).is(http.StatusOK)
		w.do(request{method: "GET", path: auditPath}).is(http.StatusOK)
		require.Empty(t, w.records(saga.AuditFilter{}))
		w.do(request{method: "GET", path: auditPath, as: "mallory"}).is(http.StatusForbidden)
		require.Len(t, w.records(saga.AuditFilter{Operation: "listAudit"}), 1, "but that it was refused")
	})
}

func TestListAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for i := range 3 {
		w.submit(waiting(events.TenantID(fmt.Sprint("tenant-", i))), fmt.Sprint("key-", i)).is(http.StatusAccepted)
	}
	t.Run("pages have every record once, newest first, and its hash can be computed", func(t *testing.T) {
		w := w.as(t)
		var seen []saga.AuditRecord
		for path := auditPath + "?limit=4"; path != ""; {
			r := w.do(request{method: "GET", path: path}).is(http.StatusOK)
			path = next(t, r)
			for _, record := range read[AuditRecords](r).Records {
				seen = append(seen, record.Record())
			}
		}
		slices.Reverse(seen)
		require.Equal(t, w.records(saga.AuditFilter{}), seen)
		require.NoError(t, saga.CheckChain(saga.AuditStart, seen...))
	})
	t.Run("filters hold together", func(t *testing.T) {
		w := w.as(t)
		job := w.records(saga.AuditFilter{Tenant: "tenant-1"})[1].Job
		for query, n := range map[string]int{"": 6, "tenant_id=tenant-1": 2, "job_id=" + string(job): 1, "actor=alice": 6,
			"actor=bob": 0, "operation=submitJob": 6, "operation=cancelJob": 0, "operation=submitJob&tenant_id=tenant-2": 2,
			"since=2020-01-01T00:00:00Z": 6, "until=2020-01-01T00:00:00Z": 0} {
			page := read[AuditRecords](w.do(request{method: "GET", path: auditPath + "?" + query}).is(http.StatusOK))
			require.Len(t, page.Records, n, query)
		}
	})
	t.Run("a token of another list is refused", func(t *testing.T) {
		w := w.as(t)
		token := read[AuditRecords](w.do(request{method: "GET", path: auditPath + "?limit=1"})).NextPageToken
		w.do(request{method: "GET", path: auditPath + "?page_token=" + token + "&actor=bob"}).
			refused(http.StatusUnprocessableEntity, CodeInvalid)
	})
	t.Run("without a trail there is no such route", func(t *testing.T) {
		a, err := New(AuthoriserFunc(authorise), Config{})
		require.NoError(t, err)
		serve(t, a).do(request{method: "GET", path: auditPath}).is(http.StatusNotFound)
	})
}
