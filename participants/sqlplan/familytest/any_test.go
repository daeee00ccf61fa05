package familytest_test

import (
	"flag"
	"maps"
	"math/bits"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan/familytest"
)

// seed makes every run draw the same schemas: a merge is not the place to meet a new one. make fuzz draws others.
const seed = "2026"

func TestMain(m *testing.M) {
	flag.Parse()
	if asked := flag.Lookup("rapid.seed"); asked.Value.String() == asked.DefValue {
		if err := asked.Value.Set(seed); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// throws are dice of single bits: rapid prefers small numbers, which would leave the last of every choice undrawn.
type throws struct{ t *rapid.T }

// IntN is at least 0 and less than n.
func (d throws) IntN(n int) int {
	for {
		v := 0
		for range bits.Len(uint(n - 1)) {
			v *= 2
			if rapid.Bool().Draw(d.t, "bit") {
				v++
			}
		}
		if v < n {
			return v
		}
	}
}

// drawn is a family of any schemas.
func drawn(size familytest.Size) *rapid.Generator[familytest.Drawn] {
	return rapid.Custom(func(t *rapid.T) familytest.Drawn { return familytest.Random(throws{t}, size) })
}

// answer is the rule that somebody writes who knows how the table's rows belong to tenants.
func answer(d familytest.Drawn, table *familytest.Table) sqlplan.Rule {
	r := sqlplan.Delete(d.Planned(table))
	switch table.Way {
	case familytest.WayShared:
		return sqlplan.Keep(d.Planned(table), "nobody's")
	case familytest.WayKey, familytest.WayLoose, familytest.WayValue:
		r = r.Via(table.Column, d.Planned(table.Parent))
	case familytest.WayPair:
		parents := map[string]string{}
		for value, parent := range table.PairParents {
			parents[value] = d.Planned(parent)
		}
		r = r.ViaPair(table.PairType, table.Column, parents).KeepingType("Note", "notes are nobody's")
	case familytest.WayWhere:
		r = r.By(table.By...).Where(table.Where, "the product's own")
	default:
		r = r.By(table.By...)
	}
	for _, column := range table.Ignored {
		r = r.Ignoring(column, "only says where it came from")
	}
	if table.Way == familytest.WayValue {
		r = r.WithoutKey("by convention")
	}
	switch {
	case table.Null && len(table.By) > 0:
		r = r.KeepingNull("nobody's")
	case table.Null:
		r = r.AcceptingNull("nobody's")
	}
	return r
}

// knowing answers what the proposal leaves open, corrects what a catalogue cannot know (system rows), and accepts the keys and
// triggers of the drawn tables.
func knowing(d familytest.Drawn, proposal *sqlplan.Proposal) person {
	p := person{actions: map[string][]string{}, triggers: map[string][]string{}}
	open := undecided(proposal)
	for _, table := range d.Model {
		name := d.Planned(table)
		a := answer(d, table)
		for _, column := range beside(d, table) {
			a = a.Ignoring(column, "says the same, or has the name by chance")
		}
		if _, asked := open[name]; asked {
			p.answers = append(p.answers, a)
		} else if table.Way == familytest.WayWhere {
			p.corrections = append(p.corrections, a)
		}
		for _, k := range d.Acting(table) {
			p.actions[name] = append(p.actions[name], k.Name)
		}
		for _, trigger := range table.Triggers {
			p.triggers[name] = append(p.triggers[name], trigger.Name)
		}
	}
	return p
}

// beside are columns that mean a tenant, or are named so, and by which nobody's rows are told.
func beside(d familytest.Drawn, table *familytest.Table) []string {
	if table.Way == familytest.WayShared {
		return nil
	}
	names := namesakes(d, table)
	for _, column := range d.TenantColumnsOf(table) {
		if !slices.Contains(slices.Concat(table.By, table.Ignored), column.Name) {
			names = append(names, column.Name)
		}
	}
	return names
}

// TestAnySchema is the engine's contract: over schemas that nobody has foreseen, what a proposal, a person and Check agree on
// deletes exactly the tenant's rows, and everything else is refused without an effect.
func TestAnySchema(t *testing.T) {
	t.Parallel()
	size := familytest.Size{Keys: 8, Rows: 3, Schemas: 3, Tables: 8}
	world := familytest.Empty(t)
	seen := tally{outcomes: map[string]int{}}
	rapid.Check(t, func(t *rapid.T) {
		s := size
		s.Calm = rapid.Bool().Draw(t, "calm")
		s.Entangled = rapid.IntRange(0, 3).Draw(t, "entangled") == 1
		d := drawn(s).Draw(t, "family")
		require.NoError(t, world.Fill(t.Context(), d.Family))
		seen.add(hold(t, world, d))
	})
	seen.require(t, "exact", "refused by check", "a decision left out", "a change refused")
}

// TestEntangledRows deletes tenants whose rows another tenant's refer to: never a row of that one, whatever the key does on
// deletes.
func TestEntangledRows(t *testing.T) {
	t.Parallel()
	world := familytest.Empty(t)
	seen := tally{outcomes: map[string]int{}}
	size := familytest.Size{Calm: true, Entangled: true, Keys: 16, Rows: 3, Schemas: 3, Tables: 8}
	for seed := range uint64(25) {
		d := familytest.Random(familytest.Seeded(seed), size)
		require.NoError(t, world.Fill(t.Context(), d.Family))
		proposal, err := propose(t.Context(), world)
		require.NoError(t, err)
		plan := sqlplan.New(world.DB, config(world), knowing(d, proposal).rules(proposal)...)
		require.NoError(t, plan.Check(t.Context()), "seed %d", seed)
		seen.add(requireRefusedOrExactEach(t, world, plan, d.Tenants))
	}
	seen.require(t, "refused by the deletion", "exact although entangled")
}

// everything is undecided when a plan is written by hand.
func everything(d familytest.Drawn) (all []sqlplan.Finding) {
	for _, table := range d.Model {
		all = append(all, sqlplan.Finding{Table: d.Planned(table)})
	}
	return all
}

// hold holds the engine against one family, and says what came of it.
func hold(t *rapid.T, w *familytest.World, d familytest.Drawn) string {
	proposal := &sqlplan.Proposal{Undecided: everything(d)}
	if rapid.IntRange(0, 3).Draw(t, "by hand") != 1 {
		var err error
		proposal, err = propose(t.Context(), w)
		require.NoError(t, err)
		requireDerived(t, d, proposal)
	}
	p := knowing(d, proposal)
	rules := p.rules(proposal)
	cfg, cut := config(w), &scissors{}
	cfg.Reached = cut.reached
	if rapid.IntRange(0, 2).Draw(t, "bounded") == 1 {
		cfg.BoundedRows, cfg.ChunkRows, cfg.Pace = 1, 2, time.Microsecond
	}
	plan := sqlplan.New(w.DB, cfg, rules...)
	if rapid.Bool().Draw(t, "mended") {
		require.NoError(t, mend(t.Context(), w, plan))
	}
	order := rapid.Permutation(d.Tenants).Draw(t, "order")
	if lessons := leaveOut(rules, p.answers); len(lessons) > 0 && rapid.IntRange(0, 3).Draw(t, "left out") == 1 {
		slices.SortFunc(lessons, func(a, b lesson) int { return strings.Compare(a.table+a.claim, b.table+b.claim) })
		l := rapid.SampledFrom(lessons).Draw(t, "lesson")
		plan = sqlplan.New(w.DB, cfg, l.rules...)
		if plan.Check(t.Context()) != nil {
			requireRefused(t, w, plan, order[0])
			return "a decision left out"
		}
	}
	if err := plan.Check(t.Context()); err != nil {
		require.ErrorIs(t, err, participants.ErrRefused)
		requireRefused(t, w, plan, order[0])
		return "refused by check"
	}
	if rapid.IntRange(0, 3).Draw(t, "changed") == 1 {
		return requireNoticed(t, w, plan, order[0], d)
	}
	require.False(t, d.Outside, "a table outside of the schemas refers into them, and Check has passed")
	requireUntouched(t, w, plan, stranger(t, d))
	if d.Entangled || slices.ContainsFunc(d.Model, keepsRows) {
		return requireRefusedOrExactEach(t, w, plan, order)
	}
	for i, tenant := range order {
		if after := rapid.IntRange(-4, 8).Draw(t, "cut"); after > 0 && i > 0 {
			requireExactThough(t, w, plan, tenant, cut, after)
			continue
		}
		requireExact(t, w, plan, tenant)
	}
	return "exact"
}

// stranger is an id that is nobody's, and looks like somebody's or like another type's.
func stranger(t *rapid.T, d familytest.Drawn) events.TenantID {
	ids := append(slices.Concat(texts, numerals), "AAAAAAAA-0000-4000-8000-000000000001", "aaaaaaaa000040008000000000000001")
	return rapid.SampledFrom(slices.DeleteFunc(ids, func(id events.TenantID) bool { return slices.Contains(d.Tenants, id) })).
		Draw(t, "stranger")
}

// requireRefusedOrExactEach deletes the tenants one after the other. A refusal in chunks ends it: the tenant is half gone.
func requireRefusedOrExactEach(t tb, w *familytest.World, plan *sqlplan.Plan, order []events.TenantID) string {
	outcome := "exact although entangled"
	for _, tenant := range order {
		if requireRefusedOrExact(t, w, plan, tenant) {
			continue
		}
		outcome = "refused by the deletion"
		if chunked(t, w) {
			break
		}
	}
	return outcome
}

// chunked reports whether a deletion in chunks has begun and not ended.
func chunked(t tb, w *familytest.World) (begun bool) {
	require.NoError(t, w.DB.NewRaw("SELECT EXISTS (SELECT FROM td_bounded WHERE started_at IS NOT NULL)").Scan(t.Context(), &begun))
	return begun
}

func keepsRows(table *familytest.Table) bool {
	return slices.ContainsFunc(table.Triggers, func(t familytest.Trigger) bool { return t.Keeps })
}

// requireRefusedOrExact is for what only the deletion itself finds out. It reports whether the tenant was deleted. An error that
// may pass, as when rows seem to change under the deletion, has no more effect than a refusal.
func requireRefusedOrExact(t tb, w *familytest.World, plan *sqlplan.Plan, tenant events.TenantID) (deleted bool) {
	_, _, err := erase(t.Context(), plan, command(tenant))
	switch {
	case err == nil:
		w.Oracle.Erased(t, tenant)
	case chunked(t, w):
		w.Oracle.Spared(t, tenant)
	default:
		w.Oracle.Unchanged(t)
	}
	return err == nil
}

// tally counts outcomes: a property that holds because nothing ever happens holds nothing.
type tally struct {
	mu       sync.Mutex
	outcomes map[string]int
}

func (o *tally) add(outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.outcomes[outcome]++
}

func (o *tally) require(t *testing.T, outcomes ...string) {
	t.Helper()
	t.Log(o.outcomes)
	for _, outcome := range outcomes {
		require.Contains(t, slices.Collect(maps.Keys(o.outcomes)), outcome)
	}
}
