package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Coordinator starts, reads and moves jobs. saga/runner implements it.
type Coordinator interface {
	// Submit makes a job, or yields the one that is there (existing). A *saga.RefusedError says that the tenant rules refuse.
	Submit(ctx context.Context, s events.Submitted, asker saga.Asker) (job saga.Job, existing bool, err error)
	// Act feeds an operator's input to a job that is at the version (0: whatever it is at; else saga.ErrVersion).
	Act(ctx context.Context, id events.JobID, version int64, in saga.Input) (saga.Job, error)
	Job(ctx context.Context, id events.JobID) (saga.Job, error)
	Jobs(ctx context.Context, f saga.Filter) ([]saga.Job, error)
	History(ctx context.Context, id events.JobID, after int64, limit int) ([]saga.Entry, error)
	// Follow tells fn every entry after the number, and what participants tell meanwhile, until the job has ended and all of it
	// was told, ctx ends, or fn returns an error. It returns nil, the cause of ctx, or fn's error.
	Follow(ctx context.Context, id events.JobID, after int64, fn func(saga.Happening) error) error
	// Preview counts what a deletion would delete now: one answer for each participant of the roster, in its order.
	Preview(ctx context.Context, tenant events.TenantID) ([]events.Preview, error)
}

// Repair brings failed work back.
type Repair interface {
	// ReplayAll replays a page of jobs; next is where the following page begins, empty when there is none.
	ReplayAll(ctx context.Context, set saga.ReplaySet) (replayed []saga.Replayed, next events.JobID, err error)
	// Announce sends the tenant.deleted of a completed job once more, for those who lost it.
	Announce(ctx context.Context, id events.JobID, by string) error
	DeadLetters(ctx context.Context, f saga.DeadFilter) ([]saga.DeadLetter, error)
	// DeadLetter reads one, with its message when that is still kept.
	DeadLetter(ctx context.Context, id int64) (saga.DeadLetter, error)
	// Resend handles a dead letter's message again; saga.ErrState says why it cannot be.
	Resend(ctx context.Context, id int64, by string) error
	Discard(ctx context.Context, id int64, by, reason string) error
}

// Rosters tells who must take part.
type Rosters interface {
	Participants(ctx context.Context) ([]saga.Presence, error)
	SetRoster(ctx context.Context, roster []saga.RosterEntry) error
}

// Services are the participants that this process can reach directly, for the platform's own routes.
type Services interface {
	// Names are the services and their other spellings, each with the service it names.
	Names() map[string]events.Participant
	// Erase deletes the tenant from one service, outside of any job. The same key answers with the same receipt.
	Erase(ctx context.Context, service events.Participant, tenant events.TenantID, key string) (*events.Result, error)
	// Count tells what Erase would delete.
	Count(ctx context.Context, service events.Participant, tenant events.TenantID) (events.Preview, error)
}

// Tenants is the tenant service's own management.
type Tenants interface {
	Admins(ctx context.Context, tenant events.TenantID) ([]Admin, error)
	// Transfer makes an active admin of the tenant its owner; by is who asked for it.
	Transfer(ctx context.Context, tenant events.TenantID, newOwner, by string) (Transferred, error)
	// RemoveMemberships removes a user from every tenant, unless he is the sole owner of one (a *SoleOwnerError).
	RemoveMemberships(ctx context.Context, user, by string) (removed int64, err error)
}

// Errors of Tenants.
var (
	ErrNoTenant   = errors.New("no such tenant")
	ErrNoUser     = errors.New("no such user")
	ErrNotAdmin   = errors.New("the new owner must be an active admin of the tenant")
	ErrOwnsItself = errors.New("the new owner is the owner already")
)

// SoleOwnerError names the tenants that would be left without an owner.
type SoleOwnerError struct{ Tenants []events.TenantID }

func (e *SoleOwnerError) Error() string { return "the user is the sole owner of tenants" }

// Caller is who sends a request, as the Authoriser found out.
type Caller struct {
	// Subject is an opaque id, of the form of requested_by.
	Subject string
	// Source is the service on whose behalf he asks; empty means api.
	Source events.Participant
}

// Access is what a request wants to do.
type Access struct {
	// Operation is the operation's id in the OpenAPI document; a rule exists for each.
	Operation string
	// Tenant is the tenant the request names in its path; empty when it names none there.
	Tenant  events.TenantID
	Request *http.Request
}

// Authoriser decides who may do what. No route is served without asking it.
type Authoriser interface {
	// Authorise returns who is asking, or ErrUnauthenticated or ErrForbidden.
	Authorise(ctx context.Context, a Access) (Caller, error)
}

// AuthoriserFunc adapts a function.
type AuthoriserFunc func(ctx context.Context, a Access) (Caller, error)

// Authorise implements Authoriser.
func (f AuthoriserFunc) Authorise(ctx context.Context, a Access) (Caller, error) { return f(ctx, a) }

// Errors of an Authoriser.
var (
	ErrUnauthenticated = errors.New("who is asking is not known")
	ErrForbidden       = errors.New("not allowed")
)
