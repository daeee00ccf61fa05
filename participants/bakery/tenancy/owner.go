package tenancy

import (
	"context"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
)

// IsOwner reports whether the user is the active owner of the tenant. Of a tenant that is being deleted, or is gone, and of one
// that cannot be, nobody is; nor is whoever is no user.
func (t *Tenancy) IsOwner(ctx context.Context, tenant events.TenantID, user string) (owns bool, err error) {
	if checkID("tenant_id", string(tenant)) != nil || checkID("user_id", user) != nil {
		return false, nil
	}
	err = t.db.NewRaw(`SELECT EXISTS (SELECT FROM tenant_members m
		JOIN tenant_anchor a ON a.tenant_id = m.tenant_id AND a.live AND a.fence IS NULL
		WHERE m.tenant_id = ? AND m.user_id = ? AND m.role = 'owner' AND m.is_active)`, string(tenant), user).Scan(ctx, &owns)
	if err != nil {
		return false, fmt.Errorf("tenancy: read owner: %w", err)
	}
	return owns, nil
}
