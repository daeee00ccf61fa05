package httpapi

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// failed is a job whose participant refused.
func (w *world) failed(tenant events.TenantID) Job {
	w.t.Helper()
	w.parts["orders"].give(tenant, 10)
	w.parts["orders"].refuse(true)
	job := read[Job](w.submit(NewJob{TenantID: tenant, Reason: "gone"}, "key-"+string(tenant)).is(http.StatusAccepted))
	return w.until(job, saga.StateFailed)
}

func TestReplayJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	job := w.failed("acme")
	path := jobsPath + "/" + string(job.JobID) + "/replay"
	require.Equal(t, saga.ReasonParticipantFailed, job.Blocked.Code)
	require.Equal(t, "unplanned_table", job.Steps[0].Problems[0].Code)
	listed := read[Jobs](w.do(request{method: "GET", path: jobsPath + "?failed_at=orders"}).is(http.StatusOK))
	require.Len(t, listed.Jobs, 1)

	header := map[string]string{"If-Match": etag(job.Version)}
	w.do(request{method: "POST", path: path, header: header, body: ReplayJob{Participants: []events.Participant{"tenants"}}}).
		refused(http.StatusConflict, CodeWrongState)
	w.do(request{method: "POST", path: path, header: header, body: ReplayJob{Participants: []events.Participant{"strangers"}}}).
		refused(http.StatusUnprocessableEntity, CodeInvalid)
	w.parts["orders"].refuse(false)
	replayed := read[Job](w.do(request{method: "POST", path: path, as: "bob", header: header}).is(http.StatusAccepted))
	require.Greater(t, replayed.Version, job.Version)
	done := w.until(job, saga.StateCompleted)
	require.EqualValues(t, 10, done.Total)
	p := w.do(request{method: "POST", path: path, header: map[string]string{"If-Match": "*"}}).
		refused(http.StatusConflict, CodeWrongState)
	require.Equal(t, string(saga.StateCompleted), p.State)

	history := read[Entries](w.do(request{method: "GET", path: jobsPath + "/" + string(job.JobID) + "/events"}).is(http.StatusOK))
	require.Equal(t, done.Version, history.Last)
	replays := 0
	for _, entry := range history.Events {
		if entry.Kind == "replay" {
			replays++
			require.Equal(t, [2]string{"bob", saga.OriginStream}, [2]string{entry.By, entry.Origin})
		}
	}
	require.Equal(t, 1, replays)
}

func TestAnnounceJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	job := read[Job](w.submit(approval("acme"), "key-1").is(http.StatusAccepted))
	path := jobsPath + "/" + string(job.JobID) + "/announce"
	w.do(request{method: "POST", path: path}).refused(http.StatusConflict, CodeWrongState)
	w.act(job, "approve", "bob").is(http.StatusAccepted)
	w.until(job, saga.StateCompleted)
	subject := string(events.TypeDeleted) + ".acme"
	var first bus.Stored
	require.Eventually(t, func() bool { // the outbox is emptied after the job has ended
		var err error
		first, err = w.bus.Last(t.Context(), events.StreamEvents, subject)
		return err == nil
	}, waitMax, time.Millisecond)
	require.Empty(t, w.do(request{method: "POST", path: path, as: "bob"}).is(http.StatusAccepted).body)
	again, err := w.bus.Last(t.Context(), events.StreamEvents, subject)
	require.NoError(t, err)
	require.Greater(t, again.Sequence, first.Sequence)
	require.Equal(t, first.Body, again.Body)
	require.Contains(t, w.log.String(), `"kind":"announceJob","job":"`+string(job.JobID)+`","by":"bob"`)
}

func TestReplayJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	post := func(w *world, body any) reply {
		return w.do(request{method: "POST", path: "/api/v1/replays", body: body})
	}
	began := time.Now().Add(-time.Second)
	jobs := []Job{w.failed("acme"), w.failed("other")}

	t.Run("it says what it would do, and does nothing", func(t *testing.T) {
		w := w.as(t)
		replays := read[Replays](post(w, ReplayRequest{Failed: true, Preview: true}).is(http.StatusOK))
		require.Len(t, replays.Replays, 2)
		require.Equal(t, []events.Participant{"orders"}, replays.Replays[0].Participants)
		require.Empty(t, replays.Replays[0].Skipped)
		require.Equal(t, jobs[0].Version, w.until(jobs[0], saga.StateFailed).Version)
	})
	t.Run("it replays what failed", func(t *testing.T) {
		w := w.as(t)
		w.parts["orders"].refuse(false)
		replays := read[Replays](post(w, ReplayRequest{Failed: true}).is(http.StatusOK))
		require.Len(t, replays.Replays, 2)
		for _, job := range jobs {
			w.until(job, saga.StateCompleted)
		}
		require.Empty(t, read[Replays](post(w, ReplayRequest{Failed: true}).is(http.StatusOK)).Replays)
	})
	t.Run("a job that is left alone has the reason", func(t *testing.T) {
		w := w.as(t)
		replays := read[Replays](post(w, ReplayRequest{JobID: jobs[0].JobID}).is(http.StatusOK))
		require.Contains(t, replays.Replays[0].Skipped, CodeWrongState+": ")
		require.Contains(t, replays.Replays[0].Skipped, "the job is completed")
	})
	t.Run("a restored participant erases again", func(t *testing.T) {
		w := w.as(t)
		w.parts["orders"].give("acme", 5)
		restored := ReplayRequest{RestoredSince: &began, Participants: []events.Participant{"orders"}}
		replays := read[Replays](post(w, restored).is(http.StatusOK))
		require.Len(t, replays.Replays, 2)
		require.Empty(t, replays.Replays[0].Skipped)
	})
	t.Run("a request that could mean two things is refused", func(t *testing.T) {
		w := w.as(t)
		for _, body := range []any{ReplayRequest{}, ReplayRequest{Failed: true, JobID: jobs[0].JobID},
			ReplayRequest{RestoredSince: &began}, ReplayRequest{RestoredSince: &began, Failed: true},
			ReplayRequest{RestoredSince: &began, Participants: []events.Participant{"orders", "tenants"}},
			ReplayRequest{Failed: true, PageToken: "AAAA"}, `{"failed":"yes"}`, `{"job_id":"urn:uuid:` + nothing + `"}`,
			`{"failed":true,"participants":["NOT"]}`} {
			post(w, body).refused(http.StatusUnprocessableEntity, CodeInvalid)
		}
		post(w, ReplayRequest{JobID: nothing}).refused(http.StatusNotFound, CodeNotFound)
	})
}

func TestReplayJobsPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.parts["orders"].refuse(true)
	var last Job
	for i := range replayPageMax + 3 {
		tenant := events.TenantID(fmt.Sprint("tenant-", i))
		last = read[Job](w.submit(NewJob{TenantID: tenant, Reason: "gone"}, "key-"+string(tenant)).is(http.StatusAccepted))
	}
	w.until(last, saga.StateFailed)
	body := ReplayRequest{Failed: true, Preview: true}
	seen := map[events.JobID]bool{}
	for pages := 1; ; pages++ {
		page := read[Replays](w.do(request{method: "POST", path: "/api/v1/replays", body: body}).is(http.StatusOK))
		for _, r := range page.Replays {
			require.False(t, seen[r.JobID])
			seen[r.JobID] = true
		}
		if body.PageToken = page.NextPageToken; body.PageToken == "" {
			require.Equal(t, 2, pages)
			break
		}
		other := body
		other.Preview = false
		w.do(request{method: "POST", path: "/api/v1/replays", body: other}).refused(http.StatusUnprocessableEntity, CodeInvalid)
	}
	require.NotEmpty(t, seen)
}
