package tenancy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Errors that callers tell apart.
var (
	ErrNoTenant   = errors.New("no such tenant")
	ErrNoUser     = errors.New("no such user")
	ErrNotAdmin   = errors.New("the new owner must be an active admin of the tenant")
	ErrNotOwner   = errors.New("only the active owner may give the tenant away")
	ErrOwnsItself = errors.New("the new owner is the owner already")
)

// Roles of an Admin.
const (
	roleOwner = "owner"
	roleAdmin = "admin"
)

// SoleOwnerError names the tenants that would be left without an owner, by id.
type SoleOwnerError struct{ Tenants []events.TenantID }

func (e *SoleOwnerError) Error() string {
	return fmt.Sprintf("the user is the sole owner of %d tenants", len(e.Tenants))
}

// Admin is an owner or an admin of a tenant.
type Admin struct {
	UserID string // a UUID
	Role   string // owner or admin
	Active bool
}

// Asker is who asks for a change.
type Asker struct {
	// ID is a UUID, or a name of the form of requested_by.
	ID string
	// Platform is true for an administrator of the platform, or a service that answers for itself.
	Platform bool
}

// Tenancy is the tenant service's management of tenants.
type Tenancy struct{ db *bun.DB }

// New makes it over the tenant service's database, whose current schema has the tables of migrations/bakery/tenants.
func New(db *bun.DB) *Tenancy { return &Tenancy{db: db} }

// Admins lists the tenant's owner, then its admins in the order in which they joined, inactive ones included.
func (t *Tenancy) Admins(ctx context.Context, tenant events.TenantID) ([]Admin, error) {
	if err := checkID("tenant_id", string(tenant)); err != nil {
		return nil, fmt.Errorf("tenancy: list admins: %w", err)
	}
	var found []struct {
		UserID *string // NULL for a tenant without any
		Role   string
		Active bool
	}
	err := t.db.NewRaw(`SELECT m.user_id::text AS user_id, coalesce(m.role, '') AS role, coalesce(m.is_active, false) AS active
		FROM tenants t JOIN tenant_anchor a ON a.tenant_id = t.id AND a.live AND a.fence IS NULL
		LEFT JOIN tenant_members m ON m.tenant_id = t.id AND m.role IN ('owner', 'admin')
		WHERE t.id = ? ORDER BY m.role = 'owner' DESC, m.joined_at, m.user_id`, string(tenant)).Scan(ctx, &found)
	if err != nil {
		return nil, fmt.Errorf("tenancy: list admins: %w", err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("tenancy: list admins: %w", ErrNoTenant)
	}
	admins := []Admin{}
	for _, row := range found {
		if row.UserID != nil {
			admins = append(admins, Admin{UserID: *row.UserID, Role: row.Role, Active: row.Active})
		}
	}
	return admins, nil
}

// change runs a transaction whose statements each see what was committed before they began: a lock, then a look.
func (t *Tenancy) change(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	return t.db.RunInTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted}, fn)
}

// lock takes tenants against other changes and against deletion, and is those of them that are there. The anchor comes first
// because a deletion takes it first: the other way round both would wait for each other.
func lock(ctx context.Context, tx bun.Tx, tenants ...string) (locked []string, err error) {
	var live []string
	err = tx.NewRaw(`SELECT tenant_id::text FROM tenant_anchor WHERE tenant_id IN (?) AND live AND fence IS NULL
		ORDER BY tenant_id FOR KEY SHARE`, bun.List(tenants)).Scan(ctx, &live)
	if err != nil || len(live) == 0 {
		return nil, err
	}
	err = tx.NewRaw("SELECT id::text FROM tenants WHERE id IN (?) ORDER BY id FOR NO KEY UPDATE", bun.List(live)).Scan(ctx, &locked)
	return locked, err
}

// actor is who asked for a change, as an audit record holds it: a UUID in its own column, any other name beside it.
type actor struct {
	id   string
	name *string
}

// nameForm is the form of requested_by in the contract.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,128}$`)

func parseActor(by string) (actor, error) {
	if checkID("by", by) == nil {
		return actor{id: by}, nil
	}
	if !nameForm.MatchString(by) {
		return actor{}, fmt.Errorf("by: %w: must be 1 to 128 of A-Z a-z 0-9 _ . : -", events.ErrInvalid)
	}
	return actor{id: uuid.Nil.String(), name: &by}, nil
}

func checkID(field, id string) error {
	parsed, err := uuid.Parse(id)
	if err != nil || parsed.String() != id {
		return fmt.Errorf("%s: %w: must be a lower-case UUID", field, events.ErrInvalid)
	}
	return nil
}
