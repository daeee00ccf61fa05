package erasectl

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

func TestGuards(t *testing.T) {
	t.Parallel()
	t.Run("a hold stops a tenant until it is released", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, worldConfig{})
		w.bake("rye")
		set := decoded[httpapi.Hold](t, w.erasectl("hold", "rye", "--code", "tax_audit", "--reason", "see the case", "-o", "json"))
		require.Equal(t, "tax_audit", set.Code)
		require.Zero(t, w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye").code)
		require.Equal(t, saga.ReasonHold, w.newest("rye").Blocked.Code)
		shown := w.erasectl("get", string(w.newest("rye").ID))
		require.Contains(t, shown.out, "Release the legal hold")
		require.Contains(t, w.erasectl("holds", "rye").out, "see the case")
		require.Len(t, decoded[[]httpapi.Job](t, w.erasectl("list", "--blocked", "hold", "-o", "json")), 1)
		released := w.erasectl("release", "rye", strconv.FormatInt(set.ID, 10), "--reason", "it is over")
		require.Zero(t, released.code, released.err)
		w.until("it is deleted", func() bool { return w.newest("rye").State == saga.StateCompleted })
		require.Equal(t, "no holds\n", w.erasectl("holds").err)
		require.Contains(t, w.erasectl("holds", "--released").out, "tax_audit")
		again := w.erasectl("release", "rye", strconv.FormatInt(set.ID, 10), "--reason", "it is over")
		inOneLine(t, again, app.ExitConflict, "released before")
	})
	t.Run("a pause stops everybody", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, worldConfig{})
		w.bake("rye")
		require.Contains(t, w.erasectl("controls").out, "no limit")
		paused := w.erasectl("pause", "--reason", "a wrong list")
		require.Zero(t, paused.code, paused.err)
		require.Contains(t, paused.out, "a wrong list")
		require.Zero(t, w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye").code)
		require.Equal(t, saga.ReasonPaused, w.newest("rye").Blocked.Code)
		require.Zero(t, w.erasectl("resume").code)
		w.until("it is deleted", func() bool { return w.newest("rye").State == saga.StateCompleted })
	})
	t.Run("what was seen is confirmed, and a drift renewed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, worldConfig{policy: saga.Policy{ConfirmPreview: true, DriftRows: 1, Grace: time.Hour}})
		w.bake("rye", "spelt")
		refused := w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye")
		inOneLine(t, refused, app.ExitConflict, "repeat its fingerprint")
		seen := decoded[httpapi.Preview](t, w.erasectl("preview", "rye", "-o", "json"))
		inOneLine(t, w.erasectl("request", "spelt", "--reason", "trial_ended", "--confirm", "spelt", "--preview", seen.Fingerprint),
			app.ExitConflict, "another tenant")
		asked := w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye", "--preview", seen.Fingerprint)
		require.Zero(t, asked.code, asked.err)
		require.Contains(t, asked.out, seen.Fingerprint)
		w.bake("rye")
		id := string(w.newest("rye").ID)
		renewed := w.erasectl("renew", id, "--confirm", "rye")
		require.Zero(t, renewed.code, renewed.err)
		require.NotEqual(t, seen.Fingerprint, w.newest("rye").Confirmed.Fingerprint)
		inOneLine(t, w.erasectl("renew", id, "--confirm", "spelt"), app.ExitUsage, "--confirm")
		// At a terminal what is shown is what is confirmed.
		typed := w.as(t.Context(), typist{stdin: "spelt\n", terminal: true}, "request", "spelt", "--reason", "trial_ended")
		require.Zero(t, typed.code, typed.err)
		require.Contains(t, typed.err, w.newest("spelt").Confirmed.Fingerprint)
	})
	t.Run("a job is closed without a participant by a decision that everybody sees", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, worldConfig{})
		w.bake("rye")
		w.ledgers["orders"].refuse(true)
		require.Zero(t, w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye").code)
		w.until("it has failed", func() bool { return w.newest("rye").State == saga.StateFailed })
		id := string(w.newest("rye").ID)
		inOneLine(t, w.erasectl("waive", id, "orders", "--reason", "gone"), app.ExitUsage, "--confirm orders")
		inOneLine(t, w.erasectl("waive", id, "orders", "--confirm", "orders"), app.ExitUsage, "--reason")
		waived := w.erasectl("waive", id, "orders", "--reason", "shut down", "--confirm", "orders")
		require.Zero(t, waived.code, waived.err)
		w.until("it has ended", func() bool { return w.newest("rye").State == saga.StateCompleted })
		require.Contains(t, w.erasectl("get", id).out, "orders: nothing is proven of them")
	})
	t.Run("an approval repeats what it approves", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, worldConfig{policy: saga.Policy{ApprovalAbove: 1}})
		w.bake("rye")
		seen := decoded[httpapi.Preview](t, w.erasectl("preview", "rye", "-o", "json"))
		require.Zero(t, w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye", "--preview", seen.Fingerprint).code)
		id := string(w.newest("rye").ID)
		inOneLine(t, w.erasectl("approve", id, "--preview", seen.Fingerprint), app.ExitConflict, "may not approve")
		inOneLine(t, w.erasectl("approve", id, "--actor", "bob"), app.ExitConflict, "fingerprint")
		approved := w.erasectl("approve", id, "--actor", "bob", "--preview", seen.Fingerprint)
		require.Zero(t, approved.code, approved.err)
		w.until("it is deleted", func() bool { return w.newest("rye").State == saga.StateCompleted })
	})
}
