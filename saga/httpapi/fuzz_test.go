package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// accepting is a coordinator that makes a job of whatever the API lets through.
type accepting struct{ absent }

func (accepting) Submit(_ context.Context, s events.Submitted, _ saga.Asker) (saga.Job, bool, error) {
	job := exampleSagaJob()
	job.Tenant, job.RequestID, job.Reason, job.RequestedBy = s.TenantID, s.RequestID, s.Reason, s.RequestedBy
	return job, false, nil
}

func exampleSagaJob() saga.Job {
	at := exampleAt
	return saga.Job{ID: exampleID, State: saga.StateDeleting, Version: 1, Round: 1, SubmittedAt: at, DueAt: at,
		Deadline: at.AddDate(0, 1, 0), PivotAt: at, Wave: 1, Generation: 1}
}

// FuzzSubmit sends every body, query and key to the route that asks for a deletion: it never fails with a fault of ours, what
// it accepts the document accepts, and nothing that was sent comes back in a refusal.
func FuzzSubmit(f *testing.F) {
	f.Add(`{"tenant_id":"t1","reason":"contract_ended"}`, "key-1", "")
	f.Add(`{"tenant_id":"t1","tenant_id":"t2","reason":"contract_ended"}`, "key-1", "")
	f.Add(`{"Tenant_ID":"t1","reason":"contract_ended"}`, "key-1", "x=1")
	f.Add(`{"tenant_id":"t1","reason":"contract_ended","policy":{"grace_seconds":1e400}}`, "key-1", "")
	f.Add(strings.Repeat(`{"policy":`, 20), "", "%zz")
	a, err := New(AuthoriserFunc(authorise), Config{Coordinator: accepting{}})
	require.NoError(f, err)
	contract, err := contract()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body, key, query string) {
		asked := func() *http.Request {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, jobsPath, strings.NewReader(body))
			r.URL.RawQuery = query
			r.Header.Set("Authorization", "Bearer alice")
			r.Header.Set("Content-Type", "application/json")
			if key != "" {
				r.Header["Idempotency-Key"] = []string{key}
			}
			return r
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, asked())
		require.Less(t, w.Code, http.StatusInternalServerError, w.Body.String())
		if w.Code == http.StatusAccepted {
			validating.Lock()
			defer validating.Unlock()
			ok, found := contract.ValidateHttpRequest(asked())
			require.True(t, ok, "%v", found)
			return
		}
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	})
}
