package participants

import (
	"bytes"
	"context"
	"encoding/json"
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

// servePreview answers one request on the bus.
func (r *Runner) servePreview(ctx context.Context, m events.Message) ([]byte, error) {
	var request events.PreviewRequest
	dec := json.NewDecoder(bytes.NewReader(m.Body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&request); err != nil {
		return nil, fmt.Errorf("participants: preview request: %w", events.ErrInvalid)
	}
	if err := request.TenantID.Validate(); err != nil {
		return nil, fmt.Errorf("participants: preview request: %w", err)
	}
	return json.Marshal(r.Preview(ctx, request.TenantID))
}
