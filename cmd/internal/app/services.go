package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// services are the participants that run in this process, as the API's routes of single services reach them.
type services struct {
	// running is a participant, nil while it is stopped.
	running func(events.Participant) *participants.Runner
	// only is the one service of this process; empty means all of them.
	only events.Participant
}

var _ httpapi.Services = services{}

// Names are the twelve services and their other spellings. The tenant service has none of these routes: what deletes a tenant
// there is a job.
func (s services) Names() map[string]events.Participant {
	names := map[string]events.Participant{}
	for _, d := range bakery.All() {
		if d.Wave != bakery.WaveServices || s.only != "" && s.only != d.Name {
			continue
		}
		names[string(d.Name)] = d.Name
		for _, alias := range d.Aliases {
			names[alias] = d.Name
		}
	}
	if len(names) == 0 { // no reference service: a plan's participant has the one name
		names[string(s.only)] = s.only
	}
	return names
}

// Erase implements httpapi.Services. An error that is not the asker's is transient, by the promise of EraseTenant: another
// erasure has the tenant, or the service's database does not answer.
func (s services) Erase(
	ctx context.Context, service events.Participant, tenant events.TenantID, key string,
) (*events.Result, error) {
	part, err := s.participant(service)
	if err != nil {
		return nil, err
	}
	result, err := part.EraseTenant(ctx, tenant, key)
	if err != nil && !errors.Is(err, events.ErrInvalid) {
		return nil, fmt.Errorf("app: %w: %w", httpapi.ErrUnavailable, err)
	}
	return result, err
}

// Count implements httpapi.Services.
func (s services) Count(ctx context.Context, service events.Participant, tenant events.TenantID) (events.Preview, error) {
	part, err := s.participant(service)
	if err != nil {
		return events.Preview{}, err
	}
	return part.Preview(ctx, tenant), nil
}

func (s services) participant(name events.Participant) (*participants.Runner, error) {
	if part := s.running(name); part != nil {
		return part, nil
	}
	return nil, fmt.Errorf("app: service %s: %w: it does not run", name, httpapi.ErrUnavailable)
}

// tenants is the tenant service's management, as the API reaches it.
type tenants struct{ *tenancy.Tenancy }

var _ httpapi.Tenants = tenants{}

// Admins implements httpapi.Tenants.
func (t tenants) Admins(ctx context.Context, tenant events.TenantID) ([]httpapi.Admin, error) {
	found, err := t.Tenancy.Admins(ctx, tenant)
	if err != nil {
		return nil, tenancyError(err)
	}
	admins := make([]httpapi.Admin, len(found))
	for i, admin := range found {
		admins[i] = httpapi.Admin(admin)
	}
	return admins, nil
}

// Transfer implements httpapi.Tenants.
func (t tenants) Transfer(
	ctx context.Context, tenant events.TenantID, newOwner, by string,
) (httpapi.Transferred, error) {
	previous, err := t.Tenancy.Transfer(ctx, tenant, newOwner, by)
	if err != nil {
		return httpapi.Transferred{}, tenancyError(err)
	}
	return httpapi.Transferred{TenantID: tenant, PreviousOwnerID: previous, OwnerID: newOwner}, nil
}

// RemoveMemberships implements httpapi.Tenants.
func (t tenants) RemoveMemberships(ctx context.Context, user, by string) (int64, error) {
	removed, err := t.Tenancy.RemoveMemberships(ctx, user, by)
	return removed, tenancyError(err)
}

// tenancyErrors say the same in the API's words.
var tenancyErrors = []struct{ is, means error }{
	{tenancy.ErrNoTenant, httpapi.ErrNoTenant},
	{tenancy.ErrNoUser, httpapi.ErrNoUser},
	{tenancy.ErrNotAdmin, httpapi.ErrNotAdmin},
	{tenancy.ErrNotOwner, httpapi.ErrForbidden},
	{tenancy.ErrOwnsItself, httpapi.ErrOwnsItself},
}

// tenancyError keeps the cause. A lock that somebody else holds for long, or a deadlock, passes by itself.
func tenancyError(err error) error {
	var sole *tenancy.SoleOwnerError
	if errors.As(err, &sole) {
		return (*httpapi.SoleOwnerError)(sole)
	}
	for _, known := range tenancyErrors {
		if errors.Is(err, known.is) {
			return fmt.Errorf("app: %w: %w", known.means, err)
		}
	}
	var sql interface{ SQLState() string }
	if errors.As(err, &sql) {
		switch sql.SQLState() {
		case "40001", "40P01", "55P03":
			return fmt.Errorf("app: %w: %w", httpapi.ErrUnavailable, err)
		}
	}
	return err
}
