package e2e

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/saga"
)

func TestAParticipantKilledAtAPointLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"participant.erasing", "participant.committed", "participant.published"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, 2)
			tenant := s.tenants[0]
			s.remember(tenant)
			s.coordinator()
			s.participants("orders")
			victim := s.participantProcess("orders", crashAt(point)...)
			s.submit(s.connect("asker"), tenant)
			victim.awaitCrash()
			s.participantProcess("orders")
			s.proven(tenant)
		})
	}
}

func TestACoordinatorKilledAtAPointLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	// Counted points hit other moments of the same job: the pivot, the second wave, the end.
	for _, point := range []string{"coordinator.decided", "coordinator.decided:2", "coordinator.relayed", "coordinator.relayed:3"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, 2)
			tenant := s.tenants[0]
			s.remember(tenant)
			s.participants()
			victim := s.coordinatorProcess(crashAt(point)...)
			s.submit(s.connect("asker"), tenant)
			victim.awaitCrash()
			s.coordinatorProcess()
			s.proven(tenant)
		})
	}
}

func TestPostgreSQLRestartedInTheMiddle(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t, true)
	dsn := func(schema string) string {
		if schema == "" {
			return cluster.DSN("postgres")
		}
		return withSearchPath(cluster.DSN("postgres"), schema)
	}
	require.NoError(t, migrations.Apply(t.Context(), cluster.DSN("postgres"), lines()...))
	s := newStackOn(t, 6, dsn)
	s.coordinator()
	s.participants()
	asker := s.connect("asker")
	for _, tenant := range s.tenants[:5] {
		s.submit(asker, tenant)
	}
	until(t, "the first participant to have deleted", func() bool { return s.succeededSteps(s.tenants[:5]) > 0 })
	require.NoError(t, cluster.Restart(t.Context()))
	s.provenTogether(s.tenants[:5])
}

func TestNATSRestartedInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newStack(t, 6)
	s.coordinator()
	s.participants()
	asker := s.connect("asker")
	for _, tenant := range s.tenants[:5] {
		s.submit(asker, tenant)
	}
	until(t, "the first participant to have deleted", func() bool { return s.succeededSteps(s.tenants[:5]) > 0 })
	port := s.nats.Port()
	s.nats.Stop()
	s.startNATS(port)
	s.provenTogether(s.tenants[:5])
}

// A12: PostgreSQL alone is enough.
func TestTheJetStreamFolderIsDeletedWhileTwentyJobsRun(t *testing.T) {
	t.Parallel()
	const jobs = 20
	s := newStack(t, jobs+1)
	coordinator := s.coordinator()
	s.participants()
	asker := s.connect("asker")
	for _, tenant := range s.tenants[:jobs] {
		s.submit(asker, tenant)
	}
	until(t, "all jobs to run and some steps to have succeeded", func() bool {
		listed, err := s.store.Jobs(t.Context(), saga.Filter{})
		return err == nil && len(listed) == jobs && s.succeededSteps(s.tenants[:jobs]) > jobs
	})
	port := s.nats.Port()
	coordinator.stop()
	s.nats.Stop()
	require.NoError(t, os.RemoveAll(s.natsDir))
	s.streamLost = true
	s.startNATS(port)
	s.provision()
	s.coordinator()
	s.provenTogether(s.tenants[:jobs])
}

// succeededSteps counts steps over the tenants' jobs.
func (s *stack) succeededSteps(tenants []events.TenantID) int {
	n := 0
	for _, tenant := range tenants {
		for _, step := range s.job(tenant).Steps {
			if step.State == saga.StepSucceeded {
				n++
			}
		}
	}
	return n
}

// provenTogether is proven for several tenants that were deleted side by side: counts and announcements for each, and the
// neighbours that are left are those, and only those, that were not asked for.
func (s *stack) provenTogether(tenants []events.TenantID) {
	s.t.Helper()
	for _, tenant := range tenants {
		s.exact(s.awaitState(tenant, saga.StateCompleted))
		s.relayed()
		announced := s.stored("tenant.deleted." + string(tenant))
		if s.streamLost { // what was announced before went with the stream
			require.LessOrEqual(s.t, announced, 1)
		} else {
			require.Equal(s.t, 1, announced, "tenant.deleted is announced exactly once")
		}
	}
	survivor := s.tenants[len(s.tenants)-1]
	for name, counted := range s.counts(survivor) {
		for table, want := range s.report.Rows[name] {
			require.Equal(s.t, want, counted[table], "neighbour's %s.%s", name, table)
		}
	}
	for _, tenant := range tenants {
		for name, counted := range s.counts(tenant) {
			require.Zero(s.t, counted.Total(), "%s still counts rows of a deleted tenant", name)
		}
	}
}
