package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// A participant that is gone keeps a job open until a person closes the job without it, and then the record says so.
func TestAJobIsClosedWithoutAParticipantOnlyByADecisionThatItNames(t *testing.T) {
	t.Parallel()
	s := newStack(t, 2)
	tenant := s.tenants[0]
	before := s.digestOf("pos")
	s.serveAPI()
	s.coordinator()
	s.participants("pos")
	s.awaitAPI()
	s.submit(s.connect("asker"), tenant)
	until(t, "the silent participant to be named", func() bool {
		b := s.job(tenant).Blocked
		return b != nil && b.Code == saga.ReasonParticipantSilent
	})
	id := string(s.job(tenant).ID)
	_, code := s.erasectl("waive", id, "orders", "--reason", "shut down", "--confirm", "orders")
	require.NotZero(t, code, "orders has answered")
	require.Zero(t, s.stored("tenant.deleted."+string(tenant)))
	_, code = s.erasectl("waive", id, "pos", "--reason", "shut down", "--confirm", "pos")
	require.Zero(t, code)
	job := s.awaitState(tenant, saga.StateCompleted)
	for _, step := range job.Steps {
		require.Equal(t, step.Participant == "pos", step.State == saga.StepWaived, step.Participant)
		require.Equal(t, step.Participant == "pos", step.VerifiedAt.IsZero(), "%s has proven zero", step.Participant)
	}
	require.Empty(t, before.Diff(s.digestOf("pos")), "what the waived participant has is as it was")
	s.relayed()
	stored, err := s.reader.Last(t.Context(), events.StreamEvents, "tenant.deleted."+string(tenant))
	require.NoError(t, err)
	e, err := events.Decode(stored.Message)
	require.NoError(t, err)
	deleted := e.Data.(*events.Deleted)
	require.Len(t, deleted.Waived, 1)
	require.Equal(t, events.Participant("pos"), deleted.Waived[0].ServiceName)
	require.Equal(t, "operator-1", deleted.Waived[0].WaivedBy)
	require.NotContains(t, deleted.DeletedCounts, events.Participant("pos"))
	require.Len(t, deleted.DeletedCounts, len(job.Steps)-1)
}
