package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// KeepPreview counts what a deletion of the tenant would delete now, and keeps it, so that a request can confirm it by its
// fingerprint. Nothing is kept (nil) when a participant cannot tell.
func (r *Runner) KeepPreview(ctx context.Context, tenant events.TenantID) ([]events.Preview, *saga.Preview, error) {
	answers, err := r.Preview(ctx, tenant)
	if err != nil {
		return nil, nil, err
	}
	kept, ok := saga.NewPreview(tenant, r.now(), answers)
	if !ok {
		return answers, nil, nil
	}
	if err := r.store.KeepPreview(ctx, kept); err != nil {
		return nil, nil, fmt.Errorf("runner: preview: %w", err)
	}
	return answers, &kept, nil
}

// confirm reads the preview that a submission names and holds it against what there is now. A preview that does not hold
// refuses the submission; an error says that nobody can tell now.
func (r *Runner) confirm(ctx context.Context, s *saga.Submission) error {
	if s.Refused != nil {
		return nil
	}
	if s.Submitted.Preview == "" {
		if s.Policy.ConfirmPreview {
			s.Refused = &saga.RefusedError{Code: saga.ReasonPreviewMissing}
		}
		return nil
	}
	seen, err := r.store.Preview(ctx, s.Submitted.Preview)
	switch {
	case errors.Is(err, saga.ErrNotFound):
		s.Refused = &saga.RefusedError{Code: saga.ReasonPreviewUnknown}
		return nil
	case err != nil:
		return err
	case seen.Tenant != s.Submitted.TenantID:
		s.Refused = &saga.RefusedError{Code: saga.ReasonPreviewTenant}
		return nil
	case seen.Expired(s.Policy, r.now()):
		s.Refused = &saga.RefusedError{Code: saga.ReasonPreviewExpired}
		return nil
	}
	answers, err := r.Preview(ctx, seen.Tenant)
	if err != nil {
		return err
	}
	now, ok := saga.NewPreview(seen.Tenant, r.now(), answers)
	if !ok {
		return fmt.Errorf("%w: %s", saga.ErrUncounted, unanswered(answers))
	}
	if len(seen.Drift(s.Policy, now)) > 0 {
		s.Refused = &saga.RefusedError{Code: saga.ReasonDrifted}
		return nil
	}
	s.Preview = &seen
	return nil
}

func unanswered(answers []events.Preview) string {
	var names []string
	for i := range answers {
		if answers[i].Error != nil {
			names = append(names, string(answers[i].ServiceName))
		}
	}
	return strings.Join(names, ", ")
}

// renewal reads the preview that a renewal of a job names.
func (r *Runner) renewal(ctx context.Context, id events.JobID, in saga.Input) (saga.Input, error) {
	renew, ok := in.(saga.Renew)
	if !ok {
		return in, nil
	}
	if _, err := r.store.Job(ctx, id); err != nil {
		return nil, err
	}
	p, err := r.store.Preview(ctx, renew.Fingerprint)
	if errors.Is(err, saga.ErrNotFound) {
		return nil, &saga.RefusedError{Code: saga.ReasonPreviewUnknown}
	}
	renew.Preview = p
	return renew, err
}
