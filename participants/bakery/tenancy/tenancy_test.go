package tenancy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
)

func TestAdmins(t *testing.T) {
	t.Parallel()
	t.Run("the owner is first, then admins, inactive ones included", func(t *testing.T) {
		t.Parallel()
		admins, err := bakeries(t).Admins(t.Context(), bread)
		require.NoError(t, err)
		require.Equal(t, []tenancy.Admin{{UserID: ann, Role: "owner", Active: true}, {UserID: cat, Role: "admin"},
			{UserID: bob, Role: "admin", Active: true}}, admins)
	})
	t.Run("a tenant may have none", func(t *testing.T) {
		t.Parallel()
		p := open(t)
		p.tenant(bread)
		admins, err := p.Admins(t.Context(), bread)
		require.NoError(t, err)
		require.Empty(t, admins)
	})
}

func TestTenantThatIsNotThere(t *testing.T) {
	t.Parallel()
	for claim, prepare := range map[string]func(p *place){
		"never met": func(p *place) {
			p.execute("DELETE FROM tenant_members; DELETE FROM tenants; DELETE FROM tenant_anchor")
		},
		"deleted": func(p *place) {
			for _, tenant := range []events.TenantID{bread, cake} {
				result, err := p.deletion().EraseTenant(p.Context(), tenant, "one")
				require.NoError(p, err)
				require.True(p, result.Success)
			}
		},
		"being deleted in chunks": func(p *place) { p.execute("UPDATE tenant_anchor SET fence = 'erasing'") },
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			p := bakeries(t)
			prepare(p)
			_, err := p.Admins(t.Context(), bread)
			require.ErrorIs(t, err, tenancy.ErrNoTenant)
			_, err = p.Transfer(t.Context(), bread, bob, ann)
			require.ErrorIs(t, err, tenancy.ErrNoTenant)
			_, err = p.RemoveMemberships(t.Context(), dan, operator)
			require.ErrorIs(t, err, tenancy.ErrNoUser)
		})
	}
}

func TestTransfer(t *testing.T) {
	t.Parallel()
	t.Run("the owner becomes an admin, and both changes are recorded", func(t *testing.T) {
		t.Parallel()
		p := bakeries(t)
		previous, err := p.Transfer(t.Context(), bread, bob, ann)
		require.NoError(t, err)
		require.Equal(t, ann, previous)
		require.Equal(t, []string{bob}, p.owners(bread))
		admins, err := p.Admins(t.Context(), bread)
		require.NoError(t, err)
		require.Contains(t, admins, tenancy.Admin{UserID: ann, Role: "admin", Active: true})
		require.ElementsMatch(t, []string{
			"updated " + ann + ` tenant_members {"role": "admin", "user_id": "` + ann + `", "previous_role": "owner"}`,
			"updated " + ann + ` tenant_members {"role": "owner", "user_id": "` + bob + `", "previous_role": "admin"}`,
		}, p.audit(bread))
		require.Equal(t, []string{bob}, p.owners(cake))
		require.Empty(t, p.audit(cake), "the other tenant is left alone")
	})
	t.Run("whoever asks under a name that is no UUID stands in the detail", func(t *testing.T) {
		t.Parallel()
		p := bakeries(t)
		_, err := p.Transfer(t.Context(), bread, bob, operator)
		require.NoError(t, err)
		for _, record := range p.audit(bread) {
			require.True(t, strings.HasPrefix(record, "updated 00000000-0000-0000-0000-000000000000 "), record)
			require.Contains(t, record, `"by": "`+operator+`"`)
		}
		require.Len(t, p.audit(bread), 2)
	})
	t.Run("a tenant that lost its owner gets one", func(t *testing.T) {
		t.Parallel()
		p := bakeries(t)
		p.execute("DELETE FROM tenant_members WHERE role = 'owner'")
		previous, err := p.Transfer(t.Context(), bread, bob, operator)
		require.NoError(t, err)
		require.Empty(t, previous)
		require.Equal(t, []string{bob}, p.owners(bread))
	})
	for claim, c := range map[string]struct {
		newOwner, by string
		want         error
	}{
		"not to a member":                             {dan, ann, tenancy.ErrNotAdmin},
		"not to an inactive admin":                    {cat, ann, tenancy.ErrNotAdmin},
		"not to somebody who is no member":            {user(1), ann, tenancy.ErrNotAdmin},
		"not to the owner":                            {ann, ann, tenancy.ErrOwnsItself},
		"not to the owner, whoever asks":              {ann, operator, tenancy.ErrOwnsItself},
		"not by an admin, who learns nothing":         {ann, bob, tenancy.ErrNotOwner},
		"not by the owner of another tenant":          {bob, user(1), tenancy.ErrNotOwner},
		"not by a program that is not the platform's": {bob, "robot", tenancy.ErrNotOwner},
		"not by an admin, for himself":                {bob, bob, tenancy.ErrNotOwner},
		"not by a member":                             {bob, dan, tenancy.ErrNotOwner},
		"not to an id that is none":                   {"<script>", ann, events.ErrInvalid},
		"not to an id in another form of a UUID":      {strings.ToUpper(bob), ann, events.ErrInvalid},
		"not by a name that no audit record may have": {bob, "<script>", events.ErrInvalid},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			p := bakeries(t)
			_, err := p.Transfer(t.Context(), bread, c.newOwner, c.by)
			require.ErrorIs(t, err, c.want)
			require.NotContains(t, err.Error(), "<script>")
			require.Equal(t, []string{ann}, p.owners(bread))
			require.Empty(t, p.audit(bread))
		})
	}
	t.Run("not by a member, though he is an administrator of the platform too", func(t *testing.T) {
		t.Parallel()
		p := bakeries(t)
		_, err := p.Tenancy.Transfer(t.Context(), bread, bob, tenancy.Asker{ID: dan, Platform: true})
		require.ErrorIs(t, err, tenancy.ErrNotOwner)
	})
	t.Run("not when the owner who asks was made inactive", func(t *testing.T) {
		t.Parallel()
		p := bakeries(t)
		p.execute("UPDATE tenant_members SET is_active = false WHERE role = 'owner'")
		_, err := p.Transfer(t.Context(), bread, bob, ann)
		require.ErrorIs(t, err, tenancy.ErrNotOwner)
	})
}

func TestRemoveMemberships(t *testing.T) {
	t.Parallel()
	t.Run("of an owner is refused and names each tenant he owns alone", func(t *testing.T) {
		t.Parallel()
		p := bakeries(t)
		p.execute("UPDATE tenant_members SET role = 'owner', is_active = false WHERE tenant_id = ? AND user_id = ?", string(cake), ann)
		_, err := p.RemoveMemberships(t.Context(), bob, operator)
		var sole *tenancy.SoleOwnerError
		require.ErrorAs(t, err, &sole)
		require.Equal(t, []events.TenantID{cake}, sole.Tenants, "an inactive owner is no other owner")
		require.EqualValues(t, 6, p.number("SELECT count(*) FROM tenant_members"))
		require.Zero(t, p.number("SELECT count(*) FROM tenant_audit_logs"))
	})
	t.Run("works when another owner is left", func(t *testing.T) {
		t.Parallel()
		p := bakeries(t)
		p.execute("UPDATE tenant_members SET role = 'owner' WHERE tenant_id = ? AND user_id = ?", string(cake), ann)
		removed, err := p.RemoveMemberships(t.Context(), bob, operator)
		require.NoError(t, err)
		require.EqualValues(t, 2, removed)
	})
	t.Run("of anybody else removes all of them and records each", func(t *testing.T) {
		t.Parallel()
		p := bakeries(t)
		_, err := p.Transfer(t.Context(), cake, ann, operator)
		require.ErrorIs(t, err, tenancy.ErrNotAdmin)
		p.execute("UPDATE tenant_members SET role = 'admin' WHERE tenant_id = ? AND user_id = ?", string(cake), ann)
		_, err = p.Transfer(t.Context(), cake, ann, bob)
		require.NoError(t, err)
		before := len(p.audit(cake))
		removed, err := p.RemoveMemberships(t.Context(), bob, ann)
		require.NoError(t, err)
		require.EqualValues(t, 2, removed)
		require.Zero(t, p.number("SELECT count(*) FROM tenant_members WHERE user_id = ?", bob))
		require.EqualValues(t, 4, p.number("SELECT count(*) FROM tenant_members"))
		record := "removed " + ann + ` tenant_members {"role": "admin", "user_id": "` + bob + `"}`
		require.Equal(t, []string{record}, p.audit(bread))
		require.Equal(t, []string{record}, p.audit(cake)[before:])
	})
	t.Run("of nobody is no such user", func(t *testing.T) {
		t.Parallel()
		_, err := bakeries(t).RemoveMemberships(t.Context(), user(1), operator)
		require.ErrorIs(t, err, tenancy.ErrNoUser)
	})
	t.Run("of an id that is none is refused without repeating it", func(t *testing.T) {
		t.Parallel()
		p := bakeries(t)
		for _, ids := range [][2]string{{"<script>", operator}, {dan, "<script>"}, {"", operator}, {dan, ""}} {
			_, err := p.RemoveMemberships(t.Context(), ids[0], ids[1])
			require.ErrorIs(t, err, events.ErrInvalid)
			require.NotContains(t, err.Error(), "<script>")
		}
		_, err := p.Admins(t.Context(), "<script>")
		require.ErrorIs(t, err, events.ErrInvalid)
		require.ErrorContains(t, err, "tenant_id")
		require.NotContains(t, err.Error(), "<script>")
	})
}
