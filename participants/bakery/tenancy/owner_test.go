package tenancy_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
)

func TestIsOwner(t *testing.T) {
	t.Parallel()
	p := bakeries(t)
	p.execute("UPDATE tenant_members SET is_active = false WHERE tenant_id = ? AND role = 'owner'", string(cake))
	for claim, c := range map[string]struct {
		tenant events.TenantID
		user   string
		owns   bool
	}{
		"its owner does":                {bread, ann, true},
		"its admin does not":            {bread, bob, false},
		"its member does not":           {bread, dan, false},
		"the owner of another does not": {cake, ann, false},
		"an inactive owner does not":    {cake, bob, false},
		"a program does not":            {bread, operator, false},
		"another spelling does not":     {bread, strings.ToUpper(ann), false},
		"nobody owns what is not there": {"cccccccc-0000-4000-8000-000000000003", ann, false},
		"nobody owns what cannot be":    {"acme", ann, false},
	} {
		owns, err := p.IsOwner(t.Context(), c.tenant, c.user)
		require.NoError(t, err, claim)
		require.Equal(t, c.owns, owns, claim)
	}
	t.Run("nobody owns a tenant that is gone", func(t *testing.T) {
		_, err := p.deletion().EraseTenant(t.Context(), bread, "one")
		require.NoError(t, err)
		owns, err := p.IsOwner(t.Context(), bread, ann)
		require.NoError(t, err)
		require.False(t, owns)
	})
	t.Run("a database that does not answer says neither", func(t *testing.T) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		owns, err := p.IsOwner(gone, cake, bob)
		require.Error(t, err)
		require.False(t, owns)
	})
}

// The lines of docs/auth.md are all that a coordinator needs in the tenant service's database.
func TestIsOwnerWithFewRights(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, migrations.Participant("tenants"), migrations.Bakery("tenants"))
	role := "td_reader_" + strings.ToLower(rand.Text())
	admin := pool(t, database.DSN("tenants"))
	execute := func(sql string, args ...any) {
		_, err := admin.NewRaw(sql, args...).Exec(t.Context())
		require.NoError(t, err)
	}
	execute("CREATE ROLE ?", bun.Ident(role))
	defer execute("DROP ROLE ?", bun.Ident(role))
	execute("GRANT USAGE ON SCHEMA tenants TO ?", bun.Ident(role))
	execute("GRANT SELECT ON tenants.tenant_members, tenants.tenant_anchor TO ?", bun.Ident(role))
	defer execute("DROP OWNED BY ?", bun.Ident(role))

	dsn, err := url.Parse(database.DSN("tenants"))
	require.NoError(t, err)
	query := dsn.Query()
	query.Set("role", role)
	dsn.RawQuery = query.Encode()
	reader := pool(t, dsn.String())
	owns, err := tenancy.New(reader).IsOwner(t.Context(), bread, ann)
	require.NoError(t, err)
	require.False(t, owns, "nobody is there")
	_, err = reader.NewRaw("SELECT FROM tenants").Exec(t.Context())
	require.ErrorContains(t, err, "permission denied", "it may read nothing else")
	require.NoError(t, reader.Close())
}

func pool(t *testing.T, dsn string) *bun.DB {
	t.Helper()
	db, err := pgpool.Open(dsn, pgpool.Config{Schema: "tenants"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}
