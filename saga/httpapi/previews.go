package httpapi

import (
	"context"
	"net/http"

	"github.com/bakery-ia/tenant-deletion/events"
)

// TenantPath is the tenant that a path names. The guard has checked its form before the Authoriser saw it.
type TenantPath struct {
	TenantID events.TenantID `path:"tenant_id" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"The tenant's id."`
}

func (a *API) mountPreviews() {
	register(a, operation{id: "previewTenant", method: http.MethodGet, path: "/api/v1/tenants/{tenant_id}/deletion-preview",
		tag: tagPreviews, summary: "Count what a deletion would delete now",
		description: "Every participant of the roster is asked. One that cannot tell stands there with its error, and the answer is " +
			"not complete then.",
		answer: examplePreview}, a.previewTenant)
}

type previewAnswer struct{ Body Preview }

func (a *API) previewTenant(ctx context.Context, _ Caller, in *TenantPath) (*previewAnswer, error) {
	previews, err := a.cfg.Coordinator.Preview(ctx, in.TenantID)
	if err != nil {
		return nil, err
	}
	// Nobody asked is nothing known: an empty roster proves nothing.
	out := &previewAnswer{Body: Preview{TenantID: in.TenantID, Complete: len(previews) > 0, CountedAt: a.cfg.Clock().UTC(),
		Participants: make([]ParticipantPreview, 0, len(previews))}}
	for i := range previews {
		out.Body.Participants = append(out.Body.Participants, previewOf(previews[i]))
		if previews[i].Error != nil {
			out.Body.Complete = false
			continue
		}
		out.Body.Total += previews[i].Total()
	}
	return out, nil
}
