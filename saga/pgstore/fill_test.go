package pgstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
)

// filled is when the newest of the filled jobs was submitted.
var filled = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// fillJobs writes n jobs with all their steps as SQL does it fastest. One was submitted every ten minutes, up to filled. Of
// a hundred, 97 are completed. What is rare is old, which is the worst case of a list that begins with the newest:
// rejected and refused jobs, those of the source crm, those that could not be verified.
func fillJobs(t testing.TB, db *bun.DB, n int) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), `
	INSERT INTO jobs (id, tenant, generation, state, version, source, request_id, reason, requested_by, submitted_at, due_at,
		deadline, pivot_at, finished_at, wave, wake_at, blocked, policy, cause)
	SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
		'tenant-' || n, 1, state, 16,
		CASE WHEN age > 0.999 THEN 'crm' WHEN n % 10 = 0 THEN 'erp' ELSE 'tenants' END, 'delete-' || n,
		'contract_ended', 'user-' || n % 50, at, at, at + interval '1 month',
		CASE WHEN past THEN at END, CASE WHEN ended THEN at + interval '3 seconds' END, CASE WHEN past THEN 2 ELSE 0 END,
		CASE WHEN state IN ('scheduled', 'deleting', 'verifying') THEN at + interval '1 minute' END,
		CASE WHEN code <> '' THEN jsonb_build_object('code', code, 'participants', '["service_03"]'::jsonb, 'since', at, 'action',
			'Repair service_03 (database), then replay the job.') END,
		'{"command_ttl": 86400000000000, "patience": 60000000000}',
		CASE state WHEN 'refused' THEN 'roster_empty' WHEN 'rejected' THEN 'rejected' WHEN 'cancelled' THEN 'cancelled' ELSE '' END
	FROM (SELECT *, state IN ('refused', 'rejected', 'cancelled', 'completed') AS ended,
			state IN ('deleting', 'verifying', 'failed', 'completed') AS past,
			CASE WHEN state = 'awaiting_approval' THEN state WHEN state = 'scheduled' THEN 'grace'
				WHEN state = 'verifying' AND age > 0.9 THEN 'verification_unanswered'
				WHEN state = 'deleting' AND age > 0.01 THEN 'participant_silent'
				WHEN state = 'failed' AND n % 200 = 7 THEN 'residue' WHEN state = 'failed' THEN 'participant_failed' ELSE '' END AS code
		FROM (SELECT n, age, ?1::timestamptz - (?0 - n) * interval '10 minutes' AS at, CASE
				WHEN n % 100 = 7 THEN 'failed'
				WHEN n % 200 = 13 THEN 'cancelled'
				WHEN n % 400 = 21 THEN 'deleting'
				WHEN age > 0.98 AND n % 100 = 31 THEN 'rejected'
				WHEN age > 0.98 AND n % 50 = 33 THEN 'refused'
				WHEN age > 0.98 AND n % 100 = 35 THEN 'verifying'
				WHEN age < 0.01 AND n % 5 = 1 THEN 'scheduled'
				WHEN age < 0.01 AND n % 5 = 2 THEN 'awaiting_approval'
				WHEN age < 0.01 AND n % 5 = 3 THEN 'deleting'
				WHEN age < 0.01 AND n % 10 = 4 THEN 'verifying'
				ELSE 'completed' END AS state
			FROM (SELECT n, (?0 - n)::float8 / ?0 AS age FROM generate_series(1, ?0) AS n) AS numbered) AS stated) AS jobs`, n, filled)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `
	INSERT INTO steps (job_id, participant, wave, state, attempt, requested_at, finished_at, counts, mode, duration_ms, problems,
		verified_at, erased_at)
	SELECT job, participant, step_wave, step, CASE WHEN step = 'pending' THEN 0 ELSE 1 END,
		CASE WHEN step <> 'pending' THEN at END, CASE WHEN step IN ('succeeded', 'failed') THEN at + interval '1 second' END,
		CASE WHEN step = 'succeeded' THEN jsonb_build_object(participant, 40, participant || '_lines', 160,
			participant || '_audit_logs', 7) END,
		CASE WHEN step = 'succeeded' THEN 'transaction' ELSE '' END, CASE WHEN step = 'succeeded' THEN 12 ELSE 0 END,
		CASE WHEN step = 'failed' THEN '[{"code": "database", "detail": "23503"}]'::jsonb END,
		CASE WHEN state = 'completed' THEN at + interval '3 seconds' END, CASE WHEN step = 'succeeded' THEN at + interval '1 second' END
	FROM (SELECT id AS job, submitted_at AS at, state, participant, r.wave AS step_wave, CASE
			WHEN jobs.wave = 0 THEN 'pending'
			WHEN state IN ('completed', 'verifying') THEN 'succeeded'
			WHEN state = 'failed' AND participant = CASE WHEN submitted_at < ?0::timestamptz - interval '680 days' THEN 'service_05'
				ELSE 'service_03' END THEN 'failed'
			WHEN state = 'deleting' AND participant = 'tenants' THEN 'requested'
			ELSE 'succeeded' END AS step
		FROM jobs CROSS JOIN roster AS r) AS steps`, filled)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "VACUUM ANALYZE")
	require.NoError(t, err)
}
