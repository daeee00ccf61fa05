package tenancy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
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
