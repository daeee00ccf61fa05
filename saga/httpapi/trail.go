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

const auditPath = "/api/v1/audit"

func (a *API) mountAudit() {
	register(a, operation{id: "listAudit", method: http.MethodGet, path: auditPath, tag: tagAudit,
		summary: "List who asked for what, newest first",
		description: "An action has two records: the intent, written before anything is done, and what became of it. A refusal " +
			"before any intent has one. Each hash is taken of the one before, so that a record that was changed or left out shows.",
		answer: exampleAudit}, a.listAudit)
}

type listAuditInput struct {
	TenantID  events.TenantID `query:"tenant_id" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"Actions on this tenant."`
	JobID     events.JobID    `query:"job_id" pattern:"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" doc:"Actions on this job."`
	Actor     string          `query:"actor" pattern:"^[A-Za-z0-9_.:-]{1,128}$" doc:"Actions of this actor, or on his behalf."`
	Operation string          `query:"operation" pattern:"^[A-Za-z][A-Za-z0-9_-]{0,63}$" doc:"Actions of this operation."`
	Since     time.Time       `query:"since" doc:"Records of this time or later."`
	Until     time.Time       `query:"until" doc:"Records before this time."`
	Limit     int             `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"The most records on a page."`
	PageToken string          `query:"page_token" maxLength:"512" doc:"The next_page_token of the page before."`
}

// filters are what a page token is bound to.
func (in *listAuditInput) filters() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"tenant_id": string(in.TenantID), "job_id": string(in.JobID), "actor": in.Actor,
		"operation": in.Operation, "since": stamp(in.Since), "until": stamp(in.Until)} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

type auditAnswer struct {
	Link string `header:"Link" doc:"The next page, as rel=next."`
	Body AuditRecords
}

func (a *API) listAudit(ctx context.Context, _ Caller, in *listAuditInput) (*auditAnswer, error) {
	filters := in.filters()
	before, err := numberAfter(in.PageToken, "listAudit", filters)
	if err != nil {
		return nil, invalidField("query.page_token", errPage.Error())
	}
	records, err := a.cfg.Audit.Recorded(ctx, saga.AuditFilter{Actor: in.Actor, Before: before, Job: in.JobID, Limit: in.Limit + 1,
		Operation: in.Operation, Since: in.Since, Tenant: in.TenantID, Until: in.Until})
	if err != nil {
		return nil, err
	}
	records, more := cut(records, in.Limit)
	out := &auditAnswer{Body: AuditRecords{Records: make([]AuditRecord, len(records))}}
	for i := range records {
		out.Body.Records[i] = auditRecordOf(records[i])
	}
	if more {
		last := strconv.FormatInt(records[len(records)-1].Number, 10)
		out.Body.NextPageToken = pageToken("listAudit", filters, last)
		out.Link = nextLink(auditPath, filters, in.Limit, out.Body.NextPageToken)
	}
	return out, nil
}

// AuditRecord is a line of the audit trail.
type AuditRecord struct {
	Number     int64              `json:"number" minimum:"1" doc:"Without gaps."`
	At         time.Time          `json:"at"`
	Action     string             `json:"action" doc:"What an intent and its outcome have in common."`
	Phase      saga.AuditPhase    `json:"phase" enum:"intent,outcome"`
	Operation  string             `json:"operation" doc:"Of the OpenAPI document, also where the request came over the bus."`
	Actor      string             `json:"actor,omitempty" doc:"The token's subject, or the service that asked over the bus."`
	OnBehalfOf string             `json:"on_behalf_of,omitempty"`
	Token      string             `json:"token,omitempty" doc:"The token's id (jti)."`
	Roles      []string           `json:"roles,omitempty"`
	Source     events.Participant `json:"source,omitempty"`
	Origin     string             `json:"origin,omitempty" doc:"The address that the request came from, or bus."`
	TenantID   events.TenantID    `json:"tenant_id,omitempty"`
	JobID      events.JobID       `json:"job_id,omitempty"`
	About      string             `json:"about,omitempty" doc:"What else: a user, a dead letter, a participant, override:<reason>."`
	Reason     string             `json:"reason,omitempty"`
	Code       string             `json:"code,omitempty" doc:"done, or the code of the refusal. Absent from an intent."`
	Hash       string             `json:"hash" doc:"SHA-256 of the hash before and the record."`
}

// AuditRecords is a page, newest first.
type AuditRecords struct {
	Records       []AuditRecord `json:"records"`
	NextPageToken string        `json:"next_page_token,omitempty"`
}

func auditRecordOf(r saga.AuditRecord) AuditRecord {
	return AuditRecord{Number: r.Number, At: r.At.UTC(), Action: r.Action, Phase: r.Phase, Operation: r.Operation, Actor: r.Actor,
		OnBehalfOf: r.OnBehalfOf, Token: r.Token, Roles: r.Roles, Source: r.Source, Origin: r.Origin, TenantID: r.Tenant, JobID: r.Job,
		About: r.About, Reason: r.Reason, Code: r.Code, Hash: r.Hash}
}

// Record is what the trail holds, to compute its hash of (saga.CheckChain).
func (r AuditRecord) Record() saga.AuditRecord {
	return saga.AuditRecord{Number: r.Number, At: r.At, Action: r.Action, Phase: r.Phase, Operation: r.Operation, Actor: r.Actor,
		OnBehalfOf: r.OnBehalfOf, Token: r.Token, Roles: r.Roles, Source: r.Source, Origin: r.Origin, Tenant: r.TenantID, Job: r.JobID,
		About: r.About, Reason: r.Reason, Code: r.Code, Hash: r.Hash}
}
