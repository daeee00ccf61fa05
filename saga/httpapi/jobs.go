package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

const (
	jobsPath = "/api/v1/deletion-jobs"
	jobPath  = jobsPath + "/{job_id}"
)

// JobPath is the job that a path names. It is exported because huma passes over fields of unexported types.
type JobPath struct {
	JobID events.JobID `path:"job_id" pattern:"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" doc:"The job's id."`
}

// jobAnswer is a job with its headers.
type jobAnswer struct {
	Status     int
	ETag       string `header:"ETag" doc:"The job's version, quoted."`
	RetryAfter string `header:"Retry-After" doc:"Seconds; absent once the job has ended."`
	Body       *Job
}

// newJobAnswer is the same, with the place of the job.
type newJobAnswer struct {
	Status     int
	ETag       string `header:"ETag" doc:"The job's version, quoted."`
	Location   string `header:"Location" doc:"Where the job can be followed."`
	RetryAfter string `header:"Retry-After" doc:"Seconds; absent once the job has ended."`
	Body       *Job
}

func (a *API) mountJobs() {
	register(a, operation{id: "submitJob", method: http.MethodPost, path: jobsPath, tag: tagJobs, success: http.StatusAccepted,
		summary: "Ask for a tenant's deletion",
		description: "A repeat with the same key answers with the same job, and so does any request for a tenant that has a job " +
			"which has not ended. The same key with another body is refused.",
		refuses: []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge,
			http.StatusUnsupportedMediaType},
		required: []string{"Idempotency-Key"}, tenantIn: "body", body: exampleNewJob, answer: exampleJob()}, a.submitJob)
	register(a, operation{id: "deleteTenant", method: http.MethodDelete, path: "/api/v1/tenants/{tenant_id}", tag: tagTenants,
		success: http.StatusAccepted, summary: "Delete a tenant from the whole platform",
		description: "Asks for a job like submitJob does. Without an Idempotency-Key every call is a new request; the tenant still " +
			"has one job at a time.",
		refuses: []int{http.StatusNotFound, http.StatusConflict}, answer: exampleJob()}, a.deleteTenant)
	register(a, operation{id: "listJobs", method: http.MethodGet, path: jobsPath, tag: tagJobs, summary: "List jobs, newest first",
		description: "Every filter that is given must hold. The header Link leads to the next page. An owner must name his tenant.",
		tenantIn:    "query", answer: exampleJobs()}, a.listJobs)
	register(a, operation{id: "getJob", method: http.MethodGet, path: jobPath, tag: tagJobs, summary: "Read a job with its steps",
		description: "With If-None-Match a job that has not changed is answered by 304.",
		refuses:     []int{http.StatusNotFound}, answer: exampleJob(), describe: describeNotModified}, a.getJob)
}

func describeNotModified(op *huma.Operation) {
	op.Responses["304"] = &huma.Response{Description: "The job has not changed.",
		Headers: map[string]*huma.Param{"ETag": {Schema: &huma.Schema{Type: huma.TypeString}}}}
}

type submitJobInput struct {
	Key  string `header:"Idempotency-Key" pattern:"^[A-Za-z0-9_.:-]{1,128}$" doc:"Names this request; a repeat has the same."`
	Body NewJob
}

func (a *API) submitJob(ctx context.Context, caller Caller, in *submitJobInput) (*newJobAnswer, error) {
	if in.Key == "" {
		return nil, problem(http.StatusBadRequest, CodeKeyMissing, "Name the request in the header Idempotency-Key.")
	}
	by := in.Body.RequestedBy
	if by == "" {
		by = caller.Subject
	}
	if by != caller.Subject && caller.Source == "" { // or one person could approve what he asked for himself
		return nil, fmt.Errorf("requested_by: %w: only a service asks on behalf of somebody else", ErrForbidden)
	}
	return a.submit(ctx, events.Submitted{RequestID: in.Key, TenantID: in.Body.TenantID, Source: caller.source(),
		Reason: in.Body.Reason, RequestedBy: by, Preview: in.Body.Preview, NotBefore: in.Body.NotBefore, Policy: in.Body.Policy},
		in.Body.asker(caller))
}

type deleteTenantInput struct {
	TenantID events.TenantID `path:"tenant_id" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"The tenant's id."`
	Key      string          `header:"Idempotency-Key" pattern:"^[A-Za-z0-9_.:-]{1,128}$" doc:"Names this request."`
	Preview  string          `query:"preview" pattern:"^pv_[a-z2-7]{26}$" doc:"The fingerprint of the preview that is confirmed."`
	Reason   string          `query:"reason" pattern:"^[a-z][a-z_]{0,63}$" default:"tenant_deleted" doc:"A code, never prose."`
	Name     string          `header:"Td-Confirm-Name" maxLength:"2048" doc:"The tenant's name, as UTF-8, percent-encoded; it stands in no URL, because these are logged."` //nolint:lll // a tag cannot be broken
	Others   bool            `query:"confirm_other_admins" doc:"The owner knows of the tenant's other active admins."`
	Override string          `query:"override_reason" pattern:"^[A-Za-z0-9_.:-]{1,128}$" doc:"The code or reference for which a platform administrator passes over the tenant's own people; it is recorded."` //nolint:lll // a tag cannot be broken
}

// guards is what the request says against mistakes, but for the name.
func (in *deleteTenantInput) guards() Confirmation {
	return Confirmation{ConfirmOtherAdmins: in.Others, OverrideReason: in.Override}
}

func (a *API) deleteTenant(ctx context.Context, caller Caller, in *deleteTenantInput) (*newJobAnswer, error) {
	if in.Key == "" {
		in.Key = freshKey()
	}
	guards := in.guards()
	var err error
	if guards.ConfirmName, err = nameOfHeader(in.Name); err != nil {
		return nil, err
	}
	return a.submit(ctx, events.Submitted{RequestID: in.Key, TenantID: in.TenantID, Source: caller.source(), Reason: in.Reason,
		RequestedBy: caller.Subject, Preview: in.Preview}, guards.asker(caller))
}

// freshKey names a request that its asker did not name.
func freshKey() string { return "api-" + rand.Text() }

func (a *API) submit(ctx context.Context, s events.Submitted, asker saga.Asker) (*newJobAnswer, error) {
	if err := s.Validate(); err != nil {
		return nil, invalidBody(err)
	}
	job, _, err := a.cfg.Coordinator.Submit(ctx, s, asker)
	if err != nil {
		return nil, err
	}
	out := a.accepted(job)
	return &newJobAnswer{Status: out.Status, ETag: out.ETag, Location: jobsPath + "/" + string(job.ID), RetryAfter: out.RetryAfter,
		Body: out.Body}, nil
}

// invalidBody names the fields that the words of the wire refuse. Their errors never repeat what was given.
func invalidBody(err error) error {
	if !errors.Is(err, events.ErrInvalid) {
		return err
	}
	p := problemOf(http.StatusUnprocessableEntity)
	for line := range strings.Lines(err.Error()) {
		field, want, found := strings.Cut(strings.TrimSpace(line), ": "+events.ErrInvalid.Error()+": ")
		if found {
			p = p.in("body."+field[strings.LastIndexByte(field, ' ')+1:], want)
		}
	}
	return p
}

// accepted is a job that was made or changed.
func (a *API) accepted(job saga.Job) jobAnswer {
	shown := jobOf(job, a.cfg.Clock(), true)
	answered := jobAnswer{Status: http.StatusAccepted, ETag: etag(job.Version), Body: &shown}
	if !shown.Done {
		answered.RetryAfter = jobPoll
	}
	return answered
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

type listJobsInput struct {
	TenantID  events.TenantID    `query:"tenant_id" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"Jobs of this tenant."`
	States    []saga.State       `query:"state,explode" enum:"refused,awaiting_approval,rejected,scheduled,cancelled,deleting,verifying,failed,completed" maxItems:"9" uniqueItems:"true" doc:"Jobs in one of these states."` //nolint:lll // a tag cannot be broken
	FailedAt  events.Participant `query:"failed_at" pattern:"^[a-z][a-z0-9_]{0,31}$" doc:"Jobs in which its step is failed."`
	Blocked   string             `query:"blocked" enum:"awaiting_approval,grace,hold,paused,governor,counting,preview_drifted,participant_silent,participant_failed,residue,verification_unanswered" doc:"Jobs that wait for this reason."` //nolint:lll // a tag cannot be broken
	Overdue   bool               `query:"overdue" doc:"Jobs that should have ended by now."`
	Source    events.Participant `query:"source" pattern:"^[a-z][a-z0-9_]{0,31}$" doc:"Jobs that this service asked for."`
	RequestID string             `query:"request_id" pattern:"^[A-Za-z0-9_.:-]{1,128}$" doc:"Jobs of this idempotency key."`
	Since     time.Time          `query:"since" doc:"Jobs submitted at or after this time."`
	Until     time.Time          `query:"until" doc:"Jobs submitted before this time."`
	Limit     int                `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"The most jobs on a page."`
	PageToken string             `query:"page_token" maxLength:"512" doc:"The next_page_token of the page before."`
}

// filters are what a page token is bound to.
func (in *listJobsInput) filters() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{
		"tenant_id": string(in.TenantID), "failed_at": string(in.FailedAt), "blocked": in.Blocked, "source": string(in.Source),
		"request_id": in.RequestID, "since": stamp(in.Since), "until": stamp(in.Until),
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	for _, state := range in.States {
		v.Add("state", string(state))
	}
	if in.Overdue {
		v.Set("overdue", "true")
	}
	return v
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

type jobsAnswer struct {
	Link string `header:"Link" doc:"The next page, as rel=next."`
	Body Jobs
}

func (a *API) listJobs(ctx context.Context, _ Caller, in *listJobsInput) (*jobsAnswer, error) {
	filters := in.filters()
	before, err := jobAfter(in.PageToken, "listJobs", filters)
	if err != nil {
		return nil, invalidField("query.page_token", errPage.Error())
	}
	now := a.cfg.Clock()
	f := saga.Filter{Before: before, Blocked: in.Blocked, FailedAt: in.FailedAt, Limit: in.Limit + 1, RequestID: in.RequestID,
		Since: in.Since, Source: in.Source, States: in.States, Tenant: in.TenantID, Until: in.Until}
	if in.Overdue {
		f.OverdueAt = now
	}
	jobs, err := a.cfg.Coordinator.Jobs(ctx, f)
	if err != nil {
		return nil, err
	}
	jobs, more := cut(jobs, in.Limit)
	out := &jobsAnswer{Body: Jobs{Jobs: make([]Job, 0, len(jobs))}}
	for i := range jobs {
		out.Body.Jobs = append(out.Body.Jobs, jobOf(jobs[i], now, false))
	}
	if more {
		out.Body.NextPageToken = pageToken("listJobs", filters, string(jobs[len(jobs)-1].ID))
		out.Link = nextLink(jobsPath, filters, in.Limit, out.Body.NextPageToken)
	}
	return out, nil
}

// jobAfter is the job that a page begins behind.
func jobAfter(token, list string, filters url.Values) (events.JobID, error) {
	after, err := pageAfter(token, list, filters)
	if err != nil || after == "" {
		return "", err
	}
	return events.ParseJobID(after)
}

// nextLink leads to the next page of a list (RFC 8288).
func nextLink(path string, filters url.Values, limit int, token string) string {
	filters.Set("limit", strconv.Itoa(limit))
	filters.Set("page_token", token)
	return "<" + path + "?" + filters.Encode() + `>; rel="next"`
}

type getJobInput struct {
	JobPath
	IfNoneMatch string `header:"If-None-Match" maxLength:"512" doc:"The ETag of what the caller has."`
}

func (a *API) getJob(ctx context.Context, _ Caller, in *getJobInput) (*jobAnswer, error) {
	job, err := a.cfg.Coordinator.Job(ctx, in.JobID)
	if err != nil {
		return nil, err
	}
	out := a.accepted(job)
	out.Status = http.StatusOK
	if unchanged(in.IfNoneMatch, out.ETag) {
		return &jobAnswer{Status: http.StatusNotModified, ETag: out.ETag, RetryAfter: out.RetryAfter}, nil
	}
	return &out, nil
}

// unchanged reports whether one of the tags is the job's (RFC 9110: compared weakly).
func unchanged(tags, current string) bool {
	for tag := range strings.SplitSeq(tags, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || tag == current {
			return true
		}
	}
	return false
}
