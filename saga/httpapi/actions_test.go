package httpapi

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// approval is a request whose job waits for a second person.
func approval(tenant events.TenantID) NewJob {
	return NewJob{TenantID: tenant, Reason: "contract_ended", Policy: &events.RequestPolicy{Approval: true}}
}

func TestActions(t *testing.T) {
	t.Parallel()

	t.Run("a second person approves, the first may not", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		job := read[Job](w.submit(approval("acme"), "key-1").is(http.StatusAccepted))
		require.Equal(t, saga.StateAwaitingApproval, job.State)
		p := w.act(job, "approve", "alice").refused(http.StatusConflict, CodeFourEyes)
		require.Equal(t, string(saga.StateAwaitingApproval), p.State)
		r := w.act(job, "approve", "bob").is(http.StatusAccepted)
		approved := read[Job](r)
		require.Equal(t, "bob", approved.DecidedBy)
		require.Equal(t, etag(approved.Version), r.header.Get("ETag"))
		w.until(job, saga.StateCompleted)
		p = w.act(job, "approve", "bob").refused(http.StatusConflict, CodeWrongState)
		require.Equal(t, string(saga.StateCompleted), p.State)
		require.Contains(t, p.Detail, "the job is completed")
	})
	t.Run("a person rejects", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		job := read[Job](w.submit(approval("acme"), "key-1").is(http.StatusAccepted))
		rejected := read[Job](w.act(job, "reject", "bob").is(http.StatusAccepted))
		require.Equal(t, [2]any{saga.StateRejected, true}, [2]any{rejected.State, rejected.Done})
		w.act(job, "reject", "bob").refused(http.StatusConflict, CodeWrongState)
		w.act(job, "cancel", "bob").refused(http.StatusConflict, CodeWrongState)
	})
	t.Run("after the first delete a job cannot be cancelled", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		release := w.parts["orders"].hold()
		defer release()
		job := read[Job](w.submit(NewJob{TenantID: "acme", Reason: "gone"}, "key-1").is(http.StatusAccepted))
		p := w.act(job, "cancel", "bob").refused(http.StatusConflict, CodePastPivot)
		require.Equal(t, string(saga.StateDeleting), p.State)
		release()
		w.until(job, saga.StateCompleted)
	})
	t.Run("a person closes a job without a participant that failed, and everybody sees it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		job := w.failed("acme")
		waive := func(p events.Participant) reply {
			return w.do(request{method: "POST", path: jobsPath + "/" + string(job.JobID) + "/waive", as: "bob",
				header: map[string]string{"If-Match": "*"}, body: Waive{Participant: p, Reason: "gone for good"}})
		}
		waive("tenants").refused(http.StatusConflict, CodeWrongState)
		waive("strangers").refused(http.StatusUnprocessableEntity, CodeInvalid)
		waived := read[Job](waive("orders").is(http.StatusAccepted))
		require.Equal(t, []events.Participant{"orders"}, waived.Waived)
		require.Equal(t, [2]string{"bob", "gone for good"}, [2]string{waived.Steps[0].Waiver.By, waived.Steps[0].Waiver.Reason})
		done := w.until(job, saga.StateCompleted)
		require.Equal(t, []events.Participant{"orders"}, done.Waived)
		require.Equal(t, 1, done.Tally["waived"])
		waive("orders").refused(http.StatusConflict, CodeWrongState)
	})
	t.Run("an action says which version was seen", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		job := read[Job](w.submit(approval("acme"), "key-1").is(http.StatusAccepted))
		w.parts["orders"].refuse(true)
		bodies := map[string]any{"renew": Renewal{Preview: w.preview("acme").Fingerprint},
			"waive": Waive{Participant: "orders", Reason: "gone for good"}}
		for _, verb := range []string{"approve", "reject", "cancel", "replay", "renew", "waive"} {
			path := jobsPath + "/" + string(job.JobID) + "/" + verb
			for _, sent := range []string{`"0"`, `1`, `W/"1"`, `"1", "2"`, `"-1"`, `"01"`, `"1`, `"a"`, `"9999999999999999999"`, `**`} {
				p := w.do(request{method: "POST", path: path, header: map[string]string{"If-Match": sent}, body: bodies[verb]}).
					refused(http.StatusUnprocessableEntity, CodeInvalid)
				require.Equal(t, "header.If-Match", p.Errors[0].Location, sent)
			}
			q := request{method: "POST", path: path, as: "bob", header: map[string]string{"If-Match": `"7"`}, body: bodies[verb]}
			p := w.do(q).refused(http.StatusPreconditionFailed, CodeVersion)
			require.Equal(t, string(saga.StateAwaitingApproval), p.State)
		}
		r := w.do(request{method: "POST", path: jobsPath + "/" + string(job.JobID) + "/cancel", as: "bob",
			header: map[string]string{"If-Match": etag(job.Version)}}).is(http.StatusAccepted)
		require.Equal(t, etag(job.Version+1), r.header.Get("ETag"))
	})
}
