package tokens

import (
	"context"
	"errors"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// Owners tells who owns a tenant, from the tenant service's own tables.
type Owners interface {
	// IsOwner reports whether the user is the active owner of the tenant now. A tenant that is not there has none.
	IsOwner(ctx context.Context, tenant events.TenantID, user string) (bool, error)
}

// OwnersFunc adapts a function.
type OwnersFunc func(ctx context.Context, tenant events.TenantID, user string) (bool, error)

// IsOwner implements Owners.
func (f OwnersFunc) IsOwner(ctx context.Context, tenant events.TenantID, user string) (bool, error) {
	return f(ctx, tenant, user)
}

func nobodyOwns(context.Context, events.TenantID, string) (bool, error) { return false, nil }

// Authoriser lets in whoever brings a token that counts, to what the table of rules lets him do.
type Authoriser struct {
	cfg    Config
	reader *reader
	keys   *keyring
}

var _ httpapi.Authoriser = (*Authoriser)(nil)

// New makes an Authoriser. A file of keys is read at once, a URL with the first request.
func New(cfg Config) (*Authoriser, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	a := &Authoriser{cfg: cfg, keys: newKeyring(cfg), reader: newReader(cfg)}
	if cfg.JWKSFile == "" {
		return a, nil
	}
	if err := a.Ready(context.Background()); err != nil {
		a.Close()
		return nil, fmt.Errorf("tokens: JWKSFile: %w", err)
	}
	return a, nil
}

// Close ends a reading of keys that is under way, and waits for it. Keys are not read again. It is safe to call again.
func (a *Authoriser) Close() { a.keys.close() }

// Ready returns nil when there are keys to verify tokens with, or why there are none.
func (a *Authoriser) Ready(ctx context.Context) error {
	_, err := a.keys.current(ctx)
	return err
}

// Authorise implements httpapi.Authoriser.
func (a *Authoriser) Authorise(ctx context.Context, access httpapi.Access) (httpapi.Caller, error) {
	token, err := bearer(access.Request.Header)
	if err != nil {
		return httpapi.Caller{}, err
	}
	caller, err := a.reader.read(token, func(kid, alg string) (any, error) { return a.keys.find(ctx, kid, alg) })
	if err != nil {
		return httpapi.Caller{}, err
	}
	if access.Rule.Permits(caller) {
		return caller, nil
	}
	if !access.Rule.Owner || !caller.Roles.Has(httpapi.RoleOwner) || access.Target == nil {
		return caller, fmt.Errorf("tokens: %w: neither a scope nor a role of the caller fits", httpapi.ErrForbidden)
	}
	return caller, a.owns(ctx, access, caller)
}

// owns returns nil when the request is about what is the caller's own. A job that is not his looks like one that is not there.
func (a *Authoriser) owns(ctx context.Context, access httpapi.Access, caller httpapi.Caller) error {
	target, err := access.Target(ctx)
	if err != nil {
		return err
	}
	if target.Tenant == "" {
		return fmt.Errorf("tokens: %w: an owner must name the tenant", httpapi.ErrForbidden)
	}
	if access.Rule.Requester && target.Job != "" && target.RequestedBy == caller.Subject {
		return nil
	}
	owns, err := a.cfg.Owners.IsOwner(ctx, target.Tenant, caller.Subject)
	switch {
	case errors.Is(err, events.ErrInvalid): // a tenant or a user that the tenant service cannot have
	case err != nil:
		return fmt.Errorf("tokens: read the owner: %w", err)
	case owns:
		return nil
	}
	if target.Job != "" {
		return fmt.Errorf("tokens: a job of another's tenant: %w", saga.ErrNotFound)
	}
	return fmt.Errorf("tokens: %w: the tenant is another's", httpapi.ErrForbidden)
}
