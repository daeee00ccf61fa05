package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// flooding is how many requests look valid and are a mistake: as many as the reference platform has tenants.
const flooding = 883

// floodTimeout bounds the deletion of all of them by thirteen services in this process.
const floodTimeout = 6 * time.Minute

// E6: at most the governor's limit begins, a pause stops the rest, nothing is lost.
func TestAFloodOfRequestsBeginsAtTheGovernorsPaceAndStopsInAPause(t *testing.T) {
	t.Parallel()
	s := newStack(t, 3)
	tenant := s.tenants[0]
	s.remember(tenant)
	s.serveAPI()
	limit, none := 20, 0
	first, second := s.governed(&limit, s.api), s.governed(&limit, "")
	s.participants()
	s.awaitAPI()
	started := time.Now()
	s.flood(append([]events.TenantID{tenant}, madeUp(flooding-1)...))
	until(t, "every request to be a job", func() bool { return s.counted("true") == flooding })
	t.Logf("%d requests are jobs after %v", flooding, time.Since(started))
	until(t, "those that began to complete", func() bool { return s.counted("state = 'completed'") == limit })
	s.quiet("no more begin", func() bool { return s.counted("pivot_at IS NOT NULL") > limit })
	require.Equal(t, flooding-limit, s.counted("state = 'scheduled' AND blocked ->> 'code' = 'governor'"), "the rest say why")
	require.Zero(t, s.crowded(limit), "and have places in which at most the limit begins within an hour")

	_, code := s.erasectl("pause", "--reason", "a wrong list of tenants")
	require.Zero(t, code)
	first.stop()
	second.stop()
	first, second = s.governed(&none, s.api), s.governed(nil, "") // the limit is lifted, the pause stands
	s.awaitAPI()
	until(t, "the rest to wait for the end of the pause", func() bool {
		return s.counted("blocked ->> 'code' = 'paused'") == flooding-limit
	})
	s.quiet("nothing begins in the pause", func() bool { return s.counted("pivot_at IS NOT NULL") > limit })

	resumed := time.Now()
	_, code = s.erasectl("resume")
	require.Zero(t, code)
	s.untilWithin(floodTimeout, "everything to complete", func() bool { return s.counted("state = 'completed'") == flooding })
	t.Logf("%d jobs completed within %v of the resume", flooding-limit, time.Since(resumed))
	s.proven(tenant)
	s.relayed()
	require.Equal(t, flooding, s.stored("tenant.deleted.*"), "nothing is lost, nothing announced twice")
	first.stop()
	second.stop()
}

// E9: the requester may not approve; a hold between approval and pivot stops; after the pivot neither hold nor cancel is
// possible.
func TestAHoldBetweenApprovalAndPivotStopsADeletion(t *testing.T) {
	t.Parallel()
	s := newStack(t, 2)
	tenant := s.tenants[0]
	s.remember(tenant)
	everything := s.digests("")
	s.serveAPI()
	s.run("coordinator", func(ctx context.Context) error {
		cfg := s.coordinatorConfig()
		cfg.Policy.Approval, cfg.Policy.ConfirmPreview = true, true
		return app.RunCoordinator(ctx, cfg)
	})
	s.participants("pos")
	pos := s.participant("pos")
	s.awaitAPI()
	name := string(tenant)
	_, code := s.erasectl("request", name, "--reason", "trial_ended", "--confirm", name)
	require.Equal(t, app.ExitConflict, code, "a preview must be confirmed")
	until(t, "everybody to be counted", func() bool { return s.fingerprint(tenant) != "" })
	seen := s.fingerprint(tenant)
	_, code = s.erasectl("request", name, "--reason", "trial_ended", "--confirm", name, "--preview", seen)
	require.Zero(t, code)
	id := string(s.awaitState(tenant, saga.StateAwaitingApproval).ID)
	_, code = s.erasectl("approve", id, "--preview", seen)
	require.Equal(t, app.ExitConflict, code, "operator-1 has asked for it")
	_, code = s.erasectl("hold", name, "--code", "tax_audit", "--reason", "the accounts are being audited")
	require.Zero(t, code)
	_, code = s.erasectl("approve", id, "--preview", seen, "--actor", "operator-2")
	require.Zero(t, code, "approving works")
	s.quiet("and begins nothing", func() bool { return s.job(tenant).State != saga.StateScheduled })
	require.Equal(t, saga.ReasonHold, s.job(tenant).Blocked.Code)
	s.nothingDeleted(everything)
	pos.stop()
	out, code := s.erasectl("holds", name, "-o", "json")
	require.Zero(t, code)
	require.Contains(t, out, "tax_audit")
	_, code = s.erasectl("release", name, "1", "--reason", "the audit is over")
	require.Zero(t, code)
	s.quiet("who cannot be counted keeps it from beginning", func() bool { return !s.job(tenant).PivotAt.IsZero() })
	s.participant("pos")
	s.proven(tenant)
}

func TestAfterThePivotAJobOnlyGoesForward(t *testing.T) {
	t.Parallel()
	s := newStack(t, 1)
	tenant := s.tenants[0]
	s.remember(tenant)
	s.serveAPI()
	s.coordinator()
	s.participants("pos")
	s.awaitAPI()
	s.submit(s.connect("asker"), tenant)
	id := string(s.awaitState(tenant, saga.StateDeleting).ID)
	_, code := s.erasectl("cancel", id)
	require.Equal(t, app.ExitConflict, code)
	_, code = s.erasectl("hold", string(tenant), "--code", "tax_audit", "--reason", "too late")
	require.Equal(t, app.ExitConflict, code)
	require.Equal(t, saga.StateDeleting, s.job(tenant).State)
	s.participant("pos")
	s.proven(tenant)
}

// governed is a coordinator with a governor, which serves the API where it is given an address.
func (s *stack) governed(limit *int, addr string) *unit {
	return s.run("coordinator", func(ctx context.Context) error {
		cfg := s.coordinatorConfig()
		cfg.GovernorMax, cfg.HTTPAddr, cfg.Policy.Patience = limit, addr, time.Minute
		return app.RunCoordinator(ctx, cfg)
	})
}

// madeUp are tenants that nobody has rows of.
func madeUp(n int) (tenants []events.TenantID) {
	for i := range n {
		tenants = append(tenants, events.TenantID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i)))
	}
	return tenants
}

func (s *stack) flood(tenants []events.TenantID) {
	s.t.Helper()
	var messages []events.Message
	for _, tenant := range tenants {
		data := submission(tenant, "flood-"+string(tenant))
		m, err := events.Encode(data.Event(time.Now()))
		require.NoError(s.t, err)
		messages = append(messages, m)
	}
	require.NoError(s.t, s.connect("asker").Publish(s.t.Context(), messages...))
}

// counted is the number of jobs of which a condition is true; -1 while the database does not answer.
func (s *stack) counted(condition string) int {
	n := -1
	row := s.db.QueryRowContext(s.t.Context(), "SELECT count(*) FROM coordinator.jobs WHERE "+condition)
	if row.Scan(&n) != nil {
		return -1
	}
	return n
}

// crowded is how many jobs begin, or have a place, within an hour in which more than the limit do.
func (s *stack) crowded(limit int) (n int) {
	s.t.Helper()
	require.NoError(s.t, s.db.QueryRowContext(s.t.Context(), `SELECT count(*) FROM (
		SELECT count(*) OVER (ORDER BY at RANGE BETWEEN interval '59 minutes 59.999999 seconds' PRECEDING AND CURRENT ROW) AS within
		FROM (SELECT coalesce(pivot_at, wake_at) AS at FROM coordinator.jobs) AS starts) AS hours WHERE within > $1`, limit).Scan(&n))
	return n
}

// quiet fails when a condition comes true within moments in which it would have come true if nothing stood in its way.
func (s *stack) quiet(claim string, happened func() bool) {
	s.t.Helper()
	require.Never(s.t, happened, 2*time.Second, 100*time.Millisecond, claim)
}

func (s *stack) untilWithin(limit time.Duration, what string, condition func() bool) {
	s.t.Helper()
	require.Eventually(s.t, condition, limit, 200*time.Millisecond, what)
}

// fingerprint is that of a preview of now; empty while somebody cannot tell.
func (s *stack) fingerprint(tenant events.TenantID) string {
	out, code := s.erasectl("preview", string(tenant), "-o", "json")
	_, rest, found := strings.Cut(out, `"fingerprint": "`)
	fingerprint, _, _ := strings.Cut(rest, `"`)
	if code != 0 || !found {
		return ""
	}
	return fingerprint
}
