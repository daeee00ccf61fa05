package saga

import (
	"context"
	"errors"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Reasons for which tenant rules refuse a request. The set is closed.
const (
	ReasonTenantUnknown        = "tenant_unknown"          // there is no such tenant, or it is being deleted
	ReasonNotAdministrator     = "not_an_administrator"    // neither owner nor platform administrator, nor a service that may ask
	ReasonConfirmationMissing  = "confirmation_missing"    // the tenant's name was not repeated
	ReasonConfirmationMismatch = "confirmation_mismatch"   // what was repeated is not the tenant's name
	ReasonOtherAdmins          = "other_admins"            // an owner has not said that he knows of the other active admins
	ReasonOverrideMissing      = "override_reason_missing" // a platform administrator has not said why he passes them over
)

// Asker is who asks for a deletion, and what he says beyond the request. It lives as long as the question: but for By
// nothing of it is part of a job, and nothing of an event.
type Asker struct {
	// Admin is true for a platform administrator, as his token says.
	Admin bool
	// By is the subject of who sends the request; the one part that a job keeps, so that he cannot approve it.
	By string
	// ConfirmName is the tenant's name as the asker repeats it. It is compared, and neither stored nor logged.
	ConfirmName string
	// ConfirmOtherAdmins says that the owner knows of the tenant's other active admins.
	ConfirmOtherAdmins bool
	// OverrideReason is the code or reference for which a platform administrator passes over the tenant's own people.
	OverrideReason string
	// Service is true when a service asks: the submission's source, on behalf of its RequestedBy.
	Service bool
}

// Rules decide whether a new request may become a job.
type Rules interface {
	// Admit returns nil, a *RefusedError, or, when it cannot tell, any other error: the request may be repeated then.
	Admit(ctx context.Context, s events.Submitted, asker Asker) error
}

// RulesFunc adapts a function.
type RulesFunc func(ctx context.Context, s events.Submitted, asker Asker) error

// Admit implements Rules.
func (f RulesFunc) Admit(ctx context.Context, s events.Submitted, asker Asker) error {
	return f(ctx, s, asker)
}

// RefusedError says that the rules refuse a request. Repeating it does not help.
type RefusedError struct {
	// Code is one of the reasons.
	Code string
	// Admins are the user ids of the tenant's other active administrators, where they are the reason.
	Admins []string
}

func (e *RefusedError) Error() string { return "refused by the tenant rules: " + e.Code }

// ErrUndecided says that the rules could not be asked. Nothing was refused and nothing was let pass.
var ErrUndecided = errors.New("the tenant rules cannot be asked now")

// Judge asks the rules, and tells a refusal from an error (ErrUndecided). No rules refuse nothing.
func Judge(ctx context.Context, rules Rules, s events.Submitted, asker Asker) (*RefusedError, error) {
	if rules == nil {
		return nil, nil
	}
	err := rules.Admit(ctx, s, asker)
	var refused *RefusedError
	if errors.As(err, &refused) {
		return refused, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUndecided, err)
	}
	return nil, nil
}
