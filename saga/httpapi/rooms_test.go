package httpapi

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
)

func TestPreviewTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.parts["orders"].give("acme", 40)
	w.parts["tenants"].give("acme", 2)
	path := "/api/v1/tenants/acme/deletion-preview"
	preview := read[Preview](w.do(request{method: "GET", path: path}).is(http.StatusOK))
	require.True(t, preview.Complete)
	require.EqualValues(t, 42, preview.Total)
	require.Equal(t, events.Participant("orders"), preview.Participants[0].ServiceName)
	require.EqualValues(t, 40, preview.Participants[0].Counts["things"])
	require.EqualValues(t, 40, w.parts["orders"].preview("acme").Counts["things"], "a preview deletes nothing")

	t.Run("who does not answer makes it incomplete", func(t *testing.T) {
		w := w.as(t)
		put := Roster{Roster: []RosterEntry{{Participant: "orders", Wave: 1}, {Participant: "absent", Wave: 1},
			{Participant: "tenants", Wave: 2}}}
		w.do(request{method: "PUT", path: participantsPath, body: put}).is(http.StatusOK)
		preview := read[Preview](w.do(request{method: "GET", path: path}).is(http.StatusOK))
		require.False(t, preview.Complete)
		require.EqualValues(t, 42, preview.Total)
		var silent []events.Participant
		for _, p := range preview.Participants {
			if p.Error != nil {
				silent = append(silent, p.ServiceName)
			}
		}
		require.Equal(t, []events.Participant{"absent"}, silent)
	})
}

func TestParticipants(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.failed("acme")
	roster := read[Participants](w.do(request{method: "GET", path: participantsPath}).is(http.StatusOK))
	require.Len(t, roster.Participants, 2)
	orders := roster.Participants[0]
	require.Equal(t, [2]any{events.Participant("orders"), 1}, [2]any{orders.Participant, orders.Failed})

	t.Run("a roster names each participant once", func(t *testing.T) {
		w := w.as(t)
		for _, body := range []any{Roster{}, `{"roster":[]}`, `{"roster":[{"participant":"orders","wave":0}]}`,
			`{"roster":[{"participant":"Orders","wave":1}]}`, `{"roster":[{"participant":"orders"}]}`, `{"roster":null}`,
			`{"roster":[{"participant":"orders","wave":1},{"participant":"orders","wave":2}]}`} {
			w.do(request{method: "PUT", path: participantsPath, body: body}).refused(http.StatusUnprocessableEntity, CodeInvalid)
		}
	})
	t.Run("the new one counts for new jobs", func(t *testing.T) {
		w := w.as(t)
		put := Roster{Roster: []RosterEntry{{Participant: "pos", Wave: 1}, {Participant: "tenants", Wave: 2}}}
		now := read[Participants](w.do(request{method: "PUT", path: participantsPath, body: put}).is(http.StatusOK))
		require.Equal(t, events.Participant("pos"), now.Participants[0].Participant)
		job := read[Job](w.submit(waiting("new"), "key-2").is(http.StatusAccepted))
		require.Equal(t, events.Participant("pos"), job.Steps[0].Participant)
	})
}

func TestServices(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"orders", "order-service"} {
		t.Run(name+" counts, deletes, and answers a repeat with its receipt", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.parts["orders"].give("acme", 40)
			path := "/api/v1/" + name + "/tenant/acme"
			preview := read[ParticipantPreview](w.do(request{method: "GET", path: path + "/deletion-preview"}).is(http.StatusOK))
			require.EqualValues(t, 40, preview.Counts["things"])
			erase := request{method: "DELETE", path: path, header: map[string]string{"Idempotency-Key": "key-1"}}
			for range 2 {
				result := read[events.Result](w.do(erase).is(http.StatusOK))
				require.True(t, result.Success)
				require.Equal(t, map[string]int64{"things": 40}, result.DeletedCounts)
			}
			fresh := read[events.Result](w.do(request{method: "DELETE", path: path}).is(http.StatusOK))
			require.Equal(t, map[string]int64{"things": 0}, fresh.DeletedCounts)
			w.parts["orders"].refuse(true)
			refused := read[events.Result](w.do(request{method: "DELETE", path: path}).is(http.StatusConflict))
			require.False(t, refused.Success)
			require.Equal(t, "unplanned_table", refused.Errors[0].Code)
		})
	}
}

func TestTenants(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	admins := read[Admins](w.do(request{method: "GET", path: "/api/v1/tenants/managed/admins"}).is(http.StatusOK))
	require.Equal(t, "owner", admins.Admins[0].Role)
	transfer := func(to string) reply {
		return w.do(request{method: "POST", path: "/api/v1/tenants/managed/transfer-ownership", body: Transfer{NewOwnerID: to}})
	}
	remove := func(user string) reply {
		return w.do(request{method: "DELETE", path: "/api/v1/tenants/user/" + user + "/memberships"})
	}
	p := remove(owner).refused(http.StatusConflict, CodeSoleOwner)
	require.Equal(t, []events.TenantID{managed}, p.Tenants)
	transfer(owner).refused(http.StatusConflict, CodeConflict)
	transfer(nobody).refused(http.StatusConflict, CodeConflict)
	transfer("nobody").refused(http.StatusUnprocessableEntity, CodeInvalid)
	done := read[Transferred](transfer(admin).is(http.StatusOK))
	require.Equal(t, [2]string{owner, admin}, [2]string{done.PreviousOwnerID, done.OwnerID})
	require.EqualValues(t, 2, read[Memberships](remove(owner).is(http.StatusOK)).Removed)
	remove("not-a-user").refused(http.StatusUnprocessableEntity, CodeInvalid)
}

func TestHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	require.Equal(t, "ok", read[Health](w.do(request{method: "GET", path: "/livez", as: "-"}).is(http.StatusOK)).State)
	require.Equal(t, "ok", read[Health](w.do(request{method: "GET", path: "/readyz", as: "-"}).is(http.StatusOK)).State)
	broken := errors.New("a secret address")
	w.broken.Store(&broken)
	w.do(request{method: "GET", path: "/livez", as: "-"}).is(http.StatusOK)
	p := w.do(request{method: "GET", path: "/readyz", as: "-"}).refused(http.StatusServiceUnavailable, CodeUnavailable)
	require.Equal(t, []FieldProblem{{Location: "postgresql", Message: "does not answer"}}, p.Errors)
}
