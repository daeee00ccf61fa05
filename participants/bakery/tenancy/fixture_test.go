package tenancy_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
)

// Two tenants and their people. Operator is no member of any.
const (
	bread events.TenantID = "aaaaaaaa-0000-4000-8000-000000000001"
	cake  events.TenantID = "bbbbbbbb-0000-4000-8000-000000000002"

	ann      = "0a000000-0000-4000-8000-000000000001"
	bob      = "0b000000-0000-4000-8000-000000000002"
	cat      = "0c000000-0000-4000-8000-000000000003"
	dan      = "0d000000-0000-4000-8000-000000000004"
	operator = "support:desk-7"
)

// place is the tenant service's database.
type place struct {
	*testing.T
	*tenancy.Tenancy
	db *bun.DB
}

func open(t *testing.T) *place {
	t.Helper()
	database := pgtest.New(t, migrations.Participant("tenants"), migrations.Bakery("tenants"))
	db, err := pgpool.Open(database.DSN("tenants"), pgpool.Config{Schema: "tenants", ConnsMax: 12})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return &place{T: t, Tenancy: tenancy.New(db), db: db}
}

func (p *place) execute(sql string, args ...any) {
	p.Helper()
	_, err := p.db.NewRaw(sql, args...).Exec(p.Context())
	require.NoError(p, err)
}

// tenant makes one without members.
func (p *place) tenant(id events.TenantID) {
	p.Helper()
	p.execute("INSERT INTO tenant_anchor (tenant_id) VALUES (?)", string(id))
	p.execute(`INSERT INTO tenants (id, name, slug, state, email, street, city, postal_code, country, created_at)
		VALUES (?, 'n', 's', 'active', 'e', 's', 'c', 'p', 'c', now())`, string(id))
}

func (p *place) member(tenant events.TenantID, user, role string, active bool) {
	p.Helper()
	p.execute(`INSERT INTO tenant_members (tenant_id, user_id, name, email, role, is_active, joined_at)
		VALUES (?, ?, 'n', 'e', ?, ?, now())`, string(tenant), user, role, active)
}

// bakeries makes the two tenants: ann owns bread and is a member of cake, bob owns cake and is an admin of bread.
func bakeries(t *testing.T) *place {
	p := open(t)
	p.tenant(bread)
	p.tenant(cake)
	p.member(bread, cat, "admin", false)
	p.member(bread, bob, "admin", true)
	p.member(bread, ann, "owner", true)
	p.member(bread, dan, "member", true)
	p.member(cake, bob, "owner", true)
	p.member(cake, ann, "member", true)
	return p
}

// Transfer lets one of the people ask, or the operator, who is the platform's.
func (p *place) Transfer(ctx context.Context, tenant events.TenantID, newOwner, by string) (previous string, err error) {
	return p.Tenancy.Transfer(ctx, tenant, newOwner, tenancy.Asker{ID: by, Platform: by == operator})
}

func (p *place) owners(tenant events.TenantID) (users []string) {
	p.Helper()
	require.NoError(p, p.db.NewRaw("SELECT user_id::text FROM tenant_members WHERE tenant_id = ? AND role = 'owner'"+
		" ORDER BY user_id", string(tenant)).Scan(p.Context(), &users))
	return users
}

func (p *place) number(sql string, args ...any) (n int64) {
	p.Helper()
	require.NoError(p, p.db.NewRaw(sql, args...).Scan(p.Context(), &n))
	return n
}

// audit is the tenant's records in short: what, by whom, of whom, and the detail.
func (p *place) audit(tenant events.TenantID) (records []string) {
	p.Helper()
	require.NoError(p, p.db.NewRaw(`SELECT l.action || ' ' || l.actor_id || ' ' || l.entity || ' ' || l.detail::text
		FROM tenant_audit_logs l WHERE tenant_id = ? ORDER BY l.id`, string(tenant)).Scan(p.Context(), &records))
	return records
}

// deletion is the tenant service's own part of a job.
func (p *place) deletion() *participants.Runner {
	p.Helper()
	declared, err := bakery.ByName("tenants")
	require.NoError(p, err)
	service, err := declared.Service(p.db, bakery.Config{})
	require.NoError(p, err)
	runner, err := participants.New(service, nil, participants.Config{})
	require.NoError(p, err)
	return runner
}

// user names the nth of many.
func user(n int) string { return fmt.Sprintf("0e000000-0000-4000-8000-%012d", n) }

// background is for goroutines that must not end with a failed test's context.
func background() context.Context { return context.Background() }
