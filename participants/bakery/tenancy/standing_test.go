package tenancy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
)

func TestStanding(t *testing.T) {
	t.Parallel()
	p := bakeries(t)
	p.execute("UPDATE tenants SET name = ' Bäckerei Brot & Söhne ' WHERE id = ?", string(bread))
	for claim, c := range map[string]struct {
		user          string
		member, owner bool
		others        []string
	}{
		"an owner knows the other active admins":      {ann, true, true, []string{bob}},
		"an admin is no owner":                        {bob, true, false, []string{ann}},
		"an inactive admin is a member":               {cat, true, false, []string{ann, bob}},
		"a member is one":                             {dan, true, false, []string{ann, bob}},
		"somebody else is none":                       {user(7), false, false, []string{ann, bob}},
		"a program is nobody":                         {operator, false, false, []string{ann, bob}},
		"the nil UUID is nobody":                      {"00000000-0000-0000-0000-000000000000", false, false, []string{ann, bob}},
		"another form of the owner's UUID is not his": {strings.ToUpper(ann), false, false, []string{ann, bob}},
		"what looks like SQL is nobody":               {"' OR true --", false, false, []string{ann, bob}},
		"nobody is nobody":                            {"", false, false, []string{ann, bob}},
	} {
		t.Run(claim, func(t *testing.T) {
			s, err := p.Standing(t.Context(), bread, c.user)
			require.NoError(t, err)
			require.Equal(t, [2]bool{c.member, c.owner}, [2]bool{s.Member, s.Owner})
			require.Equal(t, c.others, s.Others)
		})
	}
	t.Run("an owner of one tenant is nothing in another", func(t *testing.T) {
		s, err := p.Standing(t.Context(), cake, dan)
		require.NoError(t, err)
		require.False(t, s.Member)
		require.Equal(t, []string{bob}, s.Others)
	})
	t.Run("a name is the tenant's letter for letter, white space around it aside", func(t *testing.T) {
		s, err := p.Standing(t.Context(), bread, ann)
		require.NoError(t, err)
		for text, is := range map[string]bool{"Bäckerei Brot & Söhne": true, "\tBäckerei Brot & Söhne\n": true,
			"bäckerei brot & söhne": false, "Bäckerei Brot & Söhne.": false, "Bäckerei  Brot & Söhne": false, "n": false, "": false} {
			require.Equal(t, is, s.Named(text), "%q", text)
		}
	})
	t.Run("an owner that was made inactive is none", func(t *testing.T) {
		p := bakeries(t)
		p.execute("UPDATE tenant_members SET is_active = false WHERE user_id = ?", ann)
		s, err := p.Standing(t.Context(), bread, ann)
		require.NoError(t, err)
		require.True(t, s.Member)
		require.False(t, s.Owner)
	})
	t.Run("a tenant without members has a standing for nobody", func(t *testing.T) {
		p := open(t)
		p.tenant(bread)
		s, err := p.Standing(t.Context(), bread, ann)
		require.NoError(t, err)
		require.Empty(t, s.Others)
		require.False(t, s.Member)
	})
	t.Run("ids that no tenant can have, and tenants that go, are no tenants", func(t *testing.T) {
		p := bakeries(t)
		p.execute("UPDATE tenant_anchor SET fence = 'erasing'")
		for _, tenant := range []events.TenantID{bread, "acme", "<script>", events.TenantID(strings.ToUpper(string(bread)))} {
			_, err := p.Standing(t.Context(), tenant, ann)
			require.ErrorIs(t, err, tenancy.ErrNoTenant)
			require.NotContains(t, fmt.Sprint(err), "script")
		}
	})
}
