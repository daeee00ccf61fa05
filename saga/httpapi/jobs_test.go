package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// waiting is a request whose job stays before its first delete.
func waiting(tenant events.TenantID) NewJob {
	return NewJob{TenantID: tenant, Reason: "contract_ended", Policy: &events.RequestPolicy{GraceSeconds: 3600}}
}

func TestSubmitJob(t *testing.T) {
	t.Parallel()

	t.Run("a request becomes a job that ends", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.parts["orders"].give("acme", 40)
		w.parts["tenants"].give("acme", 2)
		w.parts["orders"].give("neighbour", 7)
		first := w.submit(NewJob{TenantID: "acme", Reason: "contract_ended"}, "key-1").is(http.StatusAccepted)
		job := read[Job](first)
		require.Equal(t, jobsPath+"/"+string(job.JobID), first.header.Get("Location"))
		require.Equal(t, etag(job.Version), first.header.Get("ETag"))
		require.Equal(t, "2", first.header.Get("Retry-After"))
		require.Equal(t, [3]string{"api", "alice", "key-1"}, [3]string{string(job.Source), job.RequestedBy, job.RequestID})
		done := w.until(job, saga.StateCompleted)
		require.True(t, done.Done)
		require.EqualValues(t, 42, done.Total)
		require.Equal(t, map[string]int{"succeeded": 2}, done.Tally)
		require.EqualValues(t, 7, w.parts["orders"].preview("neighbour").Counts["things"])
	})
	t.Run("a repeat is the same job, the key with another body is refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		job := read[Job](w.submit(waiting("acme"), "key-1").is(http.StatusAccepted))
		again := read[Job](w.submit(waiting("acme"), "key-1").is(http.StatusAccepted))
		require.Equal(t, job.JobID, again.JobID)
		w.submit(waiting("other"), "key-1").refused(http.StatusUnprocessableEntity, CodeKeyReused)
		jobs := read[Jobs](w.do(request{method: "GET", path: jobsPath}).is(http.StatusOK))
		require.Len(t, jobs.Jobs, 1)
	})
	t.Run("a tenant has one job at a time", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		job := read[Job](w.submit(waiting("acme"), "key-1").is(http.StatusAccepted))
		other := read[Job](w.submit(waiting("acme"), "key-2").is(http.StatusAccepted))
		require.Equal(t, job.JobID, other.JobID)
		deleted := w.do(request{method: "DELETE", path: "/api/v1/tenants/acme"}).is(http.StatusAccepted)
		require.Equal(t, job.JobID, read[Job](deleted).JobID)
	})
	t.Run("without a key it is refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.do(request{method: "POST", path: jobsPath, body: waiting("acme")}).refused(http.StatusBadRequest, CodeKeyMissing)
	})
	t.Run("only a service asks on behalf of somebody else", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		body := waiting("acme")
		body.RequestedBy = "bob"
		w.submit(body, "key-1").refused(http.StatusForbidden, CodeForbidden)
		job := read[Job](w.do(request{method: "POST", path: jobsPath, as: "crm/robot", body: body,
			header: map[string]string{"Idempotency-Key": "key-1"}}).is(http.StatusAccepted))
		require.Equal(t, [2]string{"crm", "bob"}, [2]string{string(job.Source), job.RequestedBy})
	})
	t.Run("what the wire refuses is named by its field", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		body := waiting("acme")
		body.Policy.GraceSeconds = -1
		body.Policy.DeadlineSeconds = 1 << 40
		p := w.submit(body, "key-1").refused(http.StatusUnprocessableEntity, CodeInvalid)
		require.Equal(t, []FieldProblem{{"body.policy.grace_seconds", "must be 0 to 31536000"},
			{"body.policy.deadline_seconds", "must be 0 to 31536000"}}, p.Errors)
	})
}

func TestDeleteTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.parts["orders"].give("acme", 3)
	named := request{method: "DELETE", path: "/api/v1/tenants/acme?reason=gdpr_request",
		header: map[string]string{"Idempotency-Key": "key-1"}}
	first := w.do(named).is(http.StatusAccepted)
	job := read[Job](first)
	require.Equal(t, "gdpr_request", job.Reason)
	require.Equal(t, jobsPath+"/"+string(job.JobID), first.header.Get("Location"))
	w.until(job, saga.StateCompleted)

	t.Run("the same key is the same job after its end", func(t *testing.T) {
		w := w.as(t)
		again := w.do(named)
		require.Equal(t, job.JobID, read[Job](again.is(http.StatusAccepted)).JobID)
		require.Empty(t, again.header.Get("Retry-After"))
	})
	t.Run("without a key it is a new request, with the reason by default", func(t *testing.T) {
		w := w.as(t)
		fresh := read[Job](w.do(request{method: "DELETE", path: "/api/v1/tenants/acme"}).is(http.StatusAccepted))
		require.NotEqual(t, job.JobID, fresh.JobID)
		require.Equal(t, [2]any{"tenant_deleted", 2}, [2]any{fresh.Reason, fresh.Generation})
	})
}

func TestGetJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	job := read[Job](w.submit(waiting("acme"), "key-1").is(http.StatusAccepted))
	path := jobsPath + "/" + string(job.JobID)
	for tag, status := range map[string]int{"": 200, `"1"`: 304, `W/"1"`: 304, `"7", "1"`: 304, "*": 304, `"7"`: 200, "1": 200} {
		r := w.do(request{method: "GET", path: path, header: map[string]string{"If-None-Match": tag}}).is(status)
		require.Equal(t, `"1"`, r.header.Get("ETag"), "If-None-Match: %s", tag)
		require.Equal(t, "2", r.header.Get("Retry-After"))
		require.Equal(t, status == http.StatusNotModified, len(r.body) == 0)
	}
	seen := read[Job](w.do(request{method: "GET", path: path}).is(http.StatusOK))
	require.Equal(t, saga.ReasonGrace, seen.Blocked.Code)
	require.Len(t, seen.Steps, 2)
	require.EqualValues(t, 3600, seen.Asked.GraceSeconds)
}

func TestListJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var made []events.JobID
	for i := range 5 {
		job := read[Job](w.submit(waiting(events.TenantID(fmt.Sprint("tenant-", i))), fmt.Sprint("key-", i)).is(http.StatusAccepted))
		made = append(made, job.JobID)
	}
	cancelled := read[Job](w.act(Job{JobID: made[0]}, "cancel", "bob").is(http.StatusAccepted))
	require.Equal(t, saga.StateCancelled, cancelled.State)
	slices.Reverse(made)

	t.Run("pages have every job once, newest first", func(t *testing.T) {
		t.Parallel()
		w := w.as(t)
		var seen []events.JobID
		path := jobsPath + "?limit=2&state=scheduled&state=cancelled"
		for pages := 0; path != ""; pages++ {
			require.Less(t, pages, 3)
			r := w.do(request{method: "GET", path: path}).is(http.StatusOK)
			path = next(t, r)
			page := read[Jobs](r)
			require.Equal(t, path != "", page.NextPageToken != "")
			for _, job := range page.Jobs {
				require.Empty(t, job.Steps)
				seen = append(seen, job.JobID)
			}
		}
		require.Equal(t, made, seen)
	})
	t.Run("filters hold together", func(t *testing.T) {
		t.Parallel()
		w := w.as(t)
		now := time.Now().UTC()
		for query, n := range map[string]int{
			"": 5, "tenant_id=tenant-1": 1, "tenant_id=nobody": 0, "state=cancelled": 1, "state=cancelled&state=scheduled": 5,
			"state=cancelled&tenant_id=tenant-1": 0, "blocked=grace": 4, "blocked=residue": 0, "source=api": 5, "source=crm": 0,
			"request_id=key-3": 1, "overdue=true": 0, "overdue=false": 5, "failed_at=orders": 0,
			"since=" + url.QueryEscape(now.Add(-time.Hour).Format(time.RFC3339)): 5,
			"until=" + url.QueryEscape(now.Add(-time.Hour).Format(time.RFC3339)): 0,
			"since=" + url.QueryEscape(now.Add(time.Hour).Format(time.RFC3339)):  0,
		} {
			page := read[Jobs](w.do(request{method: "GET", path: jobsPath + "?" + query}).is(http.StatusOK))
			require.Len(t, page.Jobs, n, query)
		}
	})
	t.Run("a token is good for its own list and filters alone", func(t *testing.T) {
		t.Parallel()
		w := w.as(t)
		token := read[Jobs](w.do(request{method: "GET", path: jobsPath + "?limit=2&blocked=grace"})).NextPageToken
		require.NotEmpty(t, token)
		w.do(request{method: "GET", path: jobsPath + "?limit=1&blocked=grace&page_token=" + token}).is(http.StatusOK)
		for _, path := range []string{jobsPath + "?limit=2&page_token=" + token,
			jobsPath + "?blocked=grace&state=failed&page_token=" + token,
			lettersPath + "?page_token=" + token, jobsPath + "?blocked=grace&page_token=" + token + "A",
			jobsPath + "?page_token=AAAA"} {
			p := w.do(request{method: "GET", path: path}).refused(http.StatusUnprocessableEntity, CodeInvalid)
			require.Equal(t, "query.page_token", p.Errors[0].Location)
		}
	})
}

// next is where the header Link leads to.
func next(t testing.TB, r reply) string {
	t.Helper()
	link := r.header.Get("Link")
	if link == "" {
		return ""
	}
	path, rel, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">; ")
	require.True(t, ok)
	require.Equal(t, `rel="next"`, rel)
	return path
}
