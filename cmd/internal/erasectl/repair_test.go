package erasectl

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

func TestReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldConfig{})
	orders := w.ledgers["orders"]
	orders.refuse(true)
	tenants := []events.TenantID{"rye", "spelt", "oats"}
	w.bake(tenants...)
	for _, tenant := range tenants {
		got := w.erasectl("request", string(tenant), "--reason", "trial_ended", "--confirm", string(tenant), "--wait")
		require.Equal(t, app.ExitEnded, got.code, got.err)
		require.Contains(t, got.err, "participant_failed: orders")
		require.Contains(t, got.out, "unplanned_table")
	}
	rye := string(w.newest("rye").ID)
	require.Contains(t, w.erasectl("list", "--failed-at", "orders").out, rye)
	inOneLine(t, w.erasectl("replay", "--failed"), app.ExitUsage, "--confirm failed")
	inOneLine(t, w.erasectl("replay", "--failed", "--confirm", "orders"), app.ExitUsage, "nothing was sent")
	inOneLine(t, w.erasectl("retry", rye, "--wait", "-o", "json").errOnly(), app.ExitEnded, "participant_failed")

	preview := w.erasectl("replay", "--failed", "--preview", "-o", "json")
	require.Len(t, decoded[[]httpapi.ReplayOutcome](t, preview), 3)
	require.Len(t, decoded[[]httpapi.ReplayOutcome](t, w.erasectl("replay", rye, "--preview", "-o", "json")), 1)
	orders.refuse(false)
	one := w.erasectl("replay", rye, "--participant", "orders", "--wait", "-o", "json")
	require.Equal(t, app.ExitDone, one.code, one.err)
	require.Equal(t, saga.StateCompleted, decoded[httpapi.Job](t, one).State)
	person := typist{terminal: true, stdin: "failed\n", env: map[string]string{"TERM": "dumb"}}
	rest := w.as(t.Context(), person, "replay", "--failed", "--wait")
	require.Equal(t, app.ExitDone, rest.code, rest.err)
	require.Contains(t, rest.err, "would be replayed")
	require.Len(t, lines(rest.out), 3, "a header and two jobs")
	for _, tenant := range tenants {
		require.Equal(t, saga.StateCompleted, w.newest(tenant).State)
	}
	require.Equal(t, ran{app.ExitDone, "", "nothing to replay\n"}, w.erasectl("replay", "--failed", "--confirm", "failed"))
	inOneLine(t, w.erasectl("retry", rye), app.ExitConflict, "completed")

	t.Run("what is completed can be announced again", func(t *testing.T) {
		got := w.erasectl("events", "resend", rye)
		require.Equal(t, app.ExitDone, got.code, got.err)
		require.Contains(t, got.err, "once more")
	})
	t.Run("a participant that was restored erases again", func(t *testing.T) {
		orders.Seed("rye", breadCounts)
		got := w.erasectl("replay", "--restored-since", "1d", "--participant", "orders", "--confirm", "orders", "-o", "json")
		all := decoded[[]httpapi.ReplayOutcome](t, got)
		require.Len(t, all, 3)
		for _, r := range all {
			require.Equal(t, []events.Participant{"orders"}, r.Participants)
		}
	})
}

// errOnly drops the data of an answer whose error is looked at.
func (r ran) errOnly() ran { r.out = ""; return r }

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldConfig{})
	require.NoError(t, w.store.Bury(t.Context(),
		saga.DeadLetter{Stream: "TD_EVENTS", Consumer: "orders", Sequence: 7, Subject: "tenant.deletion.requested.x",
			Reason: "bad\x1b[31m\nform", Body: []byte("{}"), CreatedAt: time.Now()},
		saga.DeadLetter{Stream: "TD_EVENTS", Consumer: "orders", Sequence: 8, Subject: "tenant.deletion.requested.y", Reason: "bad",
			CreatedAt: time.Now()}))
	list := w.erasectl("deadletters", "list")
	require.Len(t, lines(list.out), 3, "whatever a stranger wrote is one line")
	require.NotContains(t, list.out, "\x1b")
	letters := decoded[[]httpapi.DeadLetter](t, w.erasectl("deadletters", "list", "-o", "json"))
	require.Len(t, letters, 2)
	id := strconv.FormatInt(letters[1].ID, 10)
	require.Contains(t, w.erasectl("deadletters", "get", id).out, "{}")
	require.Contains(t, w.erasectl("__complete", "deadletters", "get", "").out, id)
	discarded := w.erasectl("deadletters", "discard", id, "--reason", "sent by a test", "--actor", "alice", "-o", "json")
	require.Equal(t, app.ExitDone, discarded.code, discarded.err)
	require.Equal(t, "alice", decoded[httpapi.DeadLetter](t, discarded).Resolution.By)
	inOneLine(t, w.erasectl("deadletters", "discard", id, "--reason", "again"), app.ExitConflict, "dead letter "+id)
	inOneLine(t, w.erasectl("deadletters", "resend", id), app.ExitConflict)
	inOneLine(t, w.erasectl("deadletters", "get", "999"), app.ExitNotFound, "dead letter 999")
	require.Len(t, decoded[[]httpapi.DeadLetter](t, w.erasectl("deadletters", "list", "--resolved", "-o", "json")), 2)
}

func TestRoster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldConfig{})
	require.Contains(t, w.erasectl("participants").out, "live")
	grown := w.erasectl("roster", "set", "orders:1,pos:1,tenants:2", "-o", "json")
	require.Equal(t, app.ExitDone, grown.code, grown.err)
	require.Len(t, decoded[[]httpapi.Participant](t, grown), 3)
	inOneLine(t, w.erasectl("roster", "set", "orders:1,tenants:2"), app.ExitUsage, "--confirm pos")
	inOneLine(t, w.erasectl("roster", "set", "tenants:2", "--confirm", "pos"), app.ExitUsage, "nothing was sent")
	shrunk := w.erasectl("roster", "set", "orders:1,tenants:2", "--confirm", "pos", "-o", "json")
	require.Len(t, decoded[[]httpapi.Participant](t, shrunk), 2, shrunk.err)
	require.Contains(t, w.erasectl("participants").out, "orders")
}

func TestWhoAsks(t *testing.T) {
	t.Parallel()
	tokens := httpapi.AuthoriserFunc(func(_ context.Context, a httpapi.Access) (httpapi.Caller, error) {
		switch a.Request.Header.Get("Authorization") {
		case "Bearer good-token":
			return httpapi.Caller{Subject: "alice"}, nil
		case "":
			return httpapi.Caller{}, httpapi.ErrUnauthenticated
		}
		return httpapi.Caller{}, httpapi.ErrForbidden
	})
	w := newWorld(t, worldConfig{authoriser: tokens})
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "token")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	require.Equal(t, app.ExitDone, w.erasectl("list", "--token-file", file("good-token\n")).code)
	inOneLine(t, w.erasectl("list"), app.ExitAuth, "--token-file", "401")
	bad := w.erasectl("list", "--token-file", file("another-token"))
	inOneLine(t, bad, app.ExitAuth, "403")
	require.NotContains(t, bad.err, "another-token")
	inOneLine(t, w.erasectl("list", "--token-file", file("")), app.ExitUsage, "no token")
	inOneLine(t, w.erasectl("list", "--token-file", "/nowhere"), app.ExitUsage, "ERASECTL_TOKEN_FILE")
	plain := typist{}.run(t.Context(), t, "--api", "http://example.com", "list", "--token-file", file("good-token"))
	inOneLine(t, plain, app.ExitUsage, "unencrypted")
}
