package httpapi

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bakery-ia/tenant-deletion/events"
)

// mountServices registers the platform's routes of each service by name: a name that is a pattern would collide with every
// other route.
func (a *API) mountServices() {
	names := a.cfg.Services.Names()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		service := names[name]
		path := "/api/v1/" + name + "/tenant/{tenant_id}"
		register(a, operation{id: "eraseService_" + name, method: http.MethodDelete, path: path, tag: tagServices,
			timeout: a.cfg.EraseTimeout, summary: "Delete a tenant from " + name + " alone",
			description: "Outside of any job, and waited for. The same key answers with the same receipt. 409 has the result of a " +
				"service that refused or gave up: nothing was deleted.",
			answer: exampleResult(service), describe: a.describeFailure},
			func(ctx context.Context, _ Caller, in *eraseInput) (*resultAnswer, error) {
				return a.erase(ctx, service, in)
			})
		register(a, operation{id: "previewService_" + name, method: http.MethodGet, path: path + "/deletion-preview", tag: tagServices,
			summary: "Count what a deletion from " + name + " would delete now", description: "No effect.",
			answer: ParticipantPreview{ServiceName: service, Counts: map[string]int64{"customers": 1200}}},
			func(ctx context.Context, _ Caller, in *TenantPath) (*servicePreviewAnswer, error) {
				preview, err := a.cfg.Services.Count(ctx, service, in.TenantID)
				if err != nil {
					return nil, err
				}
				return &servicePreviewAnswer{Body: previewOf(preview)}, nil
			})
	}
}

func (a *API) describeFailure(op *huma.Operation) {
	response := a.problemResponse(http.StatusConflict)
	response.Description = "The service refused or gave up (a result), or has other work on the tenant (a problem)."
	response.Content["application/json"] = &huma.MediaType{
		Schema: a.huma.OpenAPI().Components.Schemas.Schema(typeOf[events.Result](), true, "")}
	op.Responses["409"] = response
}

type eraseInput struct {
	TenantPath
	Key string `header:"Idempotency-Key" pattern:"^[A-Za-z0-9_.:-]{1,128}$" doc:"A repeat answers with the same receipt."`
}

type resultAnswer struct {
	Status int
	Body   events.Result
}

type servicePreviewAnswer struct{ Body ParticipantPreview }

func (a *API) erase(ctx context.Context, service events.Participant, in *eraseInput) (*resultAnswer, error) {
	if in.Key == "" {
		in.Key = freshKey()
	}
	if err := a.mayErase(ctx, in.TenantID); err != nil {
		return nil, err
	}
	result, err := a.cfg.Services.Erase(ctx, service, in.TenantID, in.Key)
	if err != nil {
		return nil, err
	}
	out := &resultAnswer{Status: http.StatusOK, Body: *result}
	if out.Body.DeletedCounts == nil {
		out.Body.DeletedCounts = map[string]int64{}
	}
	if out.Body.Errors == nil {
		out.Body.Errors = []events.Problem{}
	}
	if !result.Success {
		out.Status = http.StatusConflict
	}
	return out, nil
}
