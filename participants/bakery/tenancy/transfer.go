package tenancy

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
)

// transferQuery changes both rows and records both changes. Whoever was an owner becomes an admin.
const transferQuery = `WITH changed AS (
	UPDATE tenant_members SET role = CASE WHEN user_id = ?1 THEN 'owner' ELSE 'admin' END
	WHERE tenant_id = ?0 AND (role = 'owner' OR user_id = ?1) RETURNING id, user_id, role)
INSERT INTO tenant_audit_logs (tenant_id, actor_id, action, entity, entity_id, detail, created_at)
SELECT ?0, ?2, 'updated', 'tenant_members', id, jsonb_strip_nulls(jsonb_build_object('user_id', user_id, 'role', role,
	'previous_role', CASE role WHEN 'owner' THEN 'admin' ELSE 'owner' END, 'by', ?3::text)), clock_timestamp() FROM changed`

// Transfer makes an active admin of the tenant its owner, and the owner an admin; previous is who owned it, empty for a tenant
// that had lost its owner. By must still be the active owner, so that of two transfers by the same owner one is refused; the
// platform's own may be nobody in the tenant, but no other member of it.
func (t *Tenancy) Transfer(ctx context.Context, tenant events.TenantID, newOwner string, by Asker) (previous string, err error) {
	actor, actorErr := parseActor(by.ID)
	if err := errors.Join(checkID("tenant_id", string(tenant)), checkID("new_owner_id", newOwner), actorErr); err != nil {
		return "", fmt.Errorf("tenancy: transfer: %w", err)
	}
	err = t.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		locked, err := lock(ctx, tx, string(tenant))
		if err != nil {
			return err
		}
		if len(locked) == 0 {
			return ErrNoTenant
		}
		if previous, err = admit(ctx, tx, tenant, newOwner, actor, by.Platform); err != nil {
			return err
		}
		_, err = tx.NewRaw(transferQuery, string(tenant), newOwner, actor.id, actor.name).Exec(ctx)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("tenancy: transfer: %w", err)
	}
	return previous, nil
}

// admit locks the members that change, and reports whether this caller may make this user the owner.
func admit(
	ctx context.Context, tx bun.Tx, tenant events.TenantID, newOwner string, by actor, platform bool,
) (previous string, err error) {
	var members []Admin
	err = tx.NewRaw(`SELECT user_id::text AS user_id, role, is_active AS active FROM tenant_members
		WHERE tenant_id = ? AND (role = 'owner' OR user_id IN (?)) ORDER BY id FOR UPDATE`,
		string(tenant), bun.List([]string{newOwner, by.id})).Scan(ctx, &members)
	if err != nil {
		return "", err
	}
	known := map[string]Admin{}
	for _, m := range members {
		known[m.UserID] = m
		if m.Role == roleOwner && previous == "" {
			previous = m.UserID
		}
	}
	asking, isMember := known[by.id]
	isOwner := by.name == nil && asking.Role == roleOwner && asking.Active
	switch {
	case !isOwner && !platform: // before anything is said of the new owner
		return "", ErrNotOwner
	case known[newOwner].Role == roleOwner:
		return "", ErrOwnsItself
	case !isOwner && isMember && by.name == nil:
		return "", ErrNotOwner
	case known[newOwner].Role != roleAdmin || !known[newOwner].Active:
		return "", ErrNotAdmin
	}
	return previous, nil
}
