package app

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Two tenants: bread has an owner and an admin, cake an owner alone.
const (
	bread events.TenantID = "aaaaaaaa-0000-4000-8000-000000000001"
	cake  events.TenantID = "bbbbbbbb-0000-4000-8000-000000000002"
	gone  events.TenantID = "cccccccc-0000-4000-8000-000000000003"

	cat = "0c000000-0000-4000-8000-000000000003"
	dan = "0d000000-0000-4000-8000-000000000004"
)

func tenantsDatabase(t *testing.T) *bun.DB {
	t.Helper()
	database := pgtest.New(t, migrations.Participant("tenants"), migrations.Bakery("tenants"))
	db, err := pgpool.Open(database.DSN("tenants"), pgpool.Config{Schema: "tenants"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	for tenant, name := range map[events.TenantID]string{bread: "Bäckerei Brot", cake: "Cake & Co"} {
		_, err := db.NewRaw(`INSERT INTO tenant_anchor (tenant_id) VALUES (?0);
			INSERT INTO tenants (id, name, slug, state, email, street, city, postal_code, country, created_at)
			VALUES (?0, ?1, 's', 'active', 'e', 's', 'c', 'p', 'c', now())`, string(tenant), name).Exec(t.Context())
		require.NoError(t, err)
	}
	_, err = db.ExecContext(t.Context(), `INSERT INTO tenant_members (tenant_id, user_id, name, email, role, is_active, joined_at)
		SELECT v.tenant::uuid, v.id::uuid, 'n', 'e', v.role, v.active, now() FROM (VALUES
			(?0, ?2, 'owner', true), (?0, ?3, 'admin', true), (?0, ?4, 'admin', false), (?1, ?5, 'owner', true))
			AS v(tenant, id, role, active)`, string(bread), string(cake), ann, bob, cat, dan)
	require.NoError(t, err)
	return db
}

func TestTenantRules(t *testing.T) {
	t.Parallel()
	rules := tenantRules{tenancy: tenancy.New(tenantsDatabase(t)), trusted: []events.Participant{"billing"}}
	const is, not, mismatch, missing = "", saga.ReasonNotAdministrator, saga.ReasonConfirmationMismatch,
		saga.ReasonConfirmationMissing
	const others, override, brot = saga.ReasonOtherAdmins, saga.ReasonOverrideMissing, "Bäckerei Brot"
	both := saga.Asker{Service: true, Admin: true}
	people := []string{ann, bob}
	person, root, service := saga.Asker{}, saga.Asker{Admin: true}, saga.Asker{Service: true}
	named := func(a saga.Asker, name string) saga.Asker { a.ConfirmName = name; return a }
	knowing := func(a saga.Asker) saga.Asker { a.ConfirmOtherAdmins = true; return a }
	because := func(a saga.Asker) saga.Asker { a.OverrideReason = "ticket-1"; return a }
	for claim, c := range map[string]struct {
		tenant events.TenantID
		by     string
		source events.Participant
		asker  saga.Asker
		want   string
		admins []string
	}{
		"an owner is told of the other admins":          {bread, ann, "api", named(person, brot), others, []string{bob}},
		"an owner who knows of them may":                {bread, ann, "api", knowing(named(person, brot)), is, nil},
		"an owner's override is none":                   {bread, ann, "api", because(named(person, brot)), others, []string{bob}},
		"an owner alone may":                            {cake, dan, "api", named(person, " Cake & Co\n"), is, nil},
		"an owner must repeat the name":                 {cake, dan, "api", person, missing, nil},
		"an owner must repeat it with more than blanks": {cake, dan, "api", named(person, " \t"), missing, nil},
		"an owner must repeat it exactly":               {cake, dan, "api", named(person, "cake & co"), mismatch, nil},
		"an owner must repeat this tenant's":            {cake, dan, "api", named(person, brot), mismatch, nil},
		"an owner of another tenant may not":            {cake, ann, "api", named(person, "Cake & Co"), not, nil},
		"an admin of the tenant may not":                {bread, bob, "api", knowing(named(person, brot)), not, nil},
		"an outsider does not learn the name":           {bread, dan, "api", named(person, "wrong"), not, nil},
		"an outsider does not learn what tenants exist": {gone, dan, "api", named(person, "x"), not, nil},
		"a name that is no user id may not":             {bread, "user:4711", "api", named(person, brot), not, nil},

		"a platform admin says why":                      {bread, "root", "api", named(root, brot), override, people},
		"a platform admin who says why may":              {bread, "root", "api", because(named(root, brot)), is, nil},
		"a platform admin repeats the name all the same": {bread, "root", "api", because(root), missing, nil},
		"a platform admin repeats it exactly":            {bread, "root", "api", because(named(root, "Brot")), mismatch, nil},
		"a platform admin says more than that he knows":  {bread, "root", "api", knowing(named(root, brot)), override, people},
		"a platform admin who owns it is an owner":       {bread, ann, "api", knowing(named(root, brot)), is, nil},
		"a platform admin learns that there is none":     {gone, "root", "api", because(root), saga.ReasonTenantUnknown, nil},
		"a tenant id of another form is no tenant":       {"acme", "root", "api", root, saga.ReasonTenantUnknown, nil},

		"a service may ask for an owner":                 {cake, dan, "crm", service, is, nil},
		"a service may repeat the name":                  {cake, dan, "crm", named(service, "Cake & Co"), is, nil},
		"a service that repeats it wrongly may not":      {cake, dan, "crm", named(service, "Cake"), mismatch, nil},
		"a service is told of the other admins":          {bread, ann, "crm", service, others, []string{bob}},
		"a service may say that the owner knows":         {bread, ann, "crm", knowing(service), is, nil},
		"a service may not ask for an admin":             {bread, bob, "crm", service, not, nil},
		"a service may not ask for itself":               {bread, "crm", "crm", service, not, nil},
		"a service is no platform admin":                 {bread, "root", "crm", because(both), not, nil},
		"a trusted service may ask for itself":           {bread, "contract-9", "billing", service, is, nil},
		"a trusted service may ask for a stranger":       {bread, dan, "billing", service, is, nil},
		"a trusted service may ask for the owner":        {bread, ann, "billing", service, is, nil},
		"a trusted service may not ask for an admin":     {bread, bob, "billing", service, not, nil},
		"a trusted service may not ask for an idle one":  {bread, cat, "billing", service, not, nil},
		"a trusted service learns that a tenant is gone": {gone, "contract-9", "billing", service, saga.ReasonTenantUnknown, nil},
		"a person is not trusted for a source's name":    {bread, "contract-9", "billing", named(person, brot), not, nil},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			request := events.Submitted{TenantID: c.tenant, RequestedBy: c.by, Source: c.source}
			refused, err := saga.Judge(t.Context(), rules, request, c.asker)
			require.NoError(t, err)
			if c.want == is {
				require.Nil(t, refused)
				return
			}
			require.Equal(t, saga.RefusedError{Code: c.want, Admins: c.admins}, *refused)
			require.NotContains(t, refused.Error(), brot)
		})
	}
	t.Run("take the fingerprint of a preview for the name, and for nothing else", func(t *testing.T) {
		t.Parallel()
		confirming := events.Submitted{TenantID: bread, RequestedBy: ann, Source: "api", Preview: "pv_k3xq7m2vb5tzr4wly6ncd2hgfa"}
		refused, err := saga.Judge(t.Context(), rules, confirming, knowing(person))
		require.NoError(t, err)
		require.Nil(t, refused)
		refused, err = saga.Judge(t.Context(), rules, confirming, named(knowing(person), "wrong"))
		require.NoError(t, err)
		require.Equal(t, mismatch, refused.Code)
		confirming.RequestedBy = dan
		refused, err = saga.Judge(t.Context(), rules, confirming, knowing(person))
		require.NoError(t, err)
		require.Equal(t, not, refused.Code)
	})
	t.Run("that cannot be read refuse nobody and let nobody pass", func(t *testing.T) {
		t.Parallel()
		db := tenantsDatabase(t)
		require.NoError(t, db.Close())
		refused, err := saga.Judge(t.Context(), tenantRules{tenancy: tenancy.New(db)}, events.Submitted{TenantID: bread}, person)
		require.ErrorIs(t, err, saga.ErrUndecided)
		require.Nil(t, refused)
	})
}

func TestParseSources(t *testing.T) {
	t.Parallel()
	sources, err := parseSources(" billing, crm ,")
	require.NoError(t, err)
	require.Equal(t, []events.Participant{"billing", "crm"}, sources)
	_, err = parseSources("billing,Not A Name")
	require.ErrorContains(t, err, "source 2")
}
