package seed_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
)

// TestVolumes holds the profiles against the platform's own table of rows per tenant.
func TestVolumes(t *testing.T) {
	t.Parallel()
	documented := map[events.Participant][2]int64{ // low and high
		"orders": {10_000, 50_000}, "inventory": {1_000, 5_000}, "recipes": {100, 500}, "sales": {20_000, 100_000},
		"production": {2_000, 10_000}, "suppliers": {500, 2_000}, "pos": {50_000, 200_000}, "external": {100, 1_000},
		"forecasting": {10_000, 50_000}, "training": {100, 1_000}, "alert_processor": {5_000, 25_000},
		"notification": {10_000, 50_000},
	}
	var low, high int64
	for name, rows := range documented {
		require.Equal(t, rows[0], seed.Rows(name, seed.ProfileLow).Total(), name)
		require.Equal(t, rows[1], seed.Rows(name, seed.ProfileHigh).Total(), name)
		low, high = low+rows[0], high+rows[1]
	}
	require.Equal(t, []int64{108_800, 494_500}, []int64{low, high})
	require.Len(t, documented, len(bakery.All())-1, "the tenant service's own rows come on top")
}

func TestTinyIsAThousandthWithEveryTable(t *testing.T) {
	t.Parallel()
	for _, d := range bakery.All() {
		rows := seed.Rows(d.Name, seed.ProfileTiny)
		for table, n := range rows {
			require.Positive(t, n, "%s.%s", d.Name, table)
		}
		thousandth := (seed.Rows(d.Name, seed.ProfileHigh).Total() + 999) / 1000
		require.Equal(t, max(thousandth, int64(len(rows))), rows.Total(), d.Name)
	}
	require.Nil(t, seed.Rows("loyalty", seed.ProfileTiny))
}
