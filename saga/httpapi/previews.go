package httpapi

import (
	"context"
	"net/http"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
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
	if a.cfg.Guards != nil {
		kept := examplePreview
		kept.Fingerprint = exampleFingerprint
		register(a, operation{id: "createPreview", method: http.MethodPost, path: "/api/v1/tenants/{tenant_id}/deletion-previews",
			tag: tagPreviews, success: http.StatusCreated, summary: "Count what a deletion would delete now, and keep it",
			description: "A request that repeats the fingerprint confirms what was counted, for as long as the policy says (24 h). A " +
				"preview that is not complete is not kept and has no fingerprint. Nothing is deleted.",
			answer: kept}, a.createPreview)
	}
}

// previewAnswers say what a caller hears when the preview that he confirms does not hold.
var previewAnswers = map[string]string{
	saga.ReasonPreviewMissing: "Make a preview, look at it, and repeat its fingerprint.",
	saga.ReasonPreviewUnknown: "There is no preview of this fingerprint. Make a new one.",
	saga.ReasonPreviewTenant:  "The preview is of another tenant. Look again at what you are about to delete.",
	saga.ReasonPreviewExpired: "The preview is too old. Make a new one.",
	saga.ReasonDrifted:        "The tenant has other rows now than the preview says. Make a new one, and look at it.",
}

type previewAnswer struct{ Body Preview }

func (a *API) previewTenant(ctx context.Context, _ Caller, in *TenantPath) (*previewAnswer, error) {
	previews, err := a.cfg.Coordinator.Preview(ctx, in.TenantID)
	if err != nil {
		return nil, err
	}
	return a.previewOfAll(in.TenantID, previews), nil
}

func (a *API) createPreview(ctx context.Context, _ Caller, in *TenantPath) (*previewAnswer, error) {
	previews, kept, err := a.cfg.Guards.KeepPreview(ctx, in.TenantID)
	if err != nil {
		return nil, err
	}
	out := a.previewOfAll(in.TenantID, previews)
	if kept != nil {
		out.Body.Fingerprint, out.Body.CountedAt = kept.Fingerprint, kept.At.UTC()
	}
	return out, nil
}

func (a *API) previewOfAll(tenant events.TenantID, previews []events.Preview) *previewAnswer {
	// Nobody asked is nothing known: an empty roster proves nothing.
	out := &previewAnswer{Body: Preview{TenantID: tenant, Complete: len(previews) > 0, CountedAt: a.cfg.Clock().UTC(),
		Participants: make([]ParticipantPreview, 0, len(previews))}}
	for i := range previews {
		out.Body.Participants = append(out.Body.Participants, previewOf(previews[i]))
		if previews[i].Error != nil {
			out.Body.Complete = false
			continue
		}
		out.Body.Total += previews[i].Total()
	}
	return out
}
