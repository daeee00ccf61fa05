package e2e

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// A14, first half: two requests at the same instant, two coordinators, one job.
func TestTwoRequestsOnTwoReplicasMakeOneJob(t *testing.T) {
	t.Parallel()
	s := newStack(t, 3)
	tenant := s.tenants[0]
	s.remember(tenant)
	s.coordinator()
	s.coordinator()
	s.participants()
	var both sync.WaitGroup
	for _, key := range []string{"first", "second"} {
		b := s.connect("asker-" + key)
		data := submission(tenant, key)
		m, err := events.Encode(data.Event(time.Now()))
		require.NoError(t, err)
		both.Go(func() { _ = b.Publish(t.Context(), m) })
	}
	both.Wait()
	s.proven(tenant)
	s.drained(s.jetStream())
	jobs, err := s.store.Jobs(t.Context(), saga.Filter{Tenant: tenant})
	require.NoError(t, err)
	require.Len(t, jobs, 1)
}

// A13: what a killed process held is worked on again by the next one.
func TestAProcessKilledInTheMiddleResumesAfterItsRestart(t *testing.T) {
	t.Parallel()
	t.Run("participant in mid-transaction", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, 2)
		tenant := s.tenants[0]
		s.remember(tenant)
		s.coordinator()
		s.participants("sales")
		victim := s.participantProcess("sales", crashAt("participant.erasing")...)
		s.submit(s.connect("asker"), tenant)
		victim.awaitCrash()
		restarted := time.Now()
		s.participantProcess("sales")
		until(t, "the step to succeed", func() bool { return stepOf(s.job(tenant), "sales").State == saga.StepSucceeded })
		t.Logf("participant: step succeeded %.2f s after the restart", time.Since(restarted).Seconds())
		s.proven(tenant)
	})
	t.Run("coordinator after its commit", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, 2)
		tenant := s.tenants[0]
		s.remember(tenant)
		s.participants()
		victim := s.coordinatorProcess(crashAt("coordinator.decided:2")...)
		s.submit(s.connect("asker"), tenant)
		victim.awaitCrash()
		restarted := time.Now()
		s.coordinatorProcess()
		until(t, "the job to complete", func() bool { return s.job(tenant).State == saga.StateCompleted })
		t.Logf("coordinator: job completed %.2f s after the restart", time.Since(restarted).Seconds())
		s.proven(tenant)
	})
}
