package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// rulesTimeout bounds a look into the tenant service's tables: three rows by their keys.
const rulesTimeout = 3 * time.Second

// tenantRules are the tenant service's rules about who may ask for a deletion, read from its own tables.
type tenantRules struct {
	tenancy *tenancy.Tenancy
	// trusted are the services that may ask on their own authority.
	trusted []events.Participant
}

var _ saga.Rules = tenantRules{}

// Admit implements saga.Rules. First who asks, then whether it is the right tenant, then who else should know: an outsider learns
// neither whether a tenant exists nor what it is called.
func (r tenantRules) Admit(ctx context.Context, s events.Submitted, asker saga.Asker) error {
	ctx, cancel := context.WithTimeout(ctx, rulesTimeout)
	defer cancel()
	standing, err := r.tenancy.Standing(ctx, s.TenantID, s.RequestedBy)
	unknown := errors.Is(err, tenancy.ErrNoTenant)
	if err != nil && !unknown {
		return fmt.Errorf("app: tenant rules: %w", err)
	}
	own := asker.Service && slices.Contains(r.trusted, s.Source)
	platform := asker.Admin && !asker.Service
	switch {
	case unknown && (own || platform):
		return refuse(saga.ReasonTenantUnknown)
	case unknown, !own && !platform && !standing.Owner:
		return refuse(saga.ReasonNotAdministrator)
	case own && standing.Member && !standing.Owner: // a member does not become more by asking through a service
		return refuse(saga.ReasonNotAdministrator)
	}
	if err := confirmed(standing, s, asker); err != nil {
		return err
	}
	if own || len(standing.Others) == 0 || standing.Owner && asker.ConfirmOtherAdmins || platform && asker.OverrideReason != "" {
		return nil
	}
	refused := &saga.RefusedError{Code: saga.ReasonOtherAdmins, Admins: standing.Others}
	if platform && !standing.Owner {
		refused.Code = saga.ReasonOverrideMissing
	}
	return refused
}

// confirmed compares the name that a person must repeat, unless he confirms a preview, and a service may.
func confirmed(standing tenancy.Standing, s events.Submitted, asker saga.Asker) error {
	switch given := strings.TrimSpace(asker.ConfirmName); {
	case given == "" && (asker.Service || s.Preview != ""): // whether it is this tenant's preview, the runner compares
		return nil
	case given == "":
		return refuse(saga.ReasonConfirmationMissing)
	case !standing.Named(given):
		return refuse(saga.ReasonConfirmationMismatch)
	}
	return nil
}

func refuse(code string) error { return &saga.RefusedError{Code: code} }

// parseSources reads names of services, separated by commas.
func parseSources(list string) (sources []events.Participant, err error) {
	for _, text := range strings.Split(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		source, err := events.ParseParticipant(text)
		if err != nil {
			return nil, fmt.Errorf("source %d: %w", len(sources)+1, err)
		}
		sources = append(sources, source)
	}
	return sources, nil
}
