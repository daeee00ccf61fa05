package app

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

func TestServices(t *testing.T) {
	t.Parallel()
	t.Run("are the twelve and their aliases, without the tenant service", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, map[string]events.Participant{
			"alert_processor": "alert_processor", "alert-processor": "alert_processor", "external": "external",
			"forecasting": "forecasting", "inventory": "inventory", "notification": "notification", "notifications": "notification",
			"orders": "orders", "pos": "pos", "production": "production", "recipes": "recipes", "sales": "sales",
			"suppliers": "suppliers", "training": "training",
		}, services{}.Names())
	})
	t.Run("are the one of a plan, whatever it is called", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, map[string]events.Participant{"crm": "crm"}, services{only: "crm"}.Names())
		require.Equal(t, map[string]events.Participant{"tenants": "tenants"}, services{only: "tenants"}.Names())
	})
	t.Run("count and erase outside of any job; one that is stopped is unavailable", func(t *testing.T) {
		t.Parallel()
		tenant := seed.TenantIDFor(1, 1)
		runner := seeded(t, "recipes", tenant)
		s := services{running: func(name events.Participant) *participants.Runner {
			return map[events.Participant]*participants.Runner{"recipes": runner}[name]
		}}
		preview, err := s.Count(t.Context(), "recipes", tenant)
		require.NoError(t, err)
		require.NotZero(t, preview.Total())
		for range 2 {
			result, err := s.Erase(t.Context(), "recipes", tenant, "one")
			require.NoError(t, err)
			require.True(t, result.Success)
			require.Equal(t, preview.Counts, result.DeletedCounts)
		}
		_, err = s.Erase(t.Context(), "orders", tenant, "one")
		require.ErrorIs(t, err, httpapi.ErrUnavailable)
		_, err = s.Count(t.Context(), "orders", tenant)
		require.ErrorIs(t, err, httpapi.ErrUnavailable)
		_, err = s.Erase(t.Context(), "recipes", tenant, "")
		require.ErrorIs(t, err, events.ErrInvalid)
		require.NotErrorIs(t, err, httpapi.ErrUnavailable)
	})
	t.Run("whose database does not answer are unavailable", func(t *testing.T) {
		t.Parallel()
		runner := seeded(t, "recipes", seed.TenantIDFor(1, 1))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s := services{running: func(events.Participant) *participants.Runner { return runner }}
		_, err := s.Erase(ctx, "recipes", seed.TenantIDFor(1, 1), "one")
		require.ErrorIs(t, err, httpapi.ErrUnavailable)
	})
}

// seeded is a service's participant on a database of its own, with one tenant.
func seeded(t *testing.T, name events.Participant, tenant events.TenantID) *participants.Runner {
	t.Helper()
	database := pgtest.New(t, serviceLines(name)...)
	_, err := seed.Generate(t.Context(), seed.Target{DSN: func(events.Participant) string { return database.DSN(string(name)) }},
		seed.Options{Tenants: []events.TenantID{tenant}, Profile: seed.ProfileTiny, Services: []events.Participant{name}})
	require.NoError(t, err)
	declared, err := bakery.ByName(string(name))
	require.NoError(t, err)
	db, err := pgpool.Open(database.DSN(string(name)), servicePool(declared, 1))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	service, err := newService(declared, db, t.TempDir(), nil)
	require.NoError(t, err)
	runner, err := participants.New(service, nil, participants.Config{})
	require.NoError(t, err)
	return runner
}

func TestTenants(t *testing.T) {
	t.Parallel()
	const tenant, ann, bob = "aaaaaaaa-0000-4000-8000-000000000001", "0a000000-0000-4000-8000-000000000001",
		"0b000000-0000-4000-8000-000000000002"
	database := pgtest.New(t, migrations.Participant("tenants"), migrations.Bakery("tenants"))
	db, err := pgpool.Open(database.DSN("tenants"), pgpool.Config{Schema: "tenants"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.NewRaw(`INSERT INTO tenant_anchor (tenant_id) VALUES (?0);
		INSERT INTO tenants (id, name, slug, state, email, street, city, postal_code, country, created_at)
		VALUES (?0, 'n', 's', 'active', 'e', 's', 'c', 'p', 'c', now());
		INSERT INTO tenant_members (tenant_id, user_id, name, email, role, is_active, joined_at)
		VALUES (?0, ?1, 'n', 'e', 'owner', true, now()), (?0, ?2, 'n', 'e', 'admin', true, now())`, tenant, ann, bob).Exec(t.Context())
	require.NoError(t, err)
	managed := tenants{tenancy.New(db)}

	admins, err := managed.Admins(t.Context(), tenant)
	require.NoError(t, err)
	require.Equal(t, []httpapi.Admin{{UserID: ann, Role: "owner", Active: true}, {UserID: bob, Role: "admin", Active: true}}, admins)
	_, err = managed.RemoveMemberships(t.Context(), ann, "local")
	var sole *httpapi.SoleOwnerError
	require.ErrorAs(t, err, &sole)
	require.Equal(t, []events.TenantID{tenant}, sole.Tenants)
	transferred, err := managed.Transfer(t.Context(), tenant, bob, ann)
	require.NoError(t, err)
	require.Equal(t, httpapi.Transferred{TenantID: tenant, PreviousOwnerID: ann, OwnerID: bob}, transferred)
	_, err = managed.Transfer(t.Context(), tenant, ann, ann)
	require.ErrorIs(t, err, httpapi.ErrForbidden, "he owns it no longer")
	removed, err := managed.RemoveMemberships(t.Context(), ann, "local")
	require.NoError(t, err)
	require.EqualValues(t, 1, removed)
	_, err = managed.Admins(t.Context(), bob)
	require.ErrorIs(t, err, httpapi.ErrNoTenant)
}

func TestTenancyError(t *testing.T) {
	t.Parallel()
	for _, known := range tenancyErrors {
		require.ErrorIs(t, tenancyError(known.is), known.means)
	}
	require.ErrorIs(t, tenancyError(&pgconn.PgError{Code: "55P03"}), httpapi.ErrUnavailable)
	require.NotErrorIs(t, tenancyError(&pgconn.PgError{Code: "42P01"}), httpapi.ErrUnavailable)
	other := errors.New("other")
	require.Equal(t, other, tenancyError(other))
	require.NoError(t, tenancyError(nil))
}
