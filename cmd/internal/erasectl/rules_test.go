package erasectl

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// strict wants the name Bakery Smith, then a word about the admins ann and bob: as an owner of tenants that begin with own, else
// as an administrator of the platform.
func strict(_ context.Context, s events.Submitted, asker saga.Asker) error {
	others := []string{"ann", "bob"}
	own := strings.HasPrefix(string(s.TenantID), "own")
	switch {
	case s.TenantID == "foreign":
		return &saga.RefusedError{Code: saga.ReasonNotAdministrator}
	case s.TenantID == "nobody":
		return &saga.RefusedError{Code: saga.ReasonTenantUnknown}
	case asker.ConfirmName == "":
		return &saga.RefusedError{Code: saga.ReasonConfirmationMissing}
	case asker.ConfirmName != "Bakery Smith":
		return &saga.RefusedError{Code: saga.ReasonConfirmationMismatch}
	case own && !asker.ConfirmOtherAdmins:
		return &saga.RefusedError{Code: saga.ReasonOtherAdmins, Admins: others}
	case !own && asker.OverrideReason == "":
		return &saga.RefusedError{Code: saga.ReasonOverrideMissing, Admins: others}
	}
	return nil
}

func TestRequestUnderRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldConfig{rules: saga.RulesFunc(strict)})
	request := func(tenant string, more ...string) []string {
		return append([]string{"request", tenant, "--reason", "contract_ended"}, more...)
	}
	confirmed := func(tenant string, more ...string) []string {
		return request(tenant, append([]string{"--confirm", tenant}, more...)...)
	}
	jobs := func(t *testing.T, tenant string) string {
		t.Helper()
		return w.as(t.Context(), typist{}, "list", "--tenant", tenant).err
	}
	for claim, c := range map[string]struct{ tenant, typed, asks string }{
		"an owner types the name, and that the others know": {"own-1", "own-1\nBakery Smith\nyes\n", "lose it too: ann, bob"},
		"an administrator types the name, and why":          {"rye", "rye\nBakery Smith\nticket-4711\n", "passed over"},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			got := w.as(t.Context(), typist{terminal: true, stdin: c.typed}, request(c.tenant)...)
			require.Equal(t, app.ExitDone, got.code, got.err)
			require.Contains(t, got.err, c.asks)
			require.NotContains(t, got.out+got.err, "Smith")
			require.Equal(t, events.TenantID(c.tenant), w.newest(events.TenantID(c.tenant)).Tenant)
		})
	}
	for claim, c := range map[string]struct{ tenant, typed, says string }{
		"no name":             {"oats", "oats\n\n", "nothing was deleted"},
		"another name":        {"oats", "oats\nBakery Jones\n", "is it the right tenant?"},
		"anything but yes":    {"own-2", "own-2\nBakery Smith\nperhaps\n", "nothing was deleted"},
		"prose for a reason":  {"oats", "oats\nBakery Smith\nMrs. Smith said so\n", "code or reference"},
		"nothing any more":    {"oats", "oats\nBakery Smith\n", "nothing was deleted"},
		"a tenant of others":  {"foreign", "foreign\n", "let the owner ask"},
		"a tenant of nowhere": {"nobody", "nobody\n", "no such tenant"},
	} {
		t.Run("a person who types "+claim+" deletes nothing", func(t *testing.T) {
			t.Parallel()
			got := w.as(t.Context(), typist{terminal: true, stdin: c.typed}, request(c.tenant)...)
			require.NotEqual(t, app.ExitDone, got.code)
			require.Contains(t, got.err, c.says)
			require.Equal(t, "no jobs\n", jobs(t, c.tenant))
		})
	}
	t.Run("a script says all of it, or is told the flag", func(t *testing.T) {
		t.Parallel()
		script := func(args []string) ran { return w.as(t.Context(), typist{}, args...) }
		name := []string{"--confirm-name", "Bakery Smith"}
		inOneLine(t, script(confirmed("own-3")), app.ExitUsage, "--confirm-name")
		inOneLine(t, script(confirmed("own-3", "--confirm-name", "Smith")), app.ExitUsage, "right tenant")
		inOneLine(t, script(confirmed("own-3", name...)), app.ExitConflict, "ann, bob", "--confirm-other-admins")
		inOneLine(t, script(confirmed("spelt", name...)), app.ExitConflict, "ann, bob", "--override-reason")
		inOneLine(t, script(confirmed("spelt", "--override-reason", "two words")), app.ExitUsage, "--override-reason")
		inOneLine(t, script(confirmed("foreign")), app.ExitAuth, "owner")
		inOneLine(t, script(confirmed("nobody")), app.ExitNotFound, "no such tenant")
		require.Equal(t, "no jobs\n", jobs(t, "own-3")+strings.TrimSuffix(jobs(t, "spelt"), "no jobs\n"))
		require.Zero(t, script(confirmed("own-3", append(name, "--confirm-other-admins")...)).code)
		require.Zero(t, script(confirmed("spelt", append(name, "--override-reason", "ticket-1")...)).code)
	})
}

func TestAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldConfig{rules: saga.RulesFunc(strict)})
	require.Equal(t, ran{app.ExitDone, "", "no records\n"}, w.erasectl("audit", "list"))
	require.Contains(t, w.erasectl("audit", "verify").out, "0:"+saga.AuditStart)
	inOneLine(t, w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye", "--actor", "alice"), app.ExitUsage)
	done := w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye", "--actor", "alice", "--confirm-name",
		"Bakery Smith", "--override-reason", "ticket-1")
	require.Zero(t, done.code, done.err)

	t.Run("lists who asked for what, and what became of it", func(t *testing.T) {
		t.Parallel()
		got := w.as(t.Context(), typist{}, "audit", "list", "--tenant", "rye", "--by", "alice", "--operation", "submitJob",
			"--since", "1h")
		require.Zero(t, got.code, got.err)
		for _, word := range []string{"alice", "127.0.0.1", "asked", "done", saga.ReasonConfirmationMissing, "override:ticket-1"} {
			require.Contains(t, got.out, word)
		}
		require.NotContains(t, got.out, "Smith")
		records := decoded[[]httpapi.AuditRecord](t, w.as(t.Context(), typist{}, "audit", "list", "-o", "json", "--limit", "3"))
		require.Len(t, records, 3)
		require.EqualValues(t, 4, records[0].Number)
		require.Equal(t, "no records\n", w.as(t.Context(), typist{}, "audit", "list", "--by", "bob").err)
		job := string(w.newest("rye").ID)
		require.Contains(t, w.as(t.Context(), typist{}, "audit", "list", "--job", job, "--until", "2099-01-01").out, job)
	})
	t.Run("refuses filters that are none", func(t *testing.T) {
		t.Parallel()
		for _, args := range [][]string{{"--tenant", "a b"}, {"--job", "12"}, {"--by", "a b"}, {"--operation", "a.b"},
			{"--since", "noon"}} {
			inOneLine(t, w.as(t.Context(), typist{}, append([]string{"audit", "list"}, args...)...), app.ExitUsage, args[0])
		}
		for _, kept := range []string{"12", "x:" + saga.AuditStart, "0:" + saga.AuditStart} {
			inOneLine(t, w.as(t.Context(), typist{}, "audit", "verify", "--kept", kept), app.ExitUsage, "--kept")
		}
	})
}

func TestAuditVerify(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldConfig{})
	cancelled := saga.AuditRecord{Operation: "cancelJob", Actor: "alice"}.Intent("a").Outcome(saga.AuditDone)
	for range 600 { // more than a page
		require.NoError(t, w.trail.Record(t.Context(), cancelled))
	}
	whole := decoded[verified](t, w.erasectl("audit", "verify", "-o", "json"))
	require.EqualValues(t, 600, whole.Records)
	kept := w.kept(40)
	require.Zero(t, w.erasectl("audit", "verify", "--kept", whole.Newest).code)
	require.Zero(t, w.erasectl("audit", "verify", "--kept", kept).code)
	inOneLine(t, w.erasectl("audit", "verify", "--kept", "40:"+saga.AuditStart), app.ExitNotProven, "record 40")
	inOneLine(t, w.erasectl("audit", "verify", "--kept", "601:"+saga.AuditStart), app.ExitNotProven, "is gone")
	for _, number := range []int64{1, 2, 100, 101, 600} {
		w.trail.Forge(number, "mallory")
		inOneLine(t, w.erasectl("audit", "verify"), app.ExitNotProven, "broken at record")
		w.trail.Forge(number, "alice")
		require.Zero(t, w.erasectl("audit", "verify").code)
	}
	w.trail.Forget(40)
	require.Zero(t, w.erasectl("audit", "verify", "--kept", kept).code, "archived up to the kept record")
	inOneLine(t, w.erasectl("audit", "verify"), app.ExitNotProven, "broken at record 41")
	inOneLine(t, w.erasectl("audit", "verify", "--kept", "40:"+saga.AuditStart), app.ExitNotProven, "broken at record 41")
	w.trail.Forget(1)
	inOneLine(t, w.erasectl("audit", "verify", "--kept", kept), app.ExitNotProven, "broken at record 42")
}

// kept is what verify would have printed at a number.
func (w *world) kept(number int64) string {
	w.t.Helper()
	records, err := w.trail.Recorded(w.t.Context(), saga.AuditFilter{Before: number + 1, Limit: 1})
	require.NoError(w.t, err)
	require.Len(w.t, records, 1)
	return fmt.Sprintf("%d:%s", records[0].Number, records[0].Hash)
}
