package runner

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

func TestReplayAll(t *testing.T) {
	t.Parallel()
	t.Run("asks every failed participant of every job again, from the request in the stream", func(t *testing.T) {
		t.Parallel()
		tenants := []events.TenantID{"acme", "umbra", "zeta"}
		w, r := running(t, Config{}, tenants...)
		w.parts["pos"].refuse(true)
		w.submit(tenants...)
		for _, tenant := range tenants {
			w.job(tenant, saga.StateFailed)
		}
		w.parts["pos"].refuse(false)
		would, _, err := r.ReplayAll(t.Context(), saga.ReplaySet{By: "operator-1", Failed: true, Preview: true})
		require.NoError(t, err)
		require.Len(t, would, 3)
		require.Equal(t, saga.StateFailed, w.job("acme").State, "a preview changes nothing")

		// Pages of one job: the jobs of the pages before have left the failed ones, and none is missed.
		var asked int
		for before, more := events.JobID(""), true; more; more = before != "" {
			replayed, next, err := r.ReplayAll(t.Context(), saga.ReplaySet{By: "operator-1", Failed: true, Before: before, Limit: 1})
			require.NoError(t, err)
			for _, one := range replayed {
				require.NoError(t, one.Err)
				require.Equal(t, saga.OriginStream, one.Origin)
				require.Equal(t, []events.Participant{"pos"}, one.Participants)
				asked++
			}
			before = next
		}
		require.Equal(t, 3, asked)
		for _, tenant := range tenants {
			job := w.job(tenant, saga.StateCompleted)
			for _, step := range job.Steps {
				require.Equal(t, step.Participant == "pos", step.Attempt == 2, "%s, attempt %d", step.Participant, step.Attempt)
			}
		}
		require.Equal(t, 3, w.parts["orders"].passes(), "what succeeded does not run twice")
	})
	t.Run("replays from the store when the stream has forgotten the request", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		r := w.runner(Config{})
		w.parts["orders"].refuse(true)
		job, _, err := r.Submit(t.Context(), submitted("acme", "r1"), saga.Asker{}) // nobody relays: the stream is empty
		require.NoError(t, err)
		accept(t, r.handleResults, []bus.Delivery{answerOf(t, job, "orders", false), answerOf(t, job, "pos", true)})
		replayed, _, err := r.ReplayAll(t.Context(), saga.ReplaySet{By: "operator-1", Job: job.ID})
		require.NoError(t, err)
		require.NoError(t, replayed[0].Err)
		require.Equal(t, saga.OriginStore, replayed[0].Origin)
		require.Equal(t, saga.StateDeleting, w.job("acme").State)
	})
	t.Run("says why a job is left alone", func(t *testing.T) {
		t.Parallel()
		w, r := running(t, Config{}, "acme")
		w.submit("acme")
		job := w.job("acme", saga.StateCompleted)
		replayed, _, err := r.ReplayAll(t.Context(), saga.ReplaySet{By: "operator-1", Job: job.ID,
			Participants: []events.Participant{"pos"}})
		require.NoError(t, err)
		require.ErrorIs(t, replayed[0].Err, saga.ErrState)
		require.Equal(t, job.Version, w.job("acme").Version)
	})
	t.Run("refuses a set that could mean more than one thing", func(t *testing.T) {
		t.Parallel()
		r := memoryWorldOnce(t).runner(Config{})
		for _, set := range []saga.ReplaySet{
			{By: "operator-1"},
			{By: "operator-1", Failed: true, Job: events.NewJobID()},
			{Failed: true},
			{By: "operator-1", RestoredSince: time.Now()},
			{By: "operator-1", RestoredSince: time.Now(), Participants: []events.Participant{"orders", "pos"}},
		} {
			_, _, err := r.ReplayAll(t.Context(), set)
			require.ErrorIs(t, err, events.ErrInvalid)
		}
	})
}

func answerOf(t testing.TB, job saga.Job, p events.Participant, success bool) bus.Delivery {
	result := &events.Result{TenantID: job.Tenant, ServiceName: p, Success: success, DeletedCounts: map[string]int64{},
		Errors: []events.Problem{}, Timestamp: time.Now(), JobID: job.ID, Generation: 1, Attempt: 1, RequestID: "r"}
	if !success {
		result.Errors = []events.Problem{{Code: "database", Detail: "down"}}
	}
	m, err := events.Encode(events.Event{ID: events.EventIDFor(job.ID, events.TypeResult, p, 0, 1),
		Source: "/participants/" + string(p), Type: events.TypeResult, Subject: job.Tenant, Time: time.Now(), Data: result})
	require.NoError(t, err)
	return bus.Delivery{Message: m, Sequence: 1}
}

func TestRestored(t *testing.T) {
	t.Parallel()
	since := time.Now().Add(-time.Hour)
	restore := func(r *Runner, t *testing.T) saga.Replayed {
		replayed, next, err := r.ReplayAll(t.Context(), saga.ReplaySet{By: "operator-1", RestoredSince: since,
			Participants: []events.Participant{"orders"}})
		require.NoError(t, err)
		require.Empty(t, next)
		require.Len(t, replayed, 1)
		return replayed[0]
	}
	t.Run("a participant restored from a backup erases again, and the record states both", func(t *testing.T) {
		t.Parallel()
		w, r := running(t, Config{}, "acme")
		w.submit("acme")
		w.job("acme", saga.StateCompleted)
		w.parts["orders"].restore("acme", 4)
		require.NoError(t, restore(r, t).Err)
		var job saga.Job
		w.until("the second round ends", func() bool {
			job = w.job("acme")
			return job.Round == 2 && job.State == saga.StateCompleted
		})
		step, _ := job.Step("orders")
		require.Equal(t, map[string]int64{"things": 4}, step.Counts)
		require.Equal(t, map[string]int64{"things": 5}, step.Earlier[0].Counts)
		w.until("the second round is announced", func() bool { return w.deleted("acme").Round == 2 })
		require.Equal(t, map[string]int64{"things": 5}, w.deleted("acme").Earlier[0].DeletedCounts)
		require.Equal(t, 1, w.parts["pos"].passes())
	})
	t.Run("nothing is deleted for a tenant that exists again", func(t *testing.T) {
		t.Parallel()
		w, r := running(t, Config{}, "acme")
		w.submit("acme")
		job := w.job("acme", saga.StateCompleted)
		w.parts["orders"].restore("acme", 4)
		w.parts["tenants"].put("acme", 1)
		refused := restore(r, t)
		require.ErrorIs(t, refused.Err, saga.ErrState)
		require.ErrorContains(t, refused.Err, "exists again")
		require.Equal(t, job.Version, w.job("acme").Version)
	})
	t.Run("nor while another participant cannot tell", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		w.runParts("orders", "tenants")
		stopPos := w.run(w.parts["pos"].run)
		r := w.runner(Config{PreviewTimeout: time.Second})
		w.run(r.Run)
		w.submit("acme")
		w.job("acme", saga.StateCompleted)
		stopPos()
		require.ErrorContains(t, restore(r, t).Err, "cannot tell")
	})
	t.Run("nor for a tenant with a newer job", func(t *testing.T) {
		t.Parallel()
		w, r := running(t, Config{}, "acme")
		w.submit("acme")
		first := w.job("acme", saga.StateCompleted)
		second, _, err := r.Submit(t.Context(), submitted("acme", "again"), saga.Asker{})
		require.NoError(t, err)
		w.until("the second job ends", func() bool {
			newest := w.job("acme")
			return newest.ID == second.ID && newest.State == saga.StateCompleted
		})
		replayed, _, err := r.ReplayAll(t.Context(), saga.ReplaySet{By: "operator-1", RestoredSince: since, Preview: true,
			Participants: []events.Participant{"orders"}})
		require.NoError(t, err)
		require.Len(t, replayed, 2)
		require.Equal(t, first.ID, replayed[1].Job)
		require.ErrorContains(t, replayed[1].Err, string(second.ID))
		require.NoError(t, replayed[0].Err, "the newest job covers what the backup brought back")
	})
}
