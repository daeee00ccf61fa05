package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Submit implements saga.JobStore.
func (s *Store) Submit(ctx context.Context, now time.Time, submissions ...saga.Submission) ([]saga.Outcome, error) {
	outcomes, err := each(submissions, func(part []saga.Submission) ([]saga.Outcome, error) {
		return s.submit(ctx, now, part)
	})
	if err != nil {
		return nil, fmt.Errorf("pgstore: submit: %w", err)
	}
	return outcomes, nil
}

func (s *Store) submit(ctx context.Context, now time.Time, submissions []saga.Submission) ([]saga.Outcome, error) {
	// Ids are made once: they order the jobs as they were submitted, whatever try it takes.
	ids, inbox := make([]events.JobID, len(submissions)), make([]events.EventID, len(submissions))
	for i := range submissions {
		ids[i], inbox[i] = events.NewJobID(), submissions[i].InboxID()
	}
	tenants, err := document(tenantsOf(submissions))
	if err != nil {
		return nil, err
	}
	of := guardsOf{"SELECT jsonb_array_elements_text(?::jsonb)", tenants}
	outcomes := make([]saga.Outcome, len(submissions))
	err = s.transact(ctx, inbox, of, func(ctx context.Context, tx bun.Tx, in deciding) (*saga.Batch, error) {
		known, err := readKnown(ctx, tx, submissions)
		if err != nil {
			return nil, err
		}
		roster, err := readRoster(ctx, tx)
		if err != nil {
			return nil, err
		}
		if err := readGovernor(ctx, tx, &in.standing, nil); err != nil {
			return nil, err
		}
		batch := saga.NewBatch(in.counted, known...)
		batch.Guard(in.standing)
		for i := range submissions {
			outcomes[i] = batch.Submit(submissions[i], ids[i], roster, now)
		}
		return batch, nil
	})
	return outcomes, err
}

// tenantsOf are the well-formed tenants of submissions; the batch rejects the others by name.
func tenantsOf(submissions []saga.Submission) []events.TenantID {
	tenants := make([]events.TenantID, 0, len(submissions))
	for i := range submissions {
		if tenant := submissions[i].Submitted.TenantID; tenant.Validate() == nil {
			tenants = append(tenants, tenant)
		}
	}
	return tenants
}

// readKnown reads the jobs that the submissions' request ids made before, and the newest and the active job of each tenant.
// A refused conflict is newer than the job that is active.
func readKnown(ctx context.Context, db bun.IDB, submissions []saga.Submission) ([]saga.Job, error) {
	type wantRow struct {
		Source    events.Participant `json:"source"`
		RequestID string             `json:"request_id"`
		Tenant    events.TenantID    `json:"tenant"`
	}
	want := make([]wantRow, 0, len(submissions))
	for i := range submissions {
		if in := &submissions[i].Submitted; in.Validate() == nil { // the batch rejects the others by name
			want = append(want, wantRow{Source: in.Source, RequestID: in.RequestID, Tenant: in.TenantID})
		}
	}
	rows, err := document(want)
	if err != nil {
		return nil, err
	}
	return readJobs(ctx, db, `WHERE id IN (
		WITH want AS MATERIALIZED (
			SELECT * FROM jsonb_to_recordset(?::jsonb) AS w(source text, request_id text, tenant text)
		)
		SELECT j.id FROM want w CROSS JOIN LATERAL (
			SELECT id FROM jobs WHERE source = w.source AND request_id = w.request_id AND cause <> 'request_conflict'
			UNION ALL
			SELECT id FROM jobs WHERE source = w.source AND request_id = w.request_id AND cause = 'request_conflict') j
		UNION
		SELECT j.id FROM want w CROSS JOIN LATERAL (
			SELECT id FROM jobs WHERE tenant = w.tenant ORDER BY generation DESC LIMIT 1) j
		UNION
		SELECT j.id FROM want w CROSS JOIN LATERAL (
			SELECT id FROM jobs WHERE tenant = w.tenant AND state NOT IN ('refused', 'rejected', 'cancelled', 'completed')) j
	)`, rows)
}
