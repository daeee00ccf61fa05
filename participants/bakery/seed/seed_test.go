package seed_test

import (
	"context"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
)

// expected is what a report says of one tenant and one service, files included.
func expected(report *seed.Report, name events.Participant) participants.Counts {
	counts := maps.Clone(report.Rows[name])
	if name == "training" {
		counts["model_files"] = report.Files
	}
	return counts
}

func TestOneOfThreeTenantsIsDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenants := seed.TenantsFor(7, 3)
	report := w.generate(t, w.options(7, tenants...))
	gone, stays := tenants[1], tenants[2]
	require.Len(t, w.contents(t, "."), int(3*report.Files))

	for _, d := range bakery.All() {
		t.Run(string(d.Name)+" previews and deletes what the report says, and nothing else", func(t *testing.T) {
			t.Parallel()
			service := w.service(t, d.Name)
			require.NoError(t, service.Check(t.Context()))
			want := expected(report, d.Name)
			require.Equal(t, seed.Rows(d.Name, seed.ProfileTiny), report.Rows[d.Name])
			for _, tenant := range tenants {
				require.Equal(t, want, participants.Counts(service.Preview(t.Context(), tenant).Counts))
			}
			neighbours, files := w.digests(t, d.Name, gone), w.contents(t, "tenants/"+string(stays))

			require.Equal(t, want, w.erase(t, d.Name, gone))

			require.Equal(t, neighbours, w.digests(t, d.Name, gone), "other tenants' rows and shared ones")
			require.Equal(t, files, w.contents(t, "tenants/"+string(stays)))
			require.Zero(t, participants.Counts(service.Preview(t.Context(), gone).Counts).Total())
			require.Equal(t, want, participants.Counts(service.Preview(t.Context(), stays).Counts))
		})
	}
}

func TestSharedRowsAreMadeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	services := []events.Participant{"external", "notification"}
	first, second := w.options(1, seed.TenantIDFor(1, 1)), w.options(1, seed.TenantIDFor(1, 2))
	first.Services, second.Services = services, services
	report := w.generate(t, first)
	require.Equal(t, participants.Counts{"cities": 12, "city_weather_data": 360, "city_traffic_data": 360},
		report.Shared["external"])
	require.Equal(t, participants.Counts{"notification_templates": 8}, report.Shared["notification"])
	require.Zero(t, w.generate(t, second).Shared["external"].Total())
	require.Equal(t, 12, w.count(t, "external", "SELECT count(*) FROM cities"))
	require.Equal(t, 8, w.count(t, "notification", "SELECT count(*) FROM notification_templates WHERE is_system"))
}

func TestTenantsAreAddedLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, later := seed.TenantIDFor(3, 1), seed.TenantIDFor(3, 2)
	w.generate(t, w.options(3, before))
	rows := w.digests(t, "orders", later)

	w.generate(t, w.options(3, later))
	require.Equal(t, rows, w.digests(t, "orders", later), "those who were there keep their rows")

	_, err := w.open(t, "orders").NewRaw(`INSERT INTO customers (tenant_id, name, email, segment, marketing_consent, created_at)
		VALUES (?, 'A', 'a@example.com', 'retail', false, now())`, string(later)).Exec(t.Context())
	require.NoError(t, err, "the service's own next row gets a free id")

	report, err := seed.Generate(t.Context(), w.target(), w.options(3, before, seed.TenantIDFor(3, 3)))
	require.ErrorIs(t, err, seed.ErrKnown)
	require.Zero(t, report.Total(), "a known tenant stops the whole service")
}

func TestADeletedTenantComesBackOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := seed.TenantIDFor(4, 1)
	opts := w.options(4, tenant)
	opts.Services = []events.Participant{"recipes"}
	w.generate(t, opts)
	w.erase(t, "recipes", tenant)

	_, err := seed.Generate(t.Context(), w.target(), opts)
	require.ErrorIs(t, err, seed.ErrKnown)

	opts.Recreate = true
	report := w.generate(t, opts)
	require.Equal(t, report.Rows["recipes"], participants.Counts(w.service(t, "recipes").Preview(t.Context(), tenant).Counts))
}

func TestTheSameSeedMakesTheSameRows(t *testing.T) {
	t.Parallel()
	one, two, other := newWorld(t), newWorld(t), newWorld(t)
	tenants := seed.TenantsFor(5, 2)
	one.generate(t, one.options(5, tenants...))
	opts := two.options(5, tenants...)
	opts.Parallel = 1
	two.generate(t, opts)
	other.generate(t, other.options(6, tenants...))
	for _, d := range bakery.All() {
		require.Equal(t, one.digests(t, d.Name, ""), two.digests(t, d.Name, ""), d.Name)
		require.NotEqual(t, one.digests(t, d.Name, ""), other.digests(t, d.Name, ""), d.Name)
	}
	require.Equal(t, one.contents(t, "."), two.contents(t, "."))
}

func TestTenantsAreInterleavedInTheHeap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opts := w.options(8, seed.TenantsFor(8, 3)...)
	opts.Services = []events.Participant{"sales"}
	w.generate(t, opts)
	require.Equal(t, 3, w.count(t, "sales", `SELECT count(DISTINCT tenant_id) FROM
		(SELECT tenant_id FROM sales_records ORDER BY ctid LIMIT 3) AS first`))
}

func TestKeysAreBelievable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opts := w.options(9, seed.TenantsFor(9, 2)...)
	opts.Profile, opts.Services = seed.ProfileLow, []events.Participant{"production", "recipes", "notification", "tenants"}
	w.generate(t, opts)
	for claim, query := range map[string][2]string{
		"every run points at a step of its own": {"production", `SELECT count(*) FROM production_runs r
			LEFT JOIN production_run_steps s ON s.id = r.current_step_id AND s.run_id = r.id WHERE s.id IS NULL`},
		"a variant's parent is the same tenant's": {"recipes", `SELECT count(*) FROM recipes v
			JOIN recipes p ON p.id = v.parent_recipe_id WHERE p.tenant_id <> v.tenant_id`},
		"a notification's template is the same tenant's or the system's": {"notification", `SELECT count(*) FROM notifications n
			JOIN notification_templates t ON t.id = n.template_id WHERE t.tenant_id <> n.tenant_id`},
		"a tenant has one active owner": {"tenants", `SELECT count(*) FROM tenants t WHERE 1 <> (SELECT count(*)
			FROM tenant_members m WHERE m.tenant_id = t.id AND m.role = 'owner' AND m.is_active)`},
	} {
		require.Zero(t, w.count(t, events.Participant(query[0]), query[1]), claim)
	}
	require.Positive(t, w.count(t, "recipes", "SELECT count(*) FROM recipes WHERE parent_recipe_id IS NOT NULL"))
	require.Positive(t, w.count(t, "notification", `SELECT count(*) FROM notifications n
		JOIN notification_templates t ON t.id = n.template_id WHERE t.is_system`))
}

func TestAColumnWithoutWordsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.open(t, "orders").NewRaw("ALTER TABLE customers ADD COLUMN favourite_bread text").Exec(t.Context())
	require.NoError(t, err)
	opts := w.options(1, seed.TenantIDFor(1, 1))
	opts.Services = []events.Participant{"orders"}
	_, err = seed.Generate(t.Context(), w.target(), opts)
	require.ErrorContains(t, err, "table customers: column favourite_bread")
	require.Zero(t, w.count(t, "orders", "SELECT count(*) FROM tenant_anchor"))
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	ok := seed.Options{Tenants: seed.TenantsFor(1, 1), Profile: seed.ProfileTiny}
	for field, change := range map[string]func(*seed.Options){
		"Options.Profile":    func(o *seed.Options) { o.Profile = "huge" },
		"Options.Parallel":   func(o *seed.Options) { o.Parallel = -1 },
		"Options.Services":   func(o *seed.Options) { o.Services = []events.Participant{"loyalty"} },
		"Options.Tenants":    func(o *seed.Options) { o.Tenants = nil },
		"Options.Tenants[0]": func(o *seed.Options) { o.Tenants = []events.TenantID{"abc-123"} },
		"Options.Tenants[1]": func(o *seed.Options) { o.Tenants = []events.TenantID{o.Tenants[0], o.Tenants[0]} },
	} {
		opts := ok
		change(&opts)
		_, err := seed.Generate(context.Background(), seed.Target{DSN: func(events.Participant) string { return "" }}, opts)
		require.ErrorContains(t, err, field+":")
	}
	_, err := seed.Generate(context.Background(), seed.Target{}, ok)
	require.ErrorContains(t, err, "Target.DSN")
}
