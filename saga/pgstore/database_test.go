package pgstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
)

// waitMax bounds what must happen within moments; reaching it is a failure.
const waitMax = 20 * time.Second

func drain(t testing.TB, store *pgstore.Store) (all []events.Message) {
	t.Helper()
	for more := true; more; {
		var err error
		_, more, err = store.Relay(t.Context(), 100, func(_ context.Context, unsent []events.Message) ([]int, error) {
			all = append(all, unsent...)
			return nil, nil
		})
		require.NoError(t, err)
	}
	return all
}

func TestACommitOfAnotherReplicaEndsAWait(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, migrations.Coordinator())
	relay, db := openOn(t, database)
	other, _ := openOn(t, database)
	require.NoError(t, other.SetRoster(t.Context(), bakeryRoster))
	ctx, cancel := context.WithTimeout(t.Context(), waitMax)
	defer cancel()
	listening := func() (n int) {
		require.NoError(t, db.NewRaw(`SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN td_outbox'
			AND datname = current_database()`).Scan(ctx, &n))
		return n
	}
	for round := range 3 {
		require.NoError(t, relay.Wait(ctx), "the first wait opens the connection, and returns early")
		for listening() == 0 {
			require.NoError(t, relay.Wait(ctx))
		}
		require.Empty(t, drain(t, relay))
		mustSubmit(t, other, submissions(round, 1))
		for len(drain(t, relay)) == 0 {
			require.NoError(t, relay.Wait(ctx))
		}
		// A broken connection is noticed and opened again.
		_, err := db.NewRaw(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN td_outbox'
			AND datname = current_database()`).Exec(ctx)
		require.NoError(t, err)
	}
}

func TestARelayThatDiesMidwaySendsAgain(t *testing.T) {
	t.Parallel()
	store, db := open(t)
	require.NoError(t, store.SetRoster(t.Context(), bakeryRoster))
	mustSubmit(t, store, submissions(0, 3))
	_, _, err := store.Relay(t.Context(), 10, func(ctx context.Context, unsent []events.Message) ([]int, error) {
		require.Len(t, unsent, 3)
		_, err := db.NewRaw(`SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE state = 'idle in transaction'
			AND datname = current_database()`).Exec(ctx)
		return nil, err
	})
	require.Error(t, err)
	require.Len(t, drain(t, store), 3)
}

func TestSweepForgetsWhatWasSaidAndKeepsJobs(t *testing.T) {
	t.Parallel()
	store, db := open(t)
	require.NoError(t, store.SetRoster(t.Context(), bakeryRoster))
	job := mustSubmit(t, store, submissions(0, 1))[0]
	drain(t, store)
	mustSubmit(t, store, submissions(1, 1))
	require.NoError(t, store.Bury(t.Context(), saga.DeadLetter{Stream: "TD_EVENTS", Sequence: 1, CreatedAt: time.Now()}))
	swept, err := store.Sweep(t.Context(), time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Zero(t, swept, "nothing is old")
	swept, err = store.Sweep(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 4, swept, "two events counted, one sent, one dead letter")
	_, err = store.Job(t.Context(), job.ID)
	require.NoError(t, err)
	require.Len(t, drain(t, store), 1, "what was not sent is still sent")
	var left int
	require.NoError(t, db.NewRaw("SELECT count(*) FROM inbox").Scan(t.Context(), &left))
	require.Zero(t, left)
}

func TestAJobChangedByHandStopsAlone(t *testing.T) {
	t.Parallel()
	store, db := open(t)
	require.NoError(t, store.SetRoster(t.Context(), bakeryRoster))
	jobs := mustSubmit(t, store, submissions(0, 2))
	_, err := db.NewRaw(`UPDATE steps SET state = 'pending', attempt = 0, requested_at = NULL
		WHERE job_id = ? AND participant = 'service_03'`, jobs[0].ID).Exec(t.Context())
	require.NoError(t, err)
	outcomes, err := store.Update(t.Context(), successes(jobs[0], 1)[0], successes(jobs[1], 1)[0])
	require.NoError(t, err)
	require.ErrorIs(t, outcomes[0].Err, saga.ErrInvariant)
	require.True(t, outcomes[1].Decision.Changed)
	broken, err := store.Job(t.Context(), jobs[0].ID)
	require.ErrorIs(t, err, saga.ErrInvariant)
	require.Equal(t, jobs[0].ID, broken.ID, "a person can look at it")
}

func TestDataThatPostgresRefusesIsRefusedAlone(t *testing.T) {
	t.Parallel()
	store, _ := open(t)
	require.NoError(t, store.SetRoster(t.Context(), bakeryRoster))
	waiting := submissions(0, 2)
	for i := range waiting {
		waiting[i].Policy.Approval = true
	}
	jobs := mustSubmit(t, store, waiting)
	outcomes, err := store.Update(t.Context(), change(jobs[0], saga.Reject{By: "user\x002"}, "event-1"),
		change(jobs[1], saga.Reject{By: "user-2"}, "event-2"))
	require.NoError(t, err)
	require.Error(t, outcomes[0].Err)
	require.True(t, outcomes[1].Decision.Changed)
	outcomes, err = store.Update(t.Context(), change(jobs[0], saga.Reject{By: "user-2"}, "event-1"))
	require.NoError(t, err)
	require.True(t, outcomes[0].Decision.Changed, "what was refused did not count")
}

// TestTheDatabaseKnowsTheMachine breaks rows in ways that no program of this house would.
func TestTheDatabaseKnowsTheMachine(t *testing.T) {
	t.Parallel()
	store, db := open(t)
	require.NoError(t, store.SetRoster(t.Context(), bakeryRoster))
	mustSubmit(t, store, submissions(0, 1))
	const jobs, steps = "UPDATE jobs SET ", "UPDATE steps SET "
	for constraint, statement := range map[string]string{
		"jobs_state":            jobs + "state = 'paused', pivot_at = NULL, wave = 0, wake_at = NULL",
		"jobs_finished":         jobs + "finished_at = submitted_at",
		"jobs_pivot":            jobs + "pivot_at = NULL, wave = 0",
		"jobs_wave":             jobs + "wave = 0",
		"jobs_wakes":            jobs + "wake_at = NULL",
		"jobs_says_why":         jobs + "state = 'failed', wake_at = NULL",
		"jobs_time":             jobs + "deadline = submitted_at - interval '1 day'",
		"jobs_generation_check": jobs + "generation = 0",
		"jobs_tenant_check":     jobs + "tenant = 'a.b'",
		"steps_state":           steps + "state = 'skipped'",
		"steps_attempt":         steps + "attempt = 0 WHERE wave = 1",
		"steps_requested":       steps + "requested_at = NULL WHERE wave = 1",
		"steps_finished":        steps + "finished_at = requested_at WHERE wave = 1",
		"steps_counted":         steps + "state = 'succeeded', finished_at = now() WHERE wave = 1",
		"steps_failure":         steps + "state = 'failed', finished_at = now() WHERE wave = 1",
		"steps_residue":         steps + `residue = '{"a": 1}' WHERE wave = 1`,
		"steps_verified":        steps + "verified_at = now() WHERE wave = 1",
		"steps_waived":          steps + "state = 'waived', finished_at = now() WHERE wave = 1",
		"steps_erased":          steps + `state = 'succeeded', counts = '{}', finished_at = now() WHERE wave = 1`,
		"jobs_cause":            jobs + "cause = 'cancelled'",
		"jobs_round_check":      jobs + "round = 0",
		"controls_pkey":         "INSERT INTO controls DEFAULT VALUES",
		"controls_pause":        "UPDATE controls SET paused_at = now()",
		"holds_release": `INSERT INTO holds (tenant, code, reason, set_by, set_at, released_at)
			VALUES ('t-0', 'tax_audit', 'r', 'user-3', now(), now())`,
		"holds_tenant_check": `INSERT INTO holds (tenant, code, reason, set_by, set_at)
			VALUES ('a.b', 'tax_audit', 'r', 'user-3', now())`,
		"history_pkey": "INSERT INTO history SELECT * FROM history",
		"dead_letters_resolution": `INSERT INTO dead_letters (stream, sequence, consumer, subject, reason, body, created_at, resolution,
			resolved_by, resolved_reason, resolved_at) VALUES ('s', 1, 'c', '', '', '', now(), 'discarded', 'user-2', '', now())`,
		"steps_job_id_fkey": "DELETE FROM jobs WHERE tenant = 't-0'",
		"jobs_active": `INSERT INTO jobs SELECT gen_random_uuid(), tenant, generation + 1, state, version, source, 'other',
			reason, requested_by, decided_by, submitted_at, not_before, due_at, deadline, pivot_at, finished_at,
			wave, wake_at, blocked, policy, asked, cause, round FROM jobs`,
		"jobs_request": `INSERT INTO jobs SELECT gen_random_uuid(), 'other', generation, state, version, source, request_id,
			reason, requested_by, decided_by, submitted_at, not_before, due_at, deadline, pivot_at, finished_at,
			wave, wake_at, blocked, policy, asked, cause, round FROM jobs`,
	} {
		t.Run(constraint, func(t *testing.T) {
			t.Parallel()
			_, err := db.ExecContext(t.Context(), statement)
			var refused *pgconn.PgError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, constraint, refused.ConstraintName)
		})
	}
}
