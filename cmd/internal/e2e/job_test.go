package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

func TestATenantIsDeletedAndProvenGone(t *testing.T) {
	t.Parallel()
	s := newStack(t, 3)
	s.patience = calm
	tenant := s.tenants[1]
	s.remember(tenant)
	s.coordinator()
	s.participants()
	s.submit(s.connect("asker"), tenant)
	job := s.proven(tenant)
	require.Equal(t, 1, job.Generation)
	for _, step := range job.Steps {
		require.Equal(t, 1, step.Attempt, step.Participant)
	}
}

func TestASilentParticipantIsNamedAndTheJobCompletesWhenItReturns(t *testing.T) {
	t.Parallel()
	s := newStack(t, 2)
	tenant := s.tenants[0]
	s.remember(tenant)
	s.coordinator()
	s.participants("pos")
	s.submit(s.connect("asker"), tenant)
	var job saga.Job
	until(t, "the silent participant to be named", func() bool {
		job = s.job(tenant)
		return job.Blocked != nil && job.Blocked.Code == saga.ReasonParticipantSilent
	})
	require.Equal(t, []events.Participant{"pos"}, job.Blocked.Participants)
	require.NotEmpty(t, job.Blocked.Action)
	for _, step := range job.Steps {
		if step.Participant != "pos" && step.Wave == 1 {
			require.Equal(t, saga.StepSucceeded, step.State, "%s finished meanwhile", step.Participant)
		}
	}
	require.Zero(t, s.stored("tenant.deleted."+string(tenant)))
	s.participant("pos")
	s.proven(tenant)
}

func TestATableThatNoPlanKnowsStopsADeletionInFlight(t *testing.T) {
	t.Parallel()
	s := newStack(t, 2)
	tenant := s.tenants[0]
	s.coordinator()
	s.participants("orders")
	orders := s.participant("orders")
	until(t, "orders to be ready", func() bool { return s.serves("orders") })
	_, err := s.db.ExecContext(t.Context(), `CREATE TABLE orders.vouchers (id bigint PRIMARY KEY, tenant_id uuid NOT NULL)`)
	require.NoError(t, err)
	before := s.digestOf("orders")
	s.submit(s.connect("asker"), tenant)
	job := s.awaitState(tenant, saga.StateFailed)
	require.Equal(t, saga.ReasonParticipantFailed, job.Blocked.Code)
	require.Equal(t, []events.Participant{"orders"}, job.Blocked.Participants)
	step := stepOf(job, "orders")
	require.Equal(t, "unplanned_table", step.Problems[0].Code)
	require.Contains(t, step.Problems[0].Detail, "vouchers")
	require.Empty(t, before.Diff(s.digestOf("orders")), "orders deleted nothing")
	orders.stop()
}

func stepOf(job saga.Job, name events.Participant) saga.Step {
	for _, step := range job.Steps {
		if step.Participant == name {
			return step
		}
	}
	return saga.Step{}
}
