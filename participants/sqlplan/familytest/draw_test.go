package familytest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants/sqlplan/familytest"
)

func TestRandom(t *testing.T) {
	t.Parallel()
	size := familytest.Size{Keys: 8, Rows: 3, Schemas: 3, Tables: 8}

	t.Run("PostgreSQL takes whatever is drawn, and the rows are whole", func(t *testing.T) {
		t.Parallel()
		world := familytest.Empty(t)
		for seed := range uint64(40) {
			drawn := familytest.Random(familytest.Seeded(seed), size)
			require.NoError(t, world.Fill(t.Context(), drawn.Family), "seed %d: %s%s", seed, drawn.Tables, drawn.After)
			for _, tenant := range drawn.Tenants {
				require.NotEmpty(t, world.Oracle.Counts(t, tenant), "seed %d", seed)
			}
		}
	})
	t.Run("draws the same for the same seed", func(t *testing.T) {
		t.Parallel()
		draw := func(seed uint64) familytest.Family { return familytest.Random(familytest.Seeded(seed), size).Family }
		first, again, other := draw(7), draw(7), draw(8)
		require.Equal(t, first, again)
		require.NotEqual(t, first, other)
	})
}

func TestLarge(t *testing.T) {
	t.Parallel()
	t.Run("has everything that large schemas have", func(t *testing.T) {
		t.Parallel()
		d := familytest.Large(1)
		ways, keys, across, selfs := map[familytest.Way]int{}, 0, 0, 0
		for _, table := range d.Model {
			ways[table.Way]++
			keys += len(table.Keys)
			for _, k := range table.Keys {
				if k.Parent.Schema != table.Schema {
					across++
				}
				if k.Parent == table {
					selfs++
				}
			}
		}
		require.Greater(t, len(d.Model), 200)
		require.Greater(t, keys, 400)
		require.Len(t, ways, 12, "every way: %v", ways)
		require.Positive(t, strings.Count(d.Tables, "INHERITS"), "heirs")
		require.Positive(t, across)
		require.Positive(t, selfs)
		require.Len(t, d.Schemas, 4)
	})
	t.Run("the huge one has a thousand tables and two thousand keys", func(t *testing.T) {
		t.Parallel()
		d, keys := familytest.Huge(1), 0
		for _, table := range d.Model {
			keys += len(table.Keys)
		}
		require.GreaterOrEqual(t, len(d.Model), 1000)
		require.GreaterOrEqual(t, keys, 2000)
	})
}
