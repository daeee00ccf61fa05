package familytest_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan/familytest"
	"github.com/bakery-ia/tenant-deletion/participants/yamlplan"
)

// TestFiles takes the plans of every family through their files: as generated, as decided by a person, and read again.
func TestFiles(t *testing.T) {
	t.Parallel()
	for name, p := range products {
		t.Run(name+": a generated file refuses until it is decided, then deletes exactly", func(t *testing.T) {
			t.Parallel()
			w := p.open().Open(t)
			person := p.person
			person.actions = actingKeys(t, w)
			requireFile(t, w, person)
		})
	}
	t.Run("drawn families: every name and every decision comes back from the file as it was", func(t *testing.T) {
		t.Parallel()
		w := familytest.Empty(t)
		for seed := range uint64(20) {
			d := familytest.Random(familytest.Seeded(seed), familytest.Size{Calm: true, Keys: 16, Rows: 3, Schemas: 3, Tables: 10})
			if slices.Contains(d.Schemas, familytest.Home) { // a file's home has no table of the service
				continue
			}
			require.NoError(t, w.Fill(t.Context(), d.Family))
			proposal, err := propose(t.Context(), w)
			require.NoError(t, err)
			requireFile(t, w, knowing(d, proposal))
		}
	})
}

// requireFile generates a file, has the person decide it, and deletes by what is read from its text.
func requireFile(t testing.TB, w *familytest.World, p person) {
	t.Helper()
	f := yamlplan.New()
	f.Participant, f.Home, f.Schemas = "crm", familytest.Home, w.Family.Schemas
	f.Tenant = yamlplan.Tenant{Root: w.Family.Root, Columns: w.Family.TenantColumns}
	_, err := f.Update(t.Context(), w.DB)
	require.NoError(t, err)
	f = reread(t, f)
	proposal, err := propose(t.Context(), w)
	require.NoError(t, err)
	for table := range undecided(proposal) {
		require.Contains(t, f.Undecided(), table)
	}
	if len(f.Undecided()) > 0 {
		_, err = f.Plan(w.DB, sqlplan.Config{})
		require.ErrorAs(t, err, new(*yamlplan.UndecidedError))
	}
	rules := p.rules(proposal)
	for _, r := range rules {
		at := slices.IndexFunc(f.Tables, func(t yamlplan.Table) bool { return t.Table == r.Spec().Table })
		require.GreaterOrEqual(t, at, 0, "%s is in the file", r.Spec().Table)
		f.Tables[at] = yamlplan.Table{RuleSpec: r.Spec()}
	}
	f = reread(t, f)
	require.Equal(t, rules, f.Rules())
	plan, err := f.Plan(w.DB, sqlplan.Config{})
	require.NoError(t, err)
	require.NoError(t, mend(t.Context(), w, plan))
	require.NoError(t, plan.Check(t.Context()))
	requireExact(t, w, plan, w.Family.Tenants[1])
}

// reread is the file as its text says.
func reread(t testing.TB, f *yamlplan.File) *yamlplan.File {
	t.Helper()
	text, err := f.Marshal()
	require.NoError(t, err)
	again, err := yamlplan.Parse("plan.yaml", text)
	require.NoError(t, err, "%s", text)
	return again
}
