package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Guards are what stands between jobs and their first delete. saga/runner implements them.
type Guards interface {
	// Hold sets a legal hold; saga.ErrPastPivot when the tenant's deletion has begun.
	Hold(ctx context.Context, h saga.Hold) (saga.Hold, error)
	// Release ends a hold; with the last one gone the tenant's job goes on by itself.
	Release(ctx context.Context, tenant events.TenantID, id int64, by, reason string) (saga.Hold, error)
	Holds(ctx context.Context, f saga.HoldFilter) ([]saga.Hold, error)
	Controls(ctx context.Context) (saga.Controls, error)
	// Pause returns when nothing begins any more.
	Pause(ctx context.Context, by, reason string) (saga.Controls, error)
	Resume(ctx context.Context, by string) (saga.Controls, error)
	// KeepPreview counts what a deletion would delete now, and keeps it; nil when a participant cannot tell.
	KeepPreview(ctx context.Context, tenant events.TenantID) ([]events.Preview, *saga.Preview, error)
}

const (
	holdsPath       = "/api/v1/holds"
	tenantHoldsPath = "/api/v1/tenants/{tenant_id}/holds"
	controlsPath    = "/api/v1/controls"
)

// Hold is a legal hold on a tenant: while one stands, no deletion of the tenant begins.
type Hold struct {
	ID        int64           `json:"id" minimum:"1"`
	TenantID  events.TenantID `json:"tenant_id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Code      string          `json:"code" doc:"The reason, as a code."`
	Reason    string          `json:"reason" doc:"The reason in a person's words."`
	Reference string          `json:"reference,omitempty" doc:"Names the case elsewhere."`
	By        string          `json:"by"`
	At        time.Time       `json:"at"`
	Released  *Release        `json:"released,omitempty" doc:"Absent while the hold stands."`
}

// Release says who ended a hold, and why.
type Release struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// NewHold is the body of a request for a hold.
type NewHold struct {
	Code      string `json:"code" pattern:"^[a-z][a-z_]{0,63}$" doc:"The reason as a code, for example tax_audit."`
	Reason    string `json:"reason" minLength:"1" maxLength:"200" doc:"Why, without tenant data."`
	Reference string `json:"reference,omitempty" maxLength:"128" doc:"Names the case elsewhere."`
}

// Why is a person's reason.
type Why struct {
	Reason string `json:"reason" minLength:"1" maxLength:"200" doc:"Why, without tenant data."`
}

// Holds is a page of holds, newest first.
type Holds struct {
	Holds         []Hold `json:"holds"`
	NextPageToken string `json:"next_page_token,omitempty"`
}

// Controls are what a person has set for all deletions.
type Controls struct {
	GovernorMax int    `json:"governor_max" minimum:"0" doc:"So many deletions may begin within an hour; 0 means no limit."`
	Pause       *Pause `json:"pause,omitempty" doc:"Absent while deletions may begin."`
}

// Pause is a person's order that nothing begins.
type Pause struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

func (a *API) mountGuards() {
	body := []int{http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}
	register(a, operation{id: "listHolds", method: http.MethodGet, path: holdsPath, tag: tagGuards,
		summary: "List legal holds, newest first", description: "Those that stand, unless the released are asked for too.",
		answer: Holds{Holds: []Hold{exampleHold}}}, a.listHolds)
	register(a, operation{id: "holdTenant", method: http.MethodPost, path: tenantHoldsPath, tag: tagGuards,
		success: http.StatusCreated, summary: "Set a legal hold on a tenant",
		description: "No deletion of the tenant begins while a hold stands, also none that is asked for later. Several may stand at " +
			"once. Refused once the deletion has begun: a hold would not stop it any more.",
		refuses: append([]int{http.StatusConflict}, body...), body: exampleNewHold, answer: exampleHold}, a.holdTenant)
	register(a, operation{id: "releaseHold", method: http.MethodPost, path: tenantHoldsPath + "/{id}/release", tag: tagGuards,
		summary: "Release a legal hold", description: "With the last one gone the tenant's job goes on by itself, at once.",
		refuses: append([]int{http.StatusNotFound, http.StatusConflict}, body...), body: Why{Reason: "the audit is over"},
		answer: exampleReleased()}, a.releaseHold)
	register(a, operation{id: "getControls", method: http.MethodGet, path: controlsPath, tag: tagGuards,
		summary: "Read what is set for all deletions", description: "A pause, and the governor's limit.", answer: exampleControls},
		a.getControls)
	register(a, operation{id: "pauseDeletions", method: http.MethodPost, path: controlsPath + "/pause", tag: tagGuards,
		summary: "Stop everything before the next transaction",
		description: "When this is answered nothing begins any more: no first delete, no wave, no repeated command, no replay, no " +
			"verification, and no command that waits at the broker. What a participant has in hand it finishes; results are " +
			"still counted. A repeat changes nothing. 503: the pause may stand, and is still being carried out; ask again.",
		refuses: body, body: Why{Reason: "a wrong list"}, answer: exampleControls}, a.pauseDeletions)
	register(a, operation{id: "resumeDeletions", method: http.MethodPost, path: controlsPath + "/resume", tag: tagGuards,
		summary: "End a pause", description: "Everything goes on at once, as if there had been none. A repeat changes nothing.",
		answer: Controls{GovernorMax: exampleControls.GovernorMax}}, a.resumeDeletions)
}

type listHoldsInput struct {
	TenantID  events.TenantID `query:"tenant_id" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"Holds on this tenant."`
	Released  bool            `query:"released" doc:"The released ones too."`
	Limit     int             `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"The most holds on a page."`
	PageToken string          `query:"page_token" maxLength:"512" doc:"The next_page_token of the page before."`
}

func (in *listHoldsInput) filters() url.Values {
	v := url.Values{}
	if in.TenantID != "" {
		v.Set("tenant_id", string(in.TenantID))
	}
	if in.Released {
		v.Set("released", "true")
	}
	return v
}

type holdsAnswer struct {
	Link string `header:"Link" doc:"The next page, as rel=next."`
	Body Holds
}

func (a *API) listHolds(ctx context.Context, _ Caller, in *listHoldsInput) (*holdsAnswer, error) {
	filters := in.filters()
	before, err := numberAfter(in.PageToken, "listHolds", filters)
	if err != nil {
		return nil, invalidField("query.page_token", errPage.Error())
	}
	holds, err := a.cfg.Guards.Holds(ctx, saga.HoldFilter{Before: before, Limit: in.Limit + 1, Released: in.Released,
		Tenant: in.TenantID})
	if err != nil {
		return nil, err
	}
	holds, more := cut(holds, in.Limit)
	out := &holdsAnswer{Body: Holds{Holds: make([]Hold, 0, len(holds))}}
	for i := range holds {
		out.Body.Holds = append(out.Body.Holds, holdOf(holds[i]))
	}
	if more {
		out.Body.NextPageToken = pageToken("listHolds", filters, strconv.FormatInt(holds[len(holds)-1].ID, 10))
		out.Link = nextLink(holdsPath, filters, in.Limit, out.Body.NextPageToken)
	}
	return out, nil
}

type holdInput struct {
	TenantPath
	Body NewHold
}

type holdAnswer struct{ Body Hold }

func (a *API) holdTenant(ctx context.Context, caller Caller, in *holdInput) (*holdAnswer, error) {
	h := saga.Hold{Tenant: in.TenantID, Code: in.Body.Code, Reason: in.Body.Reason, Reference: in.Body.Reference,
		By: caller.Subject}
	if err := h.Check(); err != nil {
		return nil, invalidBody(err)
	}
	held, err := a.cfg.Guards.Hold(ctx, h)
	if err != nil {
		return nil, err
	}
	return &holdAnswer{Body: holdOf(held)}, nil
}

type releaseInput struct {
	TenantPath
	ID   int64 `path:"id" minimum:"1" doc:"The hold's number."`
	Body Why
}

func (a *API) releaseHold(ctx context.Context, caller Caller, in *releaseInput) (*holdAnswer, error) {
	if err := (saga.Release{By: caller.Subject, Reason: in.Body.Reason}).Check(); err != nil {
		return nil, invalidBody(err)
	}
	released, err := a.cfg.Guards.Release(ctx, in.TenantID, in.ID, caller.Subject, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return &holdAnswer{Body: holdOf(released)}, nil
}

type controlsAnswer struct{ Body Controls }

func (a *API) getControls(ctx context.Context, _ Caller, _ *struct{}) (*controlsAnswer, error) {
	controls, err := a.cfg.Guards.Controls(ctx)
	return controlsOf(controls), err
}

type pauseInput struct{ Body Why }

func (a *API) pauseDeletions(ctx context.Context, caller Caller, in *pauseInput) (*controlsAnswer, error) {
	if err := (saga.Pause{By: caller.Subject, Reason: in.Body.Reason}).Check(); err != nil {
		return nil, invalidBody(err)
	}
	controls, err := a.cfg.Guards.Pause(ctx, caller.Subject, in.Body.Reason)
	return controlsOf(controls), err
}

func (a *API) resumeDeletions(ctx context.Context, caller Caller, _ *struct{}) (*controlsAnswer, error) {
	controls, err := a.cfg.Guards.Resume(ctx, caller.Subject)
	return controlsOf(controls), err
}

// mayErase refuses to erase a tenant outside of a job while a guard stands (saga.ErrHeld, saga.ErrPaused).
func (a *API) mayErase(ctx context.Context, tenant events.TenantID) error {
	if a.cfg.Guards == nil {
		return nil
	}
	controls, err := a.cfg.Guards.Controls(ctx)
	if err != nil {
		return err
	}
	if controls.Pause != nil {
		return saga.ErrPaused
	}
	holds, err := a.cfg.Guards.Holds(ctx, saga.HoldFilter{Tenant: tenant, Limit: 1})
	if err == nil && len(holds) > 0 {
		err = saga.ErrHeld
	}
	return err
}

func holdOf(h saga.Hold) Hold {
	shown := Hold{ID: h.ID, TenantID: h.Tenant, Code: h.Code, Reason: h.Reason, Reference: h.Reference, By: h.By, At: h.At.UTC()}
	if r := h.Released; r != nil {
		shown.Released = &Release{By: r.By, Reason: r.Reason, At: r.At.UTC()}
	}
	return shown
}

func controlsOf(c saga.Controls) *controlsAnswer {
	shown := Controls{GovernorMax: c.GovernorMax}
	if p := c.Pause; p != nil {
		shown.Pause = &Pause{By: p.By, Reason: p.Reason, At: p.At.UTC()}
	}
	return &controlsAnswer{Body: shown}
}
