package familytest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan/familytest"
)

// person is somebody who knows the product: the answers to what a catalogue cannot say.
type person struct {
	// answers are rules for tables that are undecided.
	answers []sqlplan.Rule
	// corrections are rules for tables whose derived rule is not what the product means.
	corrections []sqlplan.Rule
	// actions and triggers that the person has read, by table.
	actions, triggers map[string][]string
}

// rules completes a proposal.
func (p person) rules(proposal *sqlplan.Proposal) []sqlplan.Rule {
	all := map[string]sqlplan.Rule{}
	for _, r := range slices.Concat(proposal.Rules, p.answers, p.corrections) {
		all[r.Spec().Table] = r
	}
	for table, r := range all {
		if r.Spec().Kept {
			continue
		}
		for _, key := range p.actions[table] {
			r = r.AcceptingAction(key, "read by a person")
		}
		for _, name := range p.triggers[table] {
			r = r.AcceptingTrigger(name, "read by a person")
		}
		all[table] = r
	}
	var rules []sqlplan.Rule
	for _, table := range slices.Sorted(maps.Keys(all)) {
		rules = append(rules, all[table])
	}
	return rules
}

// propose derives a plan from the world's catalogue.
func propose(ctx context.Context, w *familytest.World) (*sqlplan.Proposal, error) {
	return sqlplan.Propose(ctx, w.DB, sqlplan.ProposeConfig{Root: w.Family.Root, Schemas: w.Family.Schemas,
		TenantColumns: w.Family.TenantColumns})
}

// config is the one that the proposal was made for.
func config(w *familytest.World) sqlplan.Config {
	return sqlplan.Config{Service: "crm", Root: w.Family.Root, Schemas: w.Family.Schemas, TenantColumns: w.Family.TenantColumns}
}

// undecided are the tables that a proposal leaves open, with the codes of what was seen.
func undecided(p *sqlplan.Proposal) map[string][]string {
	seen := map[string][]string{}
	for _, f := range p.Undecided {
		seen[f.Table] = append(seen[f.Table], f.Code)
	}
	return seen
}

// mend runs the indexes that the findings ask for, as they are written there.
func mend(ctx context.Context, w *familytest.World, plan *sqlplan.Plan) error {
	findings, err := plan.Findings(ctx)
	if err != nil {
		return err
	}
	for _, f := range findings {
		at := strings.Index(f.WayOut, "CREATE INDEX")
		if f.Code != sqlplan.FindingUnindexedKey || at < 0 {
			continue
		}
		if _, err := w.DB.DB.ExecContext(ctx, f.WayOut[at:]); err != nil {
			return fmt.Errorf("way out of %s: %s: %w", f.Table, f.WayOut, err)
		}
	}
	return nil
}

// actingKeys are all foreign keys that act on deletes, by the table they refer to.
func actingKeys(t testing.TB, w *familytest.World) map[string][]string {
	t.Helper()
	rows, err := w.DB.DB.QueryContext(t.Context(), `SELECT DISTINCT p.relname, k.conname
		FROM pg_constraint k JOIN pg_class p ON p.oid = k.confrelid
		WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confdeltype IN ('c', 'n', 'd') ORDER BY 1, 2`)
	require.NoError(t, err)
	defer rows.Close()
	keys := map[string][]string{}
	for rows.Next() {
		var table, key string
		require.NoError(t, rows.Scan(&table, &key))
		keys[table] = append(keys[table], key)
	}
	require.NoError(t, rows.Err())
	return keys
}

// command is a new job's first command for a tenant.
func command(tenant events.TenantID) *events.Command {
	return &events.Command{JobID: events.NewJobID(), TenantID: tenant, Generation: 1, Attempt: 1}
}

func erase(ctx context.Context, plan *sqlplan.Plan, c *events.Command) (*participants.Receipt, bool, error) {
	e := participants.NewErasure(c, nil, nil)
	if err := plan.Erase(ctx, e); err != nil {
		return nil, false, err
	}
	receipt, replayed := e.Answered()
	return receipt, replayed, nil
}

// tb is a test, or a property test.
type tb interface {
	rapid.TB
	Context() context.Context
}

// requireExact previews, erases, and asks the oracle; then repeats, and asks it again.
func requireExact(t tb, w *familytest.World, plan *sqlplan.Plan, tenant events.TenantID) *participants.Receipt {
	t.Helper()
	want := w.Oracle.Counts(t, tenant)
	preview, err := plan.Preview(t.Context(), tenant)
	require.NoError(t, err)
	require.Equal(t, want, nonzero(preview), "preview of %s", tenant)
	w.Oracle.Unchanged(t)
	c := command(tenant)
	receipt, replayed, err := erase(t.Context(), plan, c)
	require.NoError(t, err)
	require.False(t, replayed)
	require.Equal(t, preview, receipt.Counts, "receipt of %s", tenant)
	w.Oracle.Erased(t, tenant)
	again, replayed, err := erase(t.Context(), plan, c)
	require.NoError(t, err)
	require.True(t, replayed)
	require.Equal(t, receipt, again)
	left, err := plan.Preview(t.Context(), tenant)
	require.NoError(t, err)
	require.Empty(t, nonzero(left), "left of %s", tenant)
	w.Oracle.Unchanged(t)
	return receipt
}

// requireRefused erases, finds nothing deleted, and returns what the refusal says.
func requireRefused(t tb, w *familytest.World, plan *sqlplan.Plan, tenant events.TenantID) string {
	t.Helper()
	_, _, err := erase(t.Context(), plan, command(tenant))
	var refused *participants.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("erasing was not refused: %v", err)
	}
	w.Oracle.Unchanged(t)
	return refused.Detail
}

func nonzero(counts participants.Counts) map[string]int64 {
	some := map[string]int64(maps.Clone(counts))
	maps.DeleteFunc(some, func(_ string, n int64) bool { return n == 0 })
	return some
}

// lesson is a plan that says less than a person has decided.
type lesson struct {
	claim string
	table string
	rules []sqlplan.Rule
}

// leaveOut makes a lesson of every answer, and of every reason in any rule.
func leaveOut(rules []sqlplan.Rule, answers []sqlplan.Rule) (all []lesson) {
	for i, r := range rules {
		spec := r.Spec()
		if slices.ContainsFunc(answers, func(a sqlplan.Rule) bool { return a.Spec().Table == spec.Table }) {
			all = append(all, lesson{claim: "the rule", table: spec.Table, rules: slices.Delete(slices.Clone(rules), i, i+1)})
		}
		for what, less := range leastReasons(spec) {
			changed := slices.Clone(rules)
			changed[i] = sqlplan.RuleOf(less)
			all = append(all, lesson{claim: what, table: spec.Table, rules: changed})
		}
	}
	return all
}

// leastReasons are the rule without one of its reasons each.
func leastReasons(spec sqlplan.RuleSpec) map[string]sqlplan.RuleSpec {
	all := map[string]sqlplan.RuleSpec{}
	for what, reason := range map[string]func(*sqlplan.RuleSpec) *string{
		"AcceptNull": func(s *sqlplan.RuleSpec) *string { return &s.AcceptNull },
		"KeepNull":   func(s *sqlplan.RuleSpec) *string { return &s.KeepNull },
		"Reason":     func(s *sqlplan.RuleSpec) *string { return &s.Reason },
		"WithoutKey": func(s *sqlplan.RuleSpec) *string { return &s.WithoutKey },
	} {
		if less := sqlplan.RuleOf(spec).Spec(); *reason(&less) != "" {
			*reason(&less) = ""
			all[what] = less
		}
	}
	for what, reasons := range map[string]func(sqlplan.RuleSpec) map[string]string{
		"AcceptActions":  func(s sqlplan.RuleSpec) map[string]string { return s.AcceptActions },
		"AcceptTriggers": func(s sqlplan.RuleSpec) map[string]string { return s.AcceptTriggers },
		"Ignore":         func(s sqlplan.RuleSpec) map[string]string { return s.Ignore },
		"PairKept":       func(s sqlplan.RuleSpec) map[string]string { return s.PairKept },
		"PairParents":    func(s sqlplan.RuleSpec) map[string]string { return s.PairParents },
	} {
		for name := range reasons(spec) {
			less := sqlplan.RuleOf(spec).Spec()
			delete(reasons(less), name)
			all[what+" "+name] = less
		}
	}
	return all
}
