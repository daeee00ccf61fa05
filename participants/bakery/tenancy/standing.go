package tenancy

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Standing is what the tables say of a user in a tenant.
type Standing struct {
	// Member is true when he belongs to the tenant, be it inactive; Owner when he is its active owner.
	Member, Owner bool
	// Others are the user ids of the tenant's other active owners and admins.
	Others []string

	name string // never shown: it is a tenant's data
}

// Named reports whether a text is the tenant's name, letter for letter but for white space around it.
func (s Standing) Named(text string) bool {
	return strings.TrimSpace(text) == strings.TrimSpace(s.name)
}

// Standing reads what a user is in a tenant. Whoever is no user, such as a program, is nobody there. A tenant that is not there,
// or is being deleted, is ErrNoTenant; so is an id that no tenant can have.
func (t *Tenancy) Standing(ctx context.Context, tenant events.TenantID, user string) (Standing, error) {
	if checkID("tenant_id", string(tenant)) != nil {
		return Standing{}, fmt.Errorf("tenancy: read standing: %w", ErrNoTenant)
	}
	known := uuid.Nil.String() // nobody
	if checkID("user_id", user) == nil {
		known = user
	}
	var found []struct {
		Name   string
		UserID *string // NULL for a tenant without any
		Role   string
		Active bool
	}
	err := t.db.NewRaw(`SELECT t.name, m.user_id::text AS user_id, coalesce(m.role, '') AS role,
			coalesce(m.is_active, false) AS active
		FROM tenants t JOIN tenant_anchor a ON a.tenant_id = t.id AND a.live AND a.fence IS NULL
		LEFT JOIN tenant_members m ON m.tenant_id = t.id AND (m.role IN ('owner', 'admin') OR m.user_id = ?1)
		WHERE t.id = ?0 ORDER BY m.role = 'owner' DESC, m.joined_at, m.user_id`, string(tenant), known).Scan(ctx, &found)
	if err != nil {
		return Standing{}, fmt.Errorf("tenancy: read standing: %w", err)
	}
	if len(found) == 0 {
		return Standing{}, fmt.Errorf("tenancy: read standing: %w", ErrNoTenant)
	}
	s := Standing{name: found[0].Name}
	for _, row := range found {
		switch {
		case row.UserID == nil:
		case *row.UserID == user:
			s.Member, s.Owner = true, row.Role == roleOwner && row.Active
		case row.Active:
			s.Others = append(s.Others, *row.UserID)
		}
	}
	return s, nil
}
