package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// replayPageMax is how many jobs one call looks at: each costs a look into the stream.
const replayPageMax = 100

func (a *API) mountReplays() {
	register(a, operation{id: "replayJob", method: http.MethodPost, path: jobPath + "/replay", tag: tagReplays,
		success: http.StatusAccepted, summary: "Ask a job's failed and silent participants again",
		description: "All of them, unless some are named. Nothing that succeeded runs twice, unless rows were found there.",
		refuses: []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge,
			http.StatusUnsupportedMediaType, http.StatusPreconditionRequired},
		required: []string{"If-Match"}, body: exampleReplayJob, answer: exampleJob()}, a.replayJob)
	register(a, operation{id: "announceJob", method: http.MethodPost, path: jobPath + "/announce", tag: tagReplays,
		success: http.StatusAccepted, summary: "Send the tenant.deleted of a completed job once more",
		description: "For subscribers that lost it. Every one gets it again, under the same event id.",
		refuses:     []int{http.StatusNotFound, http.StatusConflict}}, a.announceJob)
	register(a, operation{id: "replayJobs", method: http.MethodPost, path: "/api/v1/replays", tag: tagReplays,
		summary: "Ask participants again in many jobs",
		description: "In every job with failed or silent participants, or in every job that a participant's restored backup has " +
			"undone. A call looks at 100 jobs at most; with the token of its answer the next one goes on.",
		refuses: []int{http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
		body:    exampleReplayRequest, answer: exampleReplays}, a.replayJobs)
}

// ReplayJob names participants to ask again.
type ReplayJob struct {
	// Participants are asked again; all that failed or are silent when none is named.
	Participants []events.Participant `json:"participants,omitempty" pattern:"^[a-z][a-z0-9_]{0,31}$" maxItems:"256"`
}

type replayJobInput struct {
	ActPath
	Body *ReplayJob
}

func (a *API) replayJob(ctx context.Context, caller Caller, in *replayJobInput) (*jobAnswer, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	job, err := a.cfg.Coordinator.Job(ctx, in.JobID)
	if err != nil {
		return nil, err
	}
	// A job that changes from here on is safe: only a participant that failed or is silent is ever asked again.
	if version != 0 && version != job.Version {
		return nil, atState(saga.ErrVersion, job)
	}
	set := saga.ReplaySet{By: caller.Subject, Job: in.JobID}
	if in.Body != nil {
		set.Participants = in.Body.Participants
	}
	replayed, _, err := a.cfg.Repair.ReplayAll(ctx, set)
	for i := range replayed {
		err = errors.Join(err, replayed[i].Err)
	}
	if err != nil {
		return nil, atState(err, job)
	}
	if job, err = a.cfg.Coordinator.Job(ctx, in.JobID); err != nil {
		return nil, err
	}
	answered := a.accepted(job)
	return &answered, nil
}

func (a *API) announceJob(ctx context.Context, caller Caller, in *JobPath) (*struct{}, error) {
	if err := a.cfg.Repair.Announce(ctx, in.JobID, caller.Subject); err != nil {
		return nil, err
	}
	return nil, nil
}

type replayJobsInput struct{ Body ReplayRequest }

type replaysAnswer struct{ Body Replays }

// filters are what a page token is bound to.
func (r *ReplayRequest) filters() url.Values {
	v := url.Values{"job_id": {string(r.JobID)}}
	if r.Failed {
		v.Set("failed", "true")
	}
	if r.RestoredSince != nil {
		v.Set("restored_since", stamp(*r.RestoredSince))
	}
	if r.Preview {
		v.Set("preview", "true")
	}
	for _, p := range r.Participants {
		v.Add("participant", string(p))
	}
	return v
}

func (a *API) replayJobs(ctx context.Context, caller Caller, in *replayJobsInput) (*replaysAnswer, error) {
	filters := in.Body.filters()
	before, err := jobAfter(in.Body.PageToken, "replayJobs", filters)
	if err != nil {
		return nil, invalidField("body.page_token", errPage.Error())
	}
	set := saga.ReplaySet{By: caller.Subject, Job: in.Body.JobID, Failed: in.Body.Failed, Participants: in.Body.Participants,
		Preview: in.Body.Preview, Before: before, Limit: replayPageMax}
	if in.Body.RestoredSince != nil {
		set.RestoredSince = *in.Body.RestoredSince
	}
	if err := in.Body.check(); err != nil {
		return nil, err
	}
	replayed, next, err := a.cfg.Repair.ReplayAll(ctx, set)
	if err != nil {
		return nil, err
	}
	out := &replaysAnswer{Body: Replays{Replays: make([]ReplayOutcome, 0, len(replayed))}}
	for i := range replayed {
		out.Body.Replays = append(out.Body.Replays, outcomeOf(replayed[i]))
	}
	if next != "" {
		out.Body.NextPageToken = pageToken("replayJobs", filters, string(next))
	}
	return out, nil
}

// check refuses a request that could mean more than one thing.
func (r *ReplayRequest) check() error {
	chosen := 0
	for _, is := range []bool{r.JobID != "", r.Failed, r.RestoredSince != nil && !r.RestoredSince.IsZero()} {
		if is {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return invalidField("body", "must have exactly one of job_id, failed and restored_since")
	case r.RestoredSince != nil && len(r.Participants) != 1:
		return invalidField("body.participants", "must name the one participant that was restored")
	}
	return nil
}

func outcomeOf(r saga.Replayed) ReplayOutcome {
	shown := ReplayOutcome{JobID: r.Job, TenantID: r.Tenant, Participants: r.Participants, Origin: r.Origin}
	if shown.Participants == nil {
		shown.Participants = []events.Participant{}
	}
	if r.Err != nil {
		p := translate(r.Err)
		shown.Skipped = p.Code + ": " + p.Detail
	}
	return shown
}
