package tenancy

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
)

// removeQuery removes a user from tenants and records each removal.
const removeQuery = `WITH gone AS (
	DELETE FROM tenant_members WHERE user_id = ?0 AND tenant_id IN (?1) RETURNING id, tenant_id, user_id, role)
INSERT INTO tenant_audit_logs (tenant_id, actor_id, action, entity, entity_id, detail, created_at)
SELECT tenant_id, ?2, 'removed', 'tenant_members', id, jsonb_strip_nulls(jsonb_build_object('user_id', user_id, 'role', role,
	'by', ?3::text)), clock_timestamp() FROM gone`

// RemoveMemberships removes a user from every tenant and is the number of memberships removed. It refuses with a
// *SoleOwnerError, and removes nothing, while one of the tenants has no other active owner. By is as for Transfer.
func (t *Tenancy) RemoveMemberships(ctx context.Context, user, by string) (removed int64, err error) {
	actor, actorErr := parseActor(by)
	if err := errors.Join(checkID("user_id", user), actorErr); err != nil {
		return 0, fmt.Errorf("tenancy: remove memberships: %w", err)
	}
	err = t.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		tenants, err := tenantsOf(ctx, tx, user)
		if err != nil {
			return err
		}
		result, err := tx.NewRaw(removeQuery, user, bun.List(tenants), actor.id, actor.name).Exec(ctx)
		if err != nil {
			return err
		}
		if removed, err = result.RowsAffected(); err == nil && removed == 0 { // somebody else removed them meanwhile
			return ErrNoUser
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("tenancy: remove memberships: %w", err)
	}
	return removed, nil
}

// tenantsOf locks the user's tenants and their owners, and refuses when one would be left without.
func tenantsOf(ctx context.Context, tx bun.Tx, user string) ([]string, error) {
	var tenants []string
	err := tx.NewRaw("SELECT tenant_id::text FROM tenant_members WHERE user_id = ?", user).Scan(ctx, &tenants)
	if err == nil && len(tenants) > 0 {
		tenants, err = lock(ctx, tx, tenants...)
	}
	if err != nil {
		return nil, err
	}
	if len(tenants) == 0 {
		return nil, ErrNoUser
	}
	if _, err := tx.NewRaw(`SELECT FROM tenant_members WHERE tenant_id IN (?) AND (role = 'owner' OR user_id = ?)
		ORDER BY id FOR UPDATE`, bun.List(tenants), user).Exec(ctx); err != nil {
		return nil, err
	}
	var sole []events.TenantID
	err = tx.NewRaw(`SELECT m.tenant_id::text FROM tenant_members m
		WHERE m.user_id = ?0 AND m.role = 'owner' AND m.tenant_id IN (?1) AND NOT EXISTS (SELECT FROM tenant_members o
			WHERE o.tenant_id = m.tenant_id AND o.user_id <> ?0 AND o.role = 'owner' AND o.is_active)
		ORDER BY m.tenant_id`, user, bun.List(tenants)).Scan(ctx, &sole)
	if err == nil && len(sole) > 0 {
		err = &SoleOwnerError{Tenants: sole}
	}
	return tenants, err
}
