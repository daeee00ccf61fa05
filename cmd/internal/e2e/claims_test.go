package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/digest"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// digests covers every row that is not one of the tenant's, in all thirteen schemas.
func (s *stack) digests(except events.TenantID) map[events.Participant]digest.Digests {
	s.t.Helper()
	all := map[events.Participant]digest.Digests{}
	for _, entry := range app.ReferenceRoster() {
		scope := digest.Scope{Schema: string(entry.Participant), Except: except, Columns: map[string]string{}}
		if entry.Participant == "tenants" {
			scope.Columns["tenants"] = "id"
		}
		digests, err := digest.Of(s.t.Context(), s.db, scope)
		require.NoError(s.t, err)
		all[entry.Participant] = digests
	}
	return all
}

// remember digests what must not change when the tenant is deleted.
func (s *stack) remember(tenant events.TenantID) { s.before[tenant] = s.digests(tenant) }

// proven holds a completed job against everything the system promises about it.
func (s *stack) proven(tenant events.TenantID) saga.Job {
	s.t.Helper()
	job := s.awaitState(tenant, saga.StateCompleted)
	s.exact(job)
	s.relayed()
	require.Equal(s.t, 1, s.stored(string(events.TypeDeleted)+"."+string(tenant)), "tenant.deleted is announced exactly once")
	s.untouched(tenant)
	return job
}

// exact compares every participant's receipt with what was generated, table by table.
func (s *stack) exact(job saga.Job) {
	s.t.Helper()
	require.Len(s.t, job.Steps, len(app.ReferenceRoster()))
	for _, step := range job.Steps {
		require.Equal(s.t, saga.StepSucceeded, step.State, step.Participant)
		for table, want := range s.report.Rows[step.Participant] {
			require.Equal(s.t, want, step.Counts[table], "%s.%s", step.Participant, table)
		}
		if step.Participant == "training" {
			require.Equal(s.t, s.report.Files, step.Counts["model_files"], "the tenant's files")
		}
		require.False(s.t, step.VerifiedAt.IsZero(), "%s proved zero", step.Participant)
	}
}

// untouched holds that every row that is there now was there before, and the other way round, less the tenant's.
func (s *stack) untouched(tenant events.TenantID) {
	s.t.Helper()
	now := s.digests("")
	for name, want := range s.before[tenant] {
		require.Empty(s.t, want.Diff(now[name]), "%s: rows left behind, or rows of others touched", name)
	}
	_, err := os.Stat(filepath.Join(s.filesRoot, "tenants", string(tenant)))
	require.ErrorIs(s.t, err, os.ErrNotExist, "the tenant's files")
}

// nothingDeleted holds that the tenant and everybody else is complete.
func (s *stack) nothingDeleted(everything map[events.Participant]digest.Digests) {
	s.t.Helper()
	now := s.digests("")
	for name, want := range everything {
		require.Empty(s.t, want.Diff(now[name]), "%s", name)
	}
}

// stored counts the messages of a subject in its stream.
func (s *stack) stored(subject string) int {
	s.t.Helper()
	stream, err := s.jetStream().Stream(s.t.Context(), events.StreamEvents)
	require.NoError(s.t, err)
	info, err := stream.Info(s.t.Context(), jetstream.WithSubjectFilter(subject))
	require.NoError(s.t, err)
	total := 0
	for _, n := range info.State.Subjects {
		total += int(n)
	}
	return total
}

// relayed waits until the outbox is empty: a job commits first, then its events are sent.
func (s *stack) relayed() {
	s.t.Helper()
	until(s.t, "the outbox to be sent", func() bool {
		var unsent int
		err := s.db.QueryRowContext(s.t.Context(), "SELECT count(*) FROM coordinator.outbox WHERE sent_at IS NULL").Scan(&unsent)
		return err == nil && unsent == 0
	})
}

// buried are the reasons of all dead letters.
func (s *stack) buried() string {
	letters, err := s.store.Buried(context.Background(), saga.DeadFilter{Limit: 1000})
	if err != nil {
		return ""
	}
	reasons := make([]string, len(letters))
	for i, letter := range letters {
		reasons[i] = letter.Consumer + ": " + letter.Reason
	}
	return strings.Join(reasons, "\n")
}
