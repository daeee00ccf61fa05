package familytest_test

import (
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
		require.Equal(t, familytest.Random(familytest.Seeded(7), size).Family, familytest.Random(familytest.Seeded(7), size).Family)
		require.NotEqual(t, familytest.Random(familytest.Seeded(7), size).Family, familytest.Random(familytest.Seeded(8), size).Family)
	})
}
