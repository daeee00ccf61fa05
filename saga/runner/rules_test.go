package runner

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/sagatest"
)

// refusing refuses every request for the tenants, and fails while broken says so.
func refusing(broken *atomic.Bool, tenants ...events.TenantID) saga.Rules {
	return saga.RulesFunc(func(_ context.Context, s events.Submitted, _ saga.Asker) error {
		switch {
		case broken != nil && broken.Load():
			return errors.New("no connection")
		case slices.Contains(tenants, s.TenantID):
			return &saga.RefusedError{Code: saga.ReasonOtherAdmins, Admins: []string{"user-2"}}
		}
		return nil
	})
}

func TestRulesOfASubmission(t *testing.T) {
	t.Parallel()
	t.Run("are told who asks and what he said", func(t *testing.T) {
		t.Parallel()
		var told saga.Asker
		r := memoryWorld(t).runner(Config{Rules: saga.RulesFunc(func(_ context.Context, _ events.Submitted, asker saga.Asker) error {
			told = asker
			return nil
		})})
		asker := saga.Asker{Admin: true, ConfirmName: "Acme", OverrideReason: "ticket-1"}
		_, _, err := r.Submit(t.Context(), submitted("acme", "r1"), asker)
		require.NoError(t, err)
		require.Equal(t, asker, told)
	})
	t.Run("that refuse leave no job", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		_, _, err := w.runner(Config{Rules: refusing(nil, "acme")}).Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		var refused *saga.RefusedError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, saga.RefusedError{Code: saga.ReasonOtherAdmins, Admins: []string{"user-2"}}, *refused)
		jobs, err := w.store.Jobs(t.Context(), saga.Filter{})
		require.NoError(t, err)
		require.Empty(t, jobs)
	})
	t.Run("that cannot be asked let nothing pass", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		var broken atomic.Bool
		broken.Store(true)
		_, _, err := w.runner(Config{Rules: refusing(&broken)}).Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		require.ErrorIs(t, err, saga.ErrUndecided)
		jobs, err := w.store.Jobs(t.Context(), saga.Filter{})
		require.NoError(t, err)
		require.Empty(t, jobs)
	})
	t.Run("do not change what a repeat yields", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		job, _, err := w.runner(Config{}).Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		require.NoError(t, err)
		strict := w.runner(Config{Rules: refusing(nil, "acme")})
		again, existing, err := strict.Submit(t.Context(), submitted("acme", "r1"), saga.Asker{})
		require.NoError(t, err)
		require.True(t, existing)
		require.Equal(t, job.ID, again.ID)
	})
}

func TestRulesOfTheBus(t *testing.T) {
	t.Parallel()
	t.Run("refuse a request as a job whose event says why, and let its neighbours pass", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		w.give(3, "acme", "umbra")
		w.run(w.runner(Config{Rules: refusing(nil, "acme")}).Run)
		w.runParts(testParticipants()...)
		w.submit("acme", "umbra")
		refused := w.job("acme", saga.StateRefused)
		require.Equal(t, saga.ReasonOtherAdmins, refused.Cause)
		require.Zero(t, refused.PivotAt)
		w.job("umbra", saga.StateCompleted)
		require.Equal(t, 1, w.parts["orders"].passes(), "nothing of it was deleted")
		w.until("the asker is told", func() bool {
			m, err := w.bus.Last(t.Context(), events.StreamEvents, string(events.TypeFailed)+".acme")
			return err == nil && m.Subject != ""
		})
	})
	t.Run("that cannot be asked bring the request back, and it is not lost", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		var broken, tried atomic.Bool
		broken.Store(true)
		rules := refusing(&broken)
		w.run(w.runner(Config{Rules: saga.RulesFunc(func(ctx context.Context, s events.Submitted, a saga.Asker) error {
			err := rules.Admit(ctx, s, a)
			tried.Store(true)
			return err
		})}).Run)
		w.runParts(testParticipants()...)
		w.submit("acme")
		w.until("the rules were asked in vain", tried.Load)
		jobs, err := w.store.Jobs(t.Context(), saga.Filter{})
		require.NoError(t, err)
		require.Empty(t, jobs)
		broken.Store(false)
		w.job("acme", saga.StateCompleted)
	})
}

func TestAuditOfTheBus(t *testing.T) {
	t.Parallel()
	t.Run("has who asks before there is a job, and what became of it", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		trail := sagatest.NewTrail()
		w.run(w.runner(Config{Auditor: trail, Rules: refusing(nil, "umbra")}).Run)
		w.runParts(testParticipants()...)
		w.submit("acme", "umbra")
		job, refused := w.job("acme", saga.StateCompleted), w.job("umbra", saga.StateRefused)
		for tenant, want := range map[events.TenantID]struct {
			job  events.JobID
			code string
		}{"acme": {job.ID, saga.AuditDone}, "umbra": {refused.ID, saga.ReasonOtherAdmins}} {
			var records []saga.AuditRecord
			w.until("the outcome is recorded", func() (two bool) {
				found, err := trail.Recorded(t.Context(), saga.AuditFilter{Tenant: tenant})
				records = found
				return err == nil && len(found) == 2
			})
			outcome, intent := records[0], records[1]
			require.Equal(t, [2]saga.AuditPhase{saga.AuditOutcome, saga.AuditIntent}, [2]saga.AuditPhase{outcome.Phase, intent.Phase})
			require.Equal(t, intent.Action, outcome.Action)
			require.Equal(t, [5]string{"submitJob", "crm", "actor-1", "bus", "contract_ended"},
				[5]string{intent.Operation, intent.Actor, intent.OnBehalfOf, intent.Origin, intent.Reason})
			require.Empty(t, intent.Job)
			require.Equal(t, want.job, outcome.Job)
			require.Equal(t, want.code, outcome.Code)
		}
	})
	t.Run("that cannot be written lets nothing begin, and loses nothing", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		trail := &counted{Trail: sagatest.NewTrail()}
		trail.Break(errors.New("disk full"))
		w.run(w.runner(Config{Auditor: trail}).Run)
		w.runParts(testParticipants()...)
		w.submit("acme")
		w.until("the trail was tried in vain", func() bool { return trail.tries.Load() > 0 })
		jobs, err := w.store.Jobs(t.Context(), saga.Filter{})
		require.NoError(t, err)
		require.Empty(t, jobs)
		trail.Break(nil)
		w.job("acme", saga.StateCompleted)
	})
}

// counted is a trail that counts how often somebody wanted to write.
type counted struct {
	*sagatest.Trail
	tries atomic.Int64
}

// Record implements saga.Auditor.
func (c *counted) Record(ctx context.Context, records ...saga.AuditRecord) error {
	defer c.tries.Add(1)
	return c.Trail.Record(ctx, records...)
}
