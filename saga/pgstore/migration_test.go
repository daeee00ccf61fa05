package pgstore_test

import (
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// TestJobsOfTheFirstVersionStayJobs fills the tables as the first version laid them, and brings them along.
func TestJobsOfTheFirstVersionStayJobs(t *testing.T) {
	t.Parallel()
	line := migrations.Coordinator()
	first, err := fs.ReadFile(line.Source(), "00001_coordinator.sql")
	require.NoError(t, err)
	database := pgtest.New(t, migrations.Files("coordinator", line.Schema(),
		fstest.MapFS{"00001_coordinator.sql": &fstest.MapFile{Data: first}}))
	store, db := openOn(t, database)
	_, err = db.ExecContext(t.Context(), `
		INSERT INTO jobs (id, tenant, generation, state, version, source, request_id, reason, requested_by, submitted_at, due_at,
			deadline, pivot_at, finished_at, wave, wake_at, blocked, policy)
		SELECT v.id::uuid, v.state, 1, v.state, 4, 'tenants', v.state, 'contract_ended', 'user-1', ?0, ?0,
			?0::timestamptz + interval '1 month',
			CASE WHEN past THEN ?0::timestamptz END, CASE WHEN ended THEN ?0::timestamptz END, past::int,
			CASE WHEN v.state = 'deleting' THEN ?0::timestamptz END, NULL, '{"command_ttl": 1, "patience": 1}'
		FROM (VALUES ('01890000-0000-7000-8000-000000000001', 'refused', false, true),
			('01890000-0000-7000-8000-000000000002', 'rejected', false, true),
			('01890000-0000-7000-8000-000000000003', 'cancelled', false, true),
			('01890000-0000-7000-8000-000000000004', 'completed', true, true),
			('01890000-0000-7000-8000-000000000005', 'deleting', true, false)) AS v(id, state, past, ended);
		INSERT INTO steps (job_id, participant, wave, state, attempt, requested_at, finished_at, counts, verified_at)
		SELECT id, 'orders', 1, CASE state WHEN 'completed' THEN 'succeeded' WHEN 'deleting' THEN 'requested' ELSE 'pending' END,
			wave, pivot_at, CASE state WHEN 'completed' THEN finished_at END, CASE state WHEN 'completed' THEN '{"rows": 3}'::jsonb END,
			CASE state WHEN 'completed' THEN finished_at END FROM jobs;
		INSERT INTO dead_letters (stream, sequence, consumer, subject, reason, body, created_at)
		VALUES ('TD_EVENTS', 1, 'orders', 's', 'r', '{}', ?0)`, epoch)
	require.NoError(t, err)
	require.NoError(t, migrations.Apply(t.Context(), database.DSN(line.Schema()), line))

	jobs, err := store.Jobs(t.Context(), saga.Filter{})
	require.NoError(t, err)
	causes := map[saga.State]string{}
	for _, job := range jobs {
		require.NoError(t, job.Check())
		require.Equal(t, 1, job.Round)
		causes[job.State] = job.Cause
	}
	require.Equal(t, map[saga.State]string{saga.StateRefused: saga.ReasonRosterEmpty, saga.StateRejected: saga.ReasonRejected,
		saga.StateCancelled: saga.ReasonCancelled, saga.StateCompleted: "", saga.StateDeleting: ""}, causes)

	letters, err := store.Buried(t.Context(), saga.DeadFilter{})
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Nil(t, letters[0].Resolution, "it is open")

	deleting := jobs[0]
	require.Equal(t, saga.StateDeleting, deleting.State)
	mustUpdate(t, store, []saga.Change{change(deleting, saga.Answered{Result: events.Result{TenantID: deleting.Tenant,
		ServiceName: "orders", Success: true, JobID: deleting.ID, Generation: 1, Attempt: 1, Timestamp: epoch.Add(time.Second)}}, "")})
	history, err := store.History(t.Context(), deleting.ID, 0, 0)
	require.NoError(t, err)
	require.Len(t, history, 1)
	require.EqualValues(t, 5, history[0].Number, "a job's history begins with the change that is recorded first")
}
