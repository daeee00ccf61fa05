package httpapi

import (
	"context"
	"net/http"
)

func (a *API) mountTenants() {
	register(a, operation{id: "listAdmins", method: http.MethodGet, path: "/api/v1/tenants/{tenant_id}/admins", tag: tagTenants,
		summary: "List a tenant's administrators", description: "The owner first.",
		refuses: []int{http.StatusNotFound}, answer: exampleAdmins}, a.listAdmins)
	register(a, operation{id: "transferOwnership", method: http.MethodPost, path: "/api/v1/tenants/{tenant_id}/transfer-ownership",
		tag: tagTenants, summary: "Make an admin the owner of a tenant",
		description: "He must be an active admin of the same tenant. The old owner becomes an admin.",
		refuses:     []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
		body:        Transfer{NewOwnerID: exampleUser}, answer: exampleTransferred}, a.transferOwnership)
	register(a, operation{id: "removeMemberships", method: http.MethodDelete, path: "/api/v1/tenants/user/{user_id}/memberships",
		tag: tagTenants, summary: "Remove a user from every tenant",
		description: "Refused while he is the sole owner of one; the problem names these tenants.",
		refuses:     []int{http.StatusNotFound, http.StatusConflict},
		answer:      Memberships{UserID: exampleUser, Removed: 2}}, a.removeMemberships)
}

type adminsAnswer struct{ Body Admins }

func (a *API) listAdmins(ctx context.Context, _ Caller, in *TenantPath) (*adminsAnswer, error) {
	admins, err := a.cfg.Tenants.Admins(ctx, in.TenantID)
	if err != nil {
		return nil, err
	}
	if admins == nil {
		admins = []Admin{}
	}
	return &adminsAnswer{Body: Admins{TenantID: in.TenantID, Admins: admins}}, nil
}

type transferInput struct {
	TenantPath
	Body Transfer
}

type transferAnswer struct{ Body Transferred }

func (a *API) transferOwnership(ctx context.Context, caller Caller, in *transferInput) (*transferAnswer, error) {
	done, err := a.cfg.Tenants.Transfer(ctx, in.TenantID, in.Body.NewOwnerID, caller)
	if err != nil {
		return nil, err
	}
	return &transferAnswer{Body: done}, nil
}

type userInput struct {
	UserID string `path:"user_id" pattern:"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" doc:"The user's id."`
}

type membershipsAnswer struct{ Body Memberships }

func (a *API) removeMemberships(ctx context.Context, caller Caller, in *userInput) (*membershipsAnswer, error) {
	removed, err := a.cfg.Tenants.RemoveMemberships(ctx, in.UserID, caller.Subject)
	if err != nil {
		return nil, err
	}
	return &membershipsAnswer{Body: Memberships{UserID: in.UserID, Removed: removed}}, nil
}
