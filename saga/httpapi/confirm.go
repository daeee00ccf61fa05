package httpapi

import (
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/bakery-ia/tenant-deletion/saga"
)

// Confirmation is what a caller says against his own mistakes. None of it becomes part of a job.
type Confirmation struct {
	// ConfirmName is compared, and neither stored nor logged.
	ConfirmName        string `json:"confirm_name,omitempty" maxLength:"512" doc:"The tenant's name, exactly."`
	ConfirmOtherAdmins bool   `json:"confirm_other_admins,omitempty" doc:"The owner knows of the tenant's other active admins."`
	OverrideReason     string `json:"override_reason,omitempty" pattern:"^[A-Za-z0-9_.:-]{1,128}$" doc:"The code or reference for which a platform administrator passes over the tenant's own people; it is recorded."` //nolint:lll // a tag cannot be broken
}

// asker is who asks, as the tenant rules see him.
func (c Confirmation) asker(caller Caller) saga.Asker {
	return saga.Asker{Admin: caller.Admin(), By: caller.Subject, ConfirmName: c.ConfirmName,
		ConfirmOtherAdmins: c.ConfirmOtherAdmins, OverrideReason: c.OverrideReason, Service: caller.Source != ""}
}

// passedOver is what the audit trail says of it.
func (c Confirmation) passedOver() string {
	switch {
	case c.OverrideReason != "":
		return "override:" + c.OverrideReason
	case c.ConfirmOtherAdmins:
		return "other_admins_confirmed"
	}
	return ""
}

// nameOfHeader reads a name that stands in a header: UTF-8, percent-encoded where it is more than ASCII.
func nameOfHeader(value string) (string, error) {
	name, err := url.PathUnescape(value)
	if err != nil || !utf8.ValidString(name) {
		return "", invalidField("header."+confirmNameHeader, "must be UTF-8, percent-encoded")
	}
	return name, nil
}

// confirmNameHeader holds the name where there is no body: what stands in a URL is logged on the way.
const confirmNameHeader = "Td-Confirm-Name"

// ruleAnswers say what a caller hears when the tenant rules refuse.
var ruleAnswers = map[string]struct {
	status int
	detail string
}{
	saga.ReasonTenantUnknown: {http.StatusNotFound, "There is no such tenant, or it is being deleted."},
	saga.ReasonNotAdministrator: {http.StatusForbidden,
		"Only the tenant's owner, or an administrator of the platform, may ask for this."},
	saga.ReasonConfirmationMissing: {http.StatusUnprocessableEntity,
		"Repeat the tenant's name: confirm_name in a body, the header " + confirmNameHeader + " without one."},
	saga.ReasonConfirmationMismatch: {http.StatusUnprocessableEntity, "What was repeated is not the tenant's name."},
	saga.ReasonOtherAdmins: {http.StatusConflict,
		"The tenant has other active administrators: transfer the ownership first, or say confirm_other_admins."},
	saga.ReasonOverrideMissing: {http.StatusConflict,
		"The tenant has active administrators of its own: say in override_reason why they are passed over."},
}

// ruleProblem says why the tenant rules refuse.
func ruleProblem(refused *saga.RefusedError) *Problem {
	known, ok := ruleAnswers[refused.Code]
	if !ok {
		return problemOf(http.StatusInternalServerError)
	}
	p := problem(known.status, refused.Code, known.detail)
	p.Admins = refused.Admins
	return p
}
