package bakery_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

func TestAll(t *testing.T) {
	t.Parallel()
	var first []events.Participant
	for _, d := range bakery.All() {
		if d.Wave == bakery.WaveServices {
			first = append(first, d.Name)
		}
	}
	require.Equal(t, []events.Participant{"alert_processor", "external", "forecasting", "inventory", "notification", "orders",
		"pos", "production", "recipes", "sales", "suppliers", "training"}, first, "the twelve, by name")
	last := bakery.All()[12:]
	require.Len(t, last, 1)
	require.Equal(t, events.Participant("tenants"), last[0].Name)
	require.Equal(t, bakery.WaveTenants, last[0].Wave)
}

func TestByName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]events.Participant{
		"orders": "orders", "notification": "notification", "notifications": "notification",
		"alert_processor": "alert_processor", "alert-processor": "alert_processor",
	} {
		d, err := bakery.ByName(name)
		require.NoError(t, err)
		require.Equal(t, want, d.Name)
	}
	_, err := bakery.ByName("no\nsuch")
	require.ErrorIs(t, err, bakery.ErrUnknown)
	require.NotContains(t, err.Error(), "no\nsuch", "a stranger's words are not repeated")
}

func TestServiceWithFilesNeedsARoot(t *testing.T) {
	t.Parallel()
	d, err := bakery.ByName("training")
	require.NoError(t, err)
	_, err = d.Service(nil, bakery.Config{})
	require.ErrorContains(t, err, "FilesRoot")
	_, err = d.Service(nil, bakery.Config{FilesRoot: t.TempDir() + "/not/mounted"})
	require.Error(t, err, "a missing root is a wrong mount, not an empty service")
}

// unplanned finds the tables that a refusal calls unplanned.
var unplanned = regexp.MustCompile(`table (\w+) [^;]* is on no plan`)

func TestPlans(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, lines(bakery.All()...)...)
	rules := 0
	for _, d := range bakery.All() {
		rules += len(d.Rules)
		t.Run(string(d.Name)+" names every table, and no rule can be left out unnoticed", func(t *testing.T) {
			t.Parallel()
			db := open(t, database, d.Name)
			cfg := sqlplan.Config{Service: d.Name}
			require.NoError(t, sqlplan.New(db, cfg, d.Rules...).Check(t.Context()))

			var found []string
			for i := range d.Rules {
				rest := append(append([]sqlplan.Rule{}, d.Rules[:i]...), d.Rules[i+1:]...)
				err := sqlplan.New(db, cfg, rest...).Check(t.Context())
				require.ErrorIs(t, err, participants.ErrRefused, "rule %d left out", i)
				named := unplanned.FindAllStringSubmatch(err.Error(), -1)
				require.Len(t, named, 1, "rule %d left out: %v", i, err)
				found = append(found, named[0][1])
			}
			require.ElementsMatch(t, tables(t, db), found)
		})
	}
	require.Equal(t, 73, rules, "70 tables are deleted, 3 are kept")
}

// tables are those that the service's own migration made.
func tables(t *testing.T, db *bun.DB) (names []string) {
	t.Helper()
	require.NoError(t, db.NewRaw(`SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		AND c.relname <> 'tenant_anchor' AND c.relname NOT LIKE 'td\_%'`).Scan(t.Context(), &names))
	return names
}

func lines(declared ...bakery.Declaration) (list []migrations.Line) {
	for _, d := range declared {
		list = append(list, migrations.Participant(string(d.Name)), migrations.Bakery(string(d.Name)))
	}
	return list
}

func open(t testing.TB, database *pgtest.Database, name events.Participant) *bun.DB {
	t.Helper()
	db, err := pgpool.Open(database.DSN(string(name)), pgpool.Config{Name: string(name), Schema: string(name)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}
