package httpapi

import (
	"reflect"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// What the document shows. Nothing here is served.
const (
	exampleID          events.JobID    = "019a9f3e-7c1a-7c52-9a51-2f6d0f6d7a11"
	exampleFingerprint                 = "pv_k3xq7m2vb5tzr4wly6ncd2hgfa"
	exampleTenant      events.TenantID = "6f1c2a70-4b0e-4f0a-9a3b-1d6f0c2b7e55"
	exampleUser                        = "b7a2f3c4-1111-4a5b-8c6d-0e9f8a7b6c5d"
)

var (
	exampleAt     = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	exampleNewJob = NewJob{TenantID: exampleTenant, Reason: "contract_ended", RequestedBy: "user:4711",
		Policy: &events.RequestPolicy{GraceSeconds: 3600}}
	exampleReplayJob     = ReplayJob{Participants: []events.Participant{"orders"}}
	exampleReplayRequest = ReplayRequest{Failed: true, Preview: true}
	exampleReplays       = Replays{Replays: []ReplayOutcome{
		{JobID: exampleID, TenantID: exampleTenant, Participants: []events.Participant{"orders"}, Origin: saga.OriginStream}}}
	exampleEntries = Entries{Last: 2, Events: []Entry{
		{Number: 1, At: exampleAt, Kind: "submit", State: saga.StateScheduled, By: "user:4711", Reason: saga.ReasonGrace},
		{Number: 2, At: exampleAt.Add(time.Hour), Kind: "tick", State: saga.StateDeleting, Participants: []events.Participant{"orders"},
			Sent: []events.Type{events.TypeRequested}}}}
	examplePreview = Preview{TenantID: exampleTenant, Complete: true, Total: 1230, CountedAt: exampleAt,
		Participants: []ParticipantPreview{{ServiceName: "orders", Counts: map[string]int64{"customers": 30, "orders": 1200}}}}
	exampleRoster       = Roster{Roster: []RosterEntry{{Participant: "orders", Wave: 1}, {Participant: "tenants", Wave: 2}}}
	exampleParticipants = Participants{Participants: []Participant{
		{Participant: "orders", Wave: 1, Live: true, Version: "1.0.0"},
		{Participant: "tenants", Wave: 2, Live: true, Version: "1.0.0"}}}
	exampleLetter = DeadLetter{ID: 7, Stream: events.StreamEvents, Consumer: "orders", Sequence: 4711,
		Subject: "tenant.deletion.requested." + string(exampleTenant), Reason: "poison: bad signature", CreatedAt: exampleAt}
	exampleLetters = DeadLetters{DeadLetters: []DeadLetter{exampleLetter}}
	exampleAdmins  = Admins{TenantID: exampleTenant, Admins: []Admin{{UserID: exampleUser, Role: "owner", Active: true}}}

	exampleAudit = AuditRecords{Records: []AuditRecord{{Number: 4711, At: exampleAt, Action: "KPDX3N5TLQ7R2ZC6V4BMYAHJWE",
		Phase: saga.AuditOutcome, Operation: "deleteTenant", Actor: exampleUser, Token: "c0ffee", Origin: "192.0.2.17",
		TenantID: exampleTenant, JobID: exampleID, Reason: "tenant_deleted", Code: saga.AuditDone, Hash: saga.AuditStart}}}
	exampleNewHold = NewHold{Code: "tax_audit", Reason: "the accounts of 2025 are being audited", Reference: "FA-2026/17"}
	exampleHold    = Hold{ID: 3, TenantID: exampleTenant, Code: "tax_audit", Reason: "the accounts of 2025 are being audited",
		Reference: "FA-2026/17", By: "user:0815", At: exampleAt}
	exampleControls = Controls{GovernorMax: 50, Pause: &Pause{By: "user:0815", Reason: "a wrong list", At: exampleAt}}

	exampleTransferred = Transferred{TenantID: exampleTenant, PreviousOwnerID: "0d3a6b55-2222-4c1d-9e8f-7a6b5c4d3e2f",
		OwnerID: exampleUser}
)

func exampleReleased() Hold {
	released := exampleHold
	released.Released = &Release{By: "user:0815", Reason: "the audit is over", At: exampleAt.Add(time.Hour)}
	return released
}

func exampleJob() Job {
	due := exampleAt.Add(time.Hour)
	return Job{
		JobID: exampleID, TenantID: exampleTenant, Generation: 1, State: saga.StateScheduled, Version: 1, Round: 1, Source: "api",
		RequestID: "ticket-4711", Reason: "contract_ended", RequestedBy: "user:4711", SubmittedAt: exampleAt, DueAt: due,
		Deadline: exampleAt.AddDate(0, 1, 0), Tally: map[string]int{string(saga.StepPending): 1},
		Blocked: &Blocked{Code: saga.ReasonGrace, Since: exampleAt, Action: "Wait until the grace has ended, or cancel."},
		Steps:   []Step{{Participant: "orders", Wave: 1, State: saga.StepPending}},
	}
}

func exampleJobs() Jobs {
	job := exampleJob()
	job.Steps = nil
	return Jobs{Jobs: []Job{job}}
}

func exampleResult(service events.Participant) events.Result {
	return events.Result{TenantID: exampleTenant, ServiceName: service, Success: true,
		DeletedCounts: map[string]int64{"customers": 1200}, Errors: []events.Problem{}, Timestamp: exampleAt,
		JobID: exampleID, Generation: 1, Attempt: 1, RequestID: "ticket-4711",
		Mode: "transaction", DurationMS: 240}
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }
