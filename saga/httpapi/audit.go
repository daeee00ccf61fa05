package httpapi

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Limits of what is recorded. Whoever is known is always recorded; strangers share what one person's mistakes would fill.
const (
	strangersPerSecond = 1
	strangersBurst     = 60
	outcomeTimeout     = 5 * time.Second // also when the asker is gone: what was done is recorded
)

// audited is an input or an answer that says more of an action than its path does.
type audited interface {
	audit(r *saga.AuditRecord)
}

// recordOf is what a request's caller and path say.
func recordOf(op operation, r *http.Request, caller Caller) saga.AuditRecord {
	record := saga.AuditRecord{Operation: op.id, Token: caller.TokenID, Source: caller.Source, Origin: peerOf(r)}
	if keyForm.MatchString(caller.Subject) { // of one who was refused it is the authoriser's word
		record.Actor = caller.Subject
	}
	for _, role := range caller.Roles {
		record.Roles = append(record.Roles, string(role))
	}
	if tenant, err := events.ParseTenantID(r.PathValue("tenant_id")); err == nil {
		record.Tenant = tenant
	}
	if job, err := events.ParseJobID(r.PathValue("job_id")); err == nil {
		record.Job = job
	}
	if other := cmp.Or(r.PathValue("user_id"), r.PathValue("id")); keyForm.MatchString(other) {
		record.About = other
	}
	return record
}

// peerOf is the address at the other end of the connection: a proxy's, where one stands in front.
func peerOf(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return peer.Addr().Unmap().String()
}

// intend records what somebody wants to do, before it is done. What cannot be recorded is not done.
func (a *API) intend(ctx context.Context, op operation, c call, in any) (intent saga.AuditRecord, err error) {
	if a.cfg.Audit == nil || op.method == http.MethodGet {
		return saga.AuditRecord{}, nil
	}
	intent = c.record.Intent(rand.Text())
	if more, ok := in.(audited); ok {
		more.audit(&intent)
	}
	if err := a.cfg.Audit.Record(ctx, intent); err != nil {
		return saga.AuditRecord{}, fmt.Errorf("audit: %w: %w", ErrUnavailable, err)
	}
	return intent, nil
}

// settle records what became of it. What was done is done: an outcome that cannot be recorded is logged, and its intent stays
// open.
func (a *API) settle(ctx context.Context, intent saga.AuditRecord, logger zerolog.Logger, out any, err error) {
	if intent.Action == "" {
		return
	}
	outcome := intent.Outcome(saga.AuditDone)
	if err != nil {
		outcome.Code = translate(err).Code
	} else if more, ok := out.(audited); ok {
		more.audit(&outcome)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTimeout)
	defer cancel()
	if err := a.cfg.Audit.Record(ctx, outcome); err != nil {
		logger.Error().Err(err).Str("action", intent.Action).Msg("outcome not recorded")
	}
}

// recordRefusal records that the guard let somebody not pass. He is refused whether or not it can be recorded.
func (a *API) recordRefusal(ctx context.Context, record saga.AuditRecord, op operation, logger zerolog.Logger, err error) {
	stranger := errors.Is(err, ErrUnauthenticated)
	switch {
	case a.cfg.Audit == nil, op.method == http.MethodGet && !stranger && !errors.Is(err, ErrForbidden):
		return
	case stranger && !a.strangers.Allow():
		return // it is logged
	}
	refused := record.Intent(rand.Text()).Outcome(translate(err).Code)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTimeout)
	defer cancel()
	if err := a.cfg.Audit.Record(ctx, refused); err != nil {
		logger.Error().Err(err).Msg("refusal not recorded")
	}
}

// referenceOnly keeps prose out of the trail.
func referenceOnly(reason string) string {
	if keyForm.MatchString(reason) {
		return reason
	}
	return ""
}

func (in *submitJobInput) audit(r *saga.AuditRecord) {
	r.Tenant, r.Reason, r.About = in.Body.TenantID, in.Body.Reason, in.Body.passedOver()
	if in.Body.RequestedBy != r.Actor {
		r.OnBehalfOf = in.Body.RequestedBy
	}
}

func (in *deleteTenantInput) audit(r *saga.AuditRecord) {
	r.Reason, r.About = in.Reason, in.guards().passedOver()
}

func (out *newJobAnswer) audit(r *saga.AuditRecord) {
	r.Job, r.Tenant = out.Body.JobID, out.Body.TenantID
}

func (in *approveInput) audit(r *saga.AuditRecord) {
	if in.Body != nil {
		r.About = in.Body.Preview
	}
}

func (in *renewInput) audit(r *saga.AuditRecord) { r.About = in.Body.Preview }

func (in *waiveInput) audit(r *saga.AuditRecord) {
	r.About, r.Reason = string(in.Body.Participant), referenceOnly(in.Body.Reason)
}

func (in *holdInput) audit(r *saga.AuditRecord) {
	r.About, r.Reason = referenceOnly(in.Body.Reference), in.Body.Code
}

func (in *releaseInput) audit(r *saga.AuditRecord) { r.Reason = referenceOnly(in.Body.Reason) }

func (in *pauseInput) audit(r *saga.AuditRecord) { r.Reason = referenceOnly(in.Body.Reason) }

func (in *transferInput) audit(r *saga.AuditRecord) { r.About = in.Body.NewOwnerID }

func (in *discardInput) audit(r *saga.AuditRecord) { r.Reason = referenceOnly(in.Body.Reason) }

func (in *replayJobsInput) audit(r *saga.AuditRecord) {
	r.Job = in.Body.JobID
	if len(in.Body.Participants) == 1 {
		r.About = string(in.Body.Participants[0])
	}
}

func (out *resultAnswer) audit(r *saga.AuditRecord) {
	if !out.Body.Success && len(out.Body.Errors) > 0 {
		r.Code = out.Body.Errors[0].Code
	}
}
