package participants

import (
	"context"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Preview counts exactly what Erase would delete now, without effect. When one eraser cannot tell, the answer holds the
// error and no counts: nobody may take half a preview for zero.
func (r *Runner) Preview(ctx context.Context, tenant events.TenantID) events.Preview {
	preview := events.Preview{TenantID: tenant, ServiceName: r.service.Name, Counts: Counts{}, Kept: r.service.Ledger.Kept()}
	total, err := r.count(ctx, tenant)
	if err != nil {
		problem := problemOf(err)
		preview.Error = &problem
		r.cfg.Logger.Warn().Err(err).Str("tenant", string(tenant)).Str("participant", string(r.service.Name)).
			Str("kind", "preview").Msg("cannot tell what would be deleted")
		return preview
	}
	preview.Counts = total
	return preview
}

func (r *Runner) count(ctx context.Context, tenant events.TenantID) (Counts, error) {
	if err := tenant.Validate(); err != nil {
		return nil, Refuse(CodeTenantRefused, "the tenant id does not have the form of the contract")
	}
	total := Counts{}
	for _, eraser := range append([]Eraser{r.service.Ledger}, r.service.Others...) {
		counts, err := eraser.Preview(ctx, tenant)
		if err != nil {
			return nil, err
		}
		for table, n := range counts {
			total[table] += n
		}
	}
	return total, nil
}

// servePreview answers one request on the bus. What does not fit the contract (too many tables) proves nothing, and the asker
// is told that.
func (r *Runner) servePreview(ctx context.Context, m events.Message) ([]byte, error) {
	request, err := events.DecodePreviewRequest(m.Body)
	if err != nil {
		return nil, fmt.Errorf("participants: preview request: %w", err)
	}
	body, err := events.EncodePreview(r.Preview(ctx, request.TenantID))
	if err == nil {
		return body, nil
	}
	r.cfg.Logger.Error().Err(err).Str("tenant", string(request.TenantID)).Str("participant", string(r.service.Name)).
		Str("kind", "preview").Msg("does not fit the contract")
	return events.EncodePreview(events.Preview{TenantID: request.TenantID, ServiceName: r.service.Name, Counts: Counts{},
		Error: &events.Problem{Code: CodeInternal, Detail: "the preview does not fit the contract"}})
}
