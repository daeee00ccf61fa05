package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// bakeryName is a tenant's name as it may be: it is personal data, and no ASCII.
const bakeryName = "Bäckerei Müller & 100 % Söhne"

// ruled makes the tenant rules of a world.
func (w *world) ruled(rules saga.RulesFunc) { w.rules.Store(&rules) }

// told sets rules that let everybody, and returns what they are told.
func (w *world) told() *saga.Asker {
	var told saga.Asker
	w.ruled(func(_ context.Context, _ events.Submitted, asker saga.Asker) error {
		told = asker
		return nil
	})
	return &told
}

func TestWhatACallerConfirms(t *testing.T) {
	t.Parallel()
	all := Confirmation{ConfirmName: bakeryName, ConfirmOtherAdmins: true, OverrideReason: "ticket-4711"}
	t.Run("reaches the rules from a body", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		told := w.told()
		body := waiting("acme")
		body.Confirmation = all
		w.submit(body, "key-1").is(http.StatusAccepted)
		require.Equal(t, saga.Asker{By: "alice", ConfirmName: bakeryName, ConfirmOtherAdmins: true,
			OverrideReason: "ticket-4711"}, *told)
	})
	for claim, header := range map[string]string{"percent-encoded": url.PathEscape(bakeryName), "as plain ASCII": "Acme"} {
		t.Run("reaches the rules from headers and a query, "+claim, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			told := w.told()
			w.do(request{method: "DELETE", path: "/api/v1/tenants/acme?confirm_other_admins=true&override_reason=ticket-4711",
				header: map[string]string{confirmNameHeader: header}}).is(http.StatusAccepted)
			name, err := url.PathUnescape(header)
			require.NoError(t, err)
			require.Equal(t, saga.Asker{By: "alice", ConfirmName: name, ConfirmOtherAdmins: true, OverrideReason: "ticket-4711"}, *told)
		})
	}
	t.Run("says whether a service asks", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		told := w.told()
		w.do(request{method: "DELETE", path: "/api/v1/tenants/acme", as: "crm/robot"}).is(http.StatusAccepted)
		require.Equal(t, saga.Asker{By: "robot", Service: true}, *told)
	})
	t.Run("is refused where it cannot be meant", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		for header, location := range map[string]string{"100%": "header.Td-Confirm-Name", "%ff": "header.Td-Confirm-Name"} {
			p := w.do(request{method: "DELETE", path: "/api/v1/tenants/acme", header: map[string]string{confirmNameHeader: header}}).
				refused(http.StatusUnprocessableEntity, CodeInvalid)
			require.Equal(t, location, p.Errors[0].Location)
		}
		for _, query := range []string{"override_reason=two%20words", "confirm_name=Acme", "confirm_other_admins=perhaps"} {
			w.do(request{method: "DELETE", path: "/api/v1/tenants/acme?" + query}).refused(http.StatusUnprocessableEntity, CodeInvalid)
		}
		body := waiting("acme")
		body.OverrideReason = "because of Mrs. Müller"
		w.submit(body, "key-1").refused(http.StatusUnprocessableEntity, CodeInvalid)
	})
	t.Run("is nowhere afterwards", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.told()
		body := waiting("acme")
		body.Confirmation = all
		job := read[Job](w.submit(body, "key-1").is(http.StatusAccepted))
		w.do(request{method: "DELETE", path: "/api/v1/tenants/acme", header: map[string]string{
			confirmNameHeader: url.PathEscape(bakeryName)}}).is(http.StatusAccepted)
		seen := string(w.do(request{method: "GET", path: jobsPath + "/" + string(job.JobID)}).body)
		seen += string(w.do(request{method: "GET", path: jobsPath + "/" + string(job.JobID) + "/events"}).body)
		seen += string(w.do(request{method: "GET", path: auditPath}).body) + w.log.String()
		for _, part := range []string{"Müller", "ller", "M%C3%BCller"} {
			require.NotContains(t, seen, part)
		}
		require.Contains(t, seen, "ticket-4711", "the reason of an override is recorded")
	})
}

func TestTenantRulesAnswer(t *testing.T) {
	t.Parallel()
	for code, status := range map[string]int{
		saga.ReasonTenantUnknown: http.StatusNotFound, saga.ReasonNotAdministrator: http.StatusForbidden,
		saga.ReasonConfirmationMissing: http.StatusUnprocessableEntity, saga.ReasonConfirmationMismatch: http.StatusUnprocessableEntity,
		saga.ReasonOtherAdmins: http.StatusConflict, saga.ReasonOverrideMissing: http.StatusConflict,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.ruled(func(context.Context, events.Submitted, saga.Asker) error {
				return &saga.RefusedError{Code: code, Admins: []string{admin}}
			})
			p := w.submit(waiting("acme"), "key-1").refused(status, code)
			require.Equal(t, []string{admin}, p.Admins)
			w.do(request{method: "DELETE", path: "/api/v1/tenants/acme"}).refused(status, code)
			require.Empty(t, read[Jobs](w.do(request{method: "GET", path: jobsPath})).Jobs)
		})
	}
	t.Run("that they cannot be asked now", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		w.ruled(func(context.Context, events.Submitted, saga.Asker) error { return errors.New("a secret cause") })
		w.submit(waiting("acme"), "key-1").refused(http.StatusServiceUnavailable, CodeUnavailable)
		require.Empty(t, read[Jobs](w.do(request{method: "GET", path: jobsPath})).Jobs)
	})
	t.Run("the same job to a repeat, whatever they say now", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, nil)
		job := read[Job](w.submit(NewJob{TenantID: "acme", Reason: "gone"}, "key-1").is(http.StatusAccepted))
		w.until(job, saga.StateCompleted)
		w.ruled(func(context.Context, events.Submitted, saga.Asker) error {
			return &saga.RefusedError{Code: saga.ReasonTenantUnknown}
		})
		again := read[Job](w.submit(NewJob{TenantID: "acme", Reason: "gone"}, "key-1").is(http.StatusAccepted))
		require.Equal(t, job.JobID, again.JobID)
		w.submit(NewJob{TenantID: "acme", Reason: "gone"}, "key-2").refused(http.StatusNotFound, saga.ReasonTenantUnknown)
	})
}
