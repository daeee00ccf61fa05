package pgstore

import (
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// jobRow is a row of jobs: read through its bun tags, written as JSON through jsonb_to_recordset.
type jobRow struct {
	ID          string        `bun:"id" json:"id"`
	Tenant      string        `bun:"tenant" json:"tenant"`
	Generation  int           `bun:"generation" json:"generation"`
	State       string        `bun:"state" json:"state"`
	Version     int64         `bun:"version" json:"version"`
	Source      string        `bun:"source" json:"source"`
	RequestID   string        `bun:"request_id" json:"request_id"`
	Reason      string        `bun:"reason" json:"reason"`
	RequestedBy string        `bun:"requested_by" json:"requested_by"`
	DecidedBy   string        `bun:"decided_by" json:"decided_by"`
	SubmittedAt time.Time     `bun:"submitted_at" json:"submitted_at"`
	NotBefore   *time.Time    `bun:"not_before" json:"not_before"`
	DueAt       time.Time     `bun:"due_at" json:"due_at"`
	Deadline    time.Time     `bun:"deadline" json:"deadline"`
	PivotAt     *time.Time    `bun:"pivot_at" json:"pivot_at"`
	FinishedAt  *time.Time    `bun:"finished_at" json:"finished_at"`
	Wave        int           `bun:"wave" json:"wave"`
	WakeAt      *time.Time    `bun:"wake_at" json:"wake_at"`
	Blocked     *saga.Blocked `bun:"blocked,type:jsonb" json:"blocked"`
	Policy      saga.Policy   `bun:"policy,type:jsonb" json:"policy"`

	Asked *events.RequestPolicy `bun:"asked,type:jsonb" json:"asked"`
	Cause string                `bun:"cause" json:"cause"`
	Round int                   `bun:"round" json:"round"`

	SubmittedBy string        `bun:"submitted_by" json:"submitted_by"`
	Preview     string        `bun:"preview" json:"preview"`
	Confirmed   *saga.Preview `bun:"confirmed,type:jsonb" json:"confirmed"`
}

const jobColumns = `id, tenant, generation, state, version, source, request_id, reason, requested_by, decided_by, submitted_at,
	not_before, due_at, deadline, pivot_at, finished_at, wave, wake_at, blocked, policy, asked, cause, round,
	submitted_by, preview, confirmed`

// jobRecord are the same columns with their types, for jsonb_to_recordset.
const jobRecord = `id uuid, tenant text, generation int, state text, version bigint, source text, request_id text, reason text,
	requested_by text, decided_by text, submitted_at timestamptz, not_before timestamptz, due_at timestamptz,
	deadline timestamptz, pivot_at timestamptz, finished_at timestamptz, wave int, wake_at timestamptz, blocked jsonb,
	policy jsonb, asked jsonb, cause text, round int, submitted_by text, preview text, confirmed jsonb`

// stepRow is a row of steps.
type stepRow struct {
	JobID          string           `bun:"job_id" json:"job_id"`
	Participant    string           `bun:"participant" json:"participant"`
	Wave           int              `bun:"wave" json:"wave"`
	State          string           `bun:"state" json:"state"`
	Attempt        int              `bun:"attempt" json:"attempt"`
	RequestedAt    *time.Time       `bun:"requested_at" json:"requested_at"`
	FinishedAt     *time.Time       `bun:"finished_at" json:"finished_at"`
	Counts         map[string]int64 `bun:"counts,type:jsonb" json:"counts"`
	Mode           string           `bun:"mode" json:"mode"`
	DurationMS     int64            `bun:"duration_ms" json:"duration_ms"`
	Problems       []events.Problem `bun:"problems,type:jsonb" json:"problems"`
	VerifiedAt     *time.Time       `bun:"verified_at" json:"verified_at"`
	Residue        map[string]int64 `bun:"residue,type:jsonb" json:"residue"`
	ResidueAttempt int              `bun:"residue_attempt" json:"residue_attempt"`
	ErasedAt       *time.Time       `bun:"erased_at" json:"erased_at"`
	Earlier        []saga.Pass      `bun:"earlier,type:jsonb" json:"earlier"`
	Waiver         *saga.Waiver     `bun:"waiver,type:jsonb" json:"waiver"`
}

const stepColumns = `job_id, participant, wave, state, attempt, requested_at, finished_at, counts, mode, duration_ms, problems,
	verified_at, residue, residue_attempt, erased_at, earlier, waiver`

const stepRecord = `job_id uuid, participant text, wave int, state text, attempt int, requested_at timestamptz,
	finished_at timestamptz, counts jsonb, mode text, duration_ms bigint, problems jsonb, verified_at timestamptz,
	residue jsonb, residue_attempt int, erased_at timestamptz, earlier jsonb, waiver jsonb`

func jobToRow(j saga.Job) jobRow {
	return jobRow{
		ID: string(j.ID), Tenant: string(j.Tenant), Generation: j.Generation, State: string(j.State), Version: j.Version,
		Source: string(j.Source), RequestID: j.RequestID, Reason: j.Reason, RequestedBy: j.RequestedBy, DecidedBy: j.DecidedBy,
		SubmittedAt: j.SubmittedAt, NotBefore: orNull(j.NotBefore), DueAt: j.DueAt, Deadline: j.Deadline,
		PivotAt: orNull(j.PivotAt), FinishedAt: orNull(j.FinishedAt), Wave: j.Wave, WakeAt: orNull(j.WakeAt),
		Blocked: j.Blocked, Policy: j.Policy, Asked: j.Asked, Cause: j.Cause, Round: j.Round,
		SubmittedBy: j.SubmittedBy, Preview: j.Preview, Confirmed: j.Confirmed,
	}
}

func (r *jobRow) job() saga.Job {
	return saga.Job{
		ID: events.JobID(r.ID), Tenant: events.TenantID(r.Tenant), Generation: r.Generation, State: saga.State(r.State),
		Version: r.Version, Source: events.Participant(r.Source), RequestID: r.RequestID, Reason: r.Reason,
		RequestedBy: r.RequestedBy, DecidedBy: r.DecidedBy, SubmittedAt: r.SubmittedAt.UTC(), NotBefore: orZero(r.NotBefore),
		DueAt: r.DueAt.UTC(), Deadline: r.Deadline.UTC(), PivotAt: orZero(r.PivotAt), FinishedAt: orZero(r.FinishedAt),
		Wave: r.Wave, WakeAt: orZero(r.WakeAt), Blocked: r.Blocked, Policy: r.Policy,
		Asked: r.Asked, Cause: r.Cause, Round: r.Round, SubmittedBy: r.SubmittedBy, Preview: r.Preview, Confirmed: r.Confirmed,
	}
}

func stepToRow(job events.JobID, s saga.Step) stepRow {
	return stepRow{
		JobID: string(job), Participant: string(s.Participant), Wave: s.Wave, State: string(s.State), Attempt: s.Attempt,
		RequestedAt: orNull(s.RequestedAt), FinishedAt: orNull(s.FinishedAt), Counts: s.Counts, Mode: s.Mode,
		DurationMS: s.DurationMS, Problems: s.Problems, VerifiedAt: orNull(s.VerifiedAt), Residue: s.Residue,
		ResidueAttempt: s.ResidueAttempt, ErasedAt: orNull(s.ErasedAt), Earlier: s.Earlier, Waiver: s.Waiver,
	}
}

func (r *stepRow) step() saga.Step {
	return saga.Step{
		Participant: events.Participant(r.Participant), Wave: r.Wave, State: saga.StepState(r.State), Attempt: r.Attempt,
		RequestedAt: orZero(r.RequestedAt), FinishedAt: orZero(r.FinishedAt), Counts: r.Counts, Mode: r.Mode,
		DurationMS: r.DurationMS, Problems: r.Problems, VerifiedAt: orZero(r.VerifiedAt), Residue: r.Residue,
		ResidueAttempt: r.ResidueAttempt, EraseAgain: r.ResidueAttempt > 0,
		ErasedAt: orZero(r.ErasedAt), Earlier: r.Earlier, Waiver: r.Waiver,
	}
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
