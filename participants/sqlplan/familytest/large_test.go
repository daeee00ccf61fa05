package familytest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan/familytest"
)

// derivable is the law of proposals, on the generator's model: the root, a table with one tenant column that is never null, and
// a table without tenant columns from which a key that is never null leads to one of those. A column without a key that only has
// the name of a tenant column leaves its table open.
func derivable(d familytest.Drawn) map[*familytest.Table]bool {
	found := map[*familytest.Table]bool{}
	for again := true; again; {
		again = false
		for _, t := range d.Model {
			if !found[t] && len(namesakes(d, t)) == 0 && derives(d, t, found) {
				found[t], again = true, true
			}
		}
	}
	return found
}

// namesakes are a table's columns that have the name of another table's tenant column, and nothing else of it.
func namesakes(d familytest.Drawn, table *familytest.Table) (names []string) {
	known := map[string]bool{}
	for _, t := range d.Model[1:] {
		for _, column := range d.TenantColumnsOf(t) {
			if len(t.Key) != 1 || t.Key[0] != column { // "id" means something else in every table
				known[strings.ToLower(column.Name)] = true
			}
		}
	}
	for _, column := range table.Unkeyed() {
		if known[strings.ToLower(column)] && !slices.Contains(slices.Concat(table.By, table.Ignored), column) &&
			table.Way != familytest.WayRoot {
			names = append(names, column)
		}
	}
	return names
}

func derives(d familytest.Drawn, t *familytest.Table, found map[*familytest.Table]bool) bool {
	if columns := d.TenantColumnsOf(t); len(columns) > 0 {
		return len(columns) == 1 && !columns[0].Nullable
	}
	return slices.ContainsFunc(t.Keys, func(k *familytest.Key) bool { return !k.Nullable() && !k.NotValid && found[k.Parent] })
}

// requireDerived holds a proposal against the law.
func requireDerived(t tb, d familytest.Drawn, proposal *sqlplan.Proposal) {
	t.Helper()
	law, open := derivable(d), undecided(proposal)
	ruled := map[string]bool{}
	for _, r := range proposal.Rules {
		ruled[r.Spec().Table] = true
	}
	for _, table := range d.Model {
		name := d.Planned(table)
		require.Equal(t, law[table], ruled[name], "%s (%s) is derived; open: %v", name, table.Way, open[name])
		require.Equal(t, !law[table], open[name] != nil, "%s (%s) is undecided", name, table.Way)
	}
}

func TestLargeSchema(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run("what is derived follows the law, the rest is decided, and every tenant goes exactly", func(t *testing.T) {
			t.Parallel()
			d := familytest.Large(seed)
			w := d.Open(t)
			proposal, err := propose(t.Context(), w)
			require.NoError(t, err)
			requireDerived(t, d, proposal)
			cfg := config(w)
			if seed == 1 {
				cfg.BoundedRows, cfg.ChunkRows, cfg.Pace = 1, 50, time.Microsecond
			}
			plan := sqlplan.New(w.DB, cfg, knowing(d, proposal).rules(proposal)...)
			require.NoError(t, plan.Check(t.Context()))
			for _, tenant := range d.Tenants {
				requireExact(t, w, plan, tenant)
			}
		})
	}

	t.Run("each decision left out is refused", func(t *testing.T) {
		t.Parallel()
		d := familytest.Large(0)
		w := d.Open(t)
		proposal, err := propose(t.Context(), w)
		require.NoError(t, err)
		p := knowing(d, proposal)
		for _, a := range p.answers {
			rules := slices.DeleteFunc(p.rules(proposal), func(r sqlplan.Rule) bool { return r.Spec().Table == a.Spec().Table })
			require.ErrorIs(t, sqlplan.New(w.DB, config(w), rules...).Check(t.Context()), participants.ErrRefused, a.Spec().Table)
		}
		w.Oracle.Unchanged(t)
	})

	t.Run("a role from which policies hide rows is refused", func(t *testing.T) {
		t.Parallel()
		d := familytest.Large(0)
		w := d.Open(t)
		proposal, err := propose(t.Context(), w)
		require.NoError(t, err)
		w.DB.SetMaxOpenConns(1) // the role holds for the connection
		for _, schema := range append(d.Schemas, familytest.Home) {
			_, err := w.DB.NewRaw("GRANT ALL ON SCHEMA ?0 TO pg_monitor; GRANT ALL ON ALL TABLES IN SCHEMA ?0 TO pg_monitor",
				bun.Safe(pgx.Identifier{schema}.Sanitize())).Exec(t.Context())
			require.NoError(t, err)
		}
		_, err = w.DB.ExecContext(t.Context(), "SET ROLE pg_monitor")
		require.NoError(t, err)
		plan := sqlplan.New(w.DB, config(w), knowing(d, proposal).rules(proposal)...)
		refused := new(participants.RefusedError)
		require.ErrorAs(t, plan.Check(t.Context()), &refused)
		require.Equal(t, participants.CodeHiddenRows, refused.Code)
		_, _, err = erase(t.Context(), plan, command(d.Tenants[0]))
		require.ErrorIs(t, err, participants.ErrRefused)
		_, err = w.DB.ExecContext(t.Context(), "RESET ROLE")
		require.NoError(t, err)
		w.Oracle.Unchanged(t)
	})
}

// TestHugeSchema works on a thousand tables; BenchmarkPlans says how fast.
func TestHugeSchema(t *testing.T) {
	t.Parallel()
	d := familytest.Huge(1)
	w := d.Open(t)
	proposal, err := propose(t.Context(), w)
	require.NoError(t, err)
	requireDerived(t, d, proposal)
	plan := sqlplan.New(w.DB, config(w), knowing(d, proposal).rules(proposal)...)
	findings, err := plan.Findings(t.Context())
	require.NoError(t, err)
	for _, f := range findings {
		require.NotContains(t, []sqlplan.Severity{sqlplan.SeverityRefuse, sqlplan.SeverityDecide}, f.Severity, f.Text)
	}
	requireExact(t, w, plan, d.Tenants[0])
}

// BenchmarkPlans measures what it takes to generate and to check the plan of a thousand tables and two thousand keys. The
// fastest round is the one that the machine has disturbed least.
func BenchmarkPlans(b *testing.B) {
	d := familytest.Huge(1)
	w := d.Open(b)
	_, err := w.DB.ExecContext(b.Context(), "ANALYZE")
	require.NoError(b, err)
	proposal, err := propose(b.Context(), w)
	require.NoError(b, err)
	rules := knowing(d, proposal).rules(proposal)
	for name, do := range map[string]func() error{
		"generate": func() error { _, err := propose(b.Context(), w); return err },
		"check":    func() error { _, err := sqlplan.New(w.DB, config(w), rules...).Findings(b.Context()); return err },
	} {
		b.Run(name, func(b *testing.B) {
			fastest := time.Hour
			for b.Loop() {
				began := time.Now()
				require.NoError(b, do())
				fastest = min(fastest, time.Since(began))
			}
			b.ReportMetric(float64(fastest.Milliseconds()), "fastest-ms")
		})
	}
}
