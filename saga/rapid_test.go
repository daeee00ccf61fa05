package saga

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bakery-ia/tenant-deletion/events"
)

// TestRandomRunsKeepThePromises feeds a job whatever can happen, in any order and any number of times, and holds every
// decision against the promises. In the end everybody answers, and the job must come to its end.
func TestRandomRunsKeepThePromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := startRun(t)
		t.Repeat(map[string]func(*rapid.T){
			"tick": func(t *rapid.T) {
				r.now = r.now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "seconds")) * time.Second)
				r.try(t, Tick{})
			},
			"lost":      func(t *rapid.T) { r.try(t, Lost{Participants: r.anyone(t)}) },
			"answer":    func(t *rapid.T) { r.answerSome(t) },
			"redeliver": func(t *rapid.T) { r.redeliver(t) },
			"forge":     func(t *rapid.T) { r.forge(t) },
			"verify":    func(t *rapid.T) { r.try(t, Verified{Previews: r.previews(t)}) },
			"approve": func(t *rapid.T) {
				in := Approve{By: rapid.SampledFrom([]string{"user-1", "user-2"}).Draw(t, "by")}
				if r.job.Confirmed != nil && rapid.Bool().Draw(t, "repeats") {
					in.Preview = r.job.Confirmed.Fingerprint
				}
				r.try(t, in)
			},
			"hold": func(t *rapid.T) { r.guard(t, GuardHold) }, "release": func(t *rapid.T) { r.guard(t, GuardRelease) },
			"pause": func(t *rapid.T) { r.guard(t, GuardPause) }, "resume": func(t *rapid.T) { r.guard(t, GuardResume) },
			"governor": func(t *rapid.T) { r.guard(t, GuardGovernor) },
			"waive": func(t *rapid.T) {
				by := rapid.SampledFrom([]string{"user-2", "user-3"}).Draw(t, "by")
				for _, p := range r.anyone(t) {
					r.try(t, Waive{By: by, Participant: p, Reason: "gone for good"})
				}
			},
			"counted": func(t *rapid.T) { r.try(t, Counted{Previews: r.previews(t)}) },
			"renew":   func(t *rapid.T) { r.try(t, Renew{By: "user-3", Preview: r.preview(t)}) },
			"reject":  func(t *rapid.T) { r.try(t, Reject{By: "user-2"}) },
			"cancel":  func(t *rapid.T) { r.try(t, Cancel{By: "user-2"}) },
			"replay":  func(t *rapid.T) { r.try(t, Replay{By: "user-2", Participants: r.anyone(t)}) },
			"restored": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "seldom") == 0 {
					r.try(t, Restored{By: "user-2", Participants: r.anyone(t)})
				}
			},
		})
		r.bringToItsEnd(t)
	})
}

// run is a job under test with everything it ever said and heard.
type run struct {
	job      Job
	now      time.Time
	sent     []events.Event
	answers  []events.Result
	attempts map[events.Participant]int // of the newest command
	restored bool                       // the input at hand is Restored
	guards   Guards
	counted  bool // the input at hand proves that what was confirmed still holds
}

// preview is what somebody has seen: every participant has nothing, or two rows.
func (r *run) preview(t *rapid.T) Preview {
	var answers []events.Preview
	for _, p := range []events.Participant{"orders", "pos", "sales", "tenants"} {
		n := int64(rapid.IntRange(0, 1).Draw(t, "seen")) * 2
		answers = append(answers, events.Preview{TenantID: "t1", ServiceName: p, Counts: map[string]int64{"b": n}})
	}
	p, _ := NewPreview("t1", r.now, answers)
	return p
}

// guard changes what stands around the job, and tells it; the world may change without its being told, too.
func (r *run) guard(t *rapid.T, change GuardChange) {
	before := r.guards
	switch change {
	case GuardHold:
		r.guards.Holds = append(slices.Clone(r.guards.Holds), Hold{ID: 1, Tenant: "t1", Code: "tax_audit", By: "user-3", At: r.now})
	case GuardRelease:
		r.guards.Holds = r.guards.Holds[:len(r.guards.Holds)/2]
	case GuardPause:
		r.guards.Pause = &Pause{By: "user-3", Reason: "wrong list", At: r.now}
	case GuardResume:
		r.guards.Pause = nil
	case GuardGovernor:
		r.guards.Governor = Governor{Max: rapid.IntRange(0, 1).Draw(t, "max"),
			Begun: []time.Time{r.now.Add(-time.Duration(rapid.IntRange(0, 120).Draw(t, "minutes")) * time.Minute)}}
	}
	if change != GuardHold && rapid.IntRange(0, 3).Draw(t, "unsaid") == 0 {
		return
	}
	if err := r.decide(t, Guarded{By: "user-3", Change: change}); err != nil {
		require.ErrorIs(t, err, ErrPastPivot)
		require.False(t, r.job.PivotAt.IsZero())
		r.guards = before
	}
}

// guarded is the job as a store gives it to whoever decides.
func (r *run) guarded() Job {
	job := r.job
	job.Guards = r.guards
	return job
}

func startRun(t *rapid.T) *run {
	r := &run{now: worldEpoch, attempts: map[events.Participant]int{}}
	request := Request{ID: worldJob, Generation: 3, At: r.now, Submitted: events.Submitted{
		RequestID: "r-1", TenantID: "t1", Source: "tenants", Reason: "contract_ended", RequestedBy: "user-1"}}
	if rapid.Bool().Draw(t, "confirms") {
		p := r.preview(t)
		request.Preview = &p
	}
	request.Policy.ApprovalAbove = int64(rapid.IntRange(0, 1).Draw(t, "above"))
	request.Policy.DriftRows = 1
	request.Policy.WaiverApproval = rapid.Bool().Draw(t, "two")
	request.Policy.Approval = rapid.Bool().Draw(t, "approval")
	request.Policy.Grace = time.Duration(rapid.IntRange(0, 2).Draw(t, "grace")) * time.Minute
	request.Policy.AttemptsMax = rapid.IntRange(0, 3).Draw(t, "attempts")
	for _, p := range []events.Participant{"orders", "pos", "sales"} {
		request.Roster = append(request.Roster, RosterEntry{Participant: p, Wave: rapid.IntRange(1, 2).Draw(t, "wave")})
	}
	request.Roster = append(request.Roster, RosterEntry{Participant: "tenants", Wave: 5})
	d, err := Start(request)
	require.NoError(t, err)
	again, err := Start(request)
	require.NoError(t, err)
	require.Equal(t, d, again, "starting is pure")
	r.take(t, d)
	return r
}

// try feeds an input that may be refused.
func (r *run) try(t *rapid.T, in Input) {
	if err := r.decide(t, in); err != nil {
		refusals := []error{ErrState, ErrPastPivot, ErrFourEyes, ErrMismatch, ErrHeld, ErrPaused, ErrPreviewMismatch,
			ErrPreviewTenant, ErrPreviewExpired, events.ErrInvalid}
		require.True(t, slices.ContainsFunc(refusals, func(known error) bool { return errors.Is(err, known) }),
			"%v is a refusal", err)
	}
}

// decide feeds an input and holds the decision against the promises.
func (r *run) decide(t *rapid.T, in Input) error {
	before := r.job.Clone()
	d, err := Decide(r.guarded(), in, r.now)
	repeated, repeatedErr := Decide(r.guarded(), in, r.now)
	require.Equal(t, d, repeated, "deciding is pure")
	require.Equal(t, err == nil, repeatedErr == nil, "deciding is pure")
	require.Equal(t, before, r.job, "the job given is not changed")
	require.NotErrorIs(t, err, ErrInvariant)
	if err != nil || !d.Changed {
		require.Equal(t, before, d.Job, "no change, no difference")
		require.Empty(t, d.Events)
		return err
	}
	_, r.restored = in.(Restored)
	counted, ok := in.(Counted)
	p, whole := NewPreview("t1", r.now, counted.Previews)
	r.counted = ok && whole && len(p.Counts) == len(before.Steps) && len(before.Confirmed.Drift(before.Policy, p)) == 0
	require.True(t, !before.State.Final() || before.State == StateCompleted && r.restored, "a final job never changes")
	require.Equal(t, before.Version+1, d.Job.Version)
	require.Equal(t, d.Job.Version, d.Entry.Number, "every decision is a line of the history")
	require.Equal(t, d.Job.State, d.Entry.State)
	if before.State != d.Job.State {
		require.Contains(t, moves, move{before.State, in.kind(), d.Job.State})
	}
	r.take(t, d)
	return nil
}

// take makes a decision the truth.
func (r *run) take(t *rapid.T, d Decision) {
	before := r.job
	r.job = d.Job
	if waits := d.Job.State == StateAwaitingApproval || d.Job.State == StateScheduled || d.Job.State == StateFailed; waits {
		require.NotNil(t, d.Job.Blocked, "a job that waits says why")
		require.NotEmpty(t, d.Job.Blocked.Action)
	}
	for _, e := range d.Events {
		_, err := events.Encode(e)
		require.NoError(t, err)
		for _, earlier := range r.sent {
			require.NotEqual(t, earlier.ID, e.ID, "an id is one event")
			if deleted, ok := earlier.Data.(*events.Deleted); ok {
				require.Greater(t, d.Job.Round, max(deleted.Round, 1), "nothing follows tenant.deleted but another round")
			}
			require.NotEqual(t, events.TypeCancelled, earlier.Type, "nothing follows a cancel")
		}
		r.sent = append(r.sent, e)
		r.judge(t, before, d.Job, e)
	}
}

func (r *run) judge(t *rapid.T, before, now Job, e events.Event) {
	switch data := e.Data.(type) {
	case *events.Command:
		require.False(t, now.State.Final())
		require.Nil(t, r.guards.Pause, "nothing begins while everything is paused")
		if before.PivotAt.IsZero() {
			require.Empty(t, r.guards.Holds, "nothing begins while a hold stands")
			require.False(t, r.now.Before(now.DueAt), "nothing begins before the grace is over")
			require.True(t, now.Confirmed == nil || r.counted, "what was confirmed was counted again")
			require.Zero(t, r.guards.Governor.place(r.now, true).Compare(r.now), "nothing begins before its place has come")
		}
		for _, step := range now.Steps {
			require.True(t, step.Wave >= data.Wave || step.State == StepSucceeded || step.State == StepWaived || step.Wave <= before.Wave,
				"a wave begins when those before it have succeeded")
		}
		for _, p := range data.Participants {
			step, _ := before.Step(p)
			require.True(t, step.State != StepSucceeded || r.restored, "who succeeded is left alone unless it was restored")
			require.Equal(t, step.EraseAgain, data.EraseAgain)
			require.Equal(t, r.attempts[p]+1, data.Attempt, "attempts count")
			r.attempts[p] = data.Attempt
		}
	case *events.Outcome:
		if e.Type == events.TypeCancelled {
			require.True(t, now.PivotAt.IsZero(), "no cancel after the pivot")
			require.Empty(t, r.attempts)
		}
	case *events.Deleted:
		require.Equal(t, StateCompleted, now.State)
		var waived []events.Participant
		for _, w := range data.Waived {
			waived = append(waived, w.ServiceName)
		}
		require.Equal(t, now.Waived(), waived, "who is waived is named")
		require.Less(t, len(waived), len(now.Steps), "somebody has proven something")
		for _, step := range now.Steps {
			if step.State == StepWaived {
				require.NotNil(t, step.Waiver)
				require.True(t, !now.Policy.WaiverApproval || step.Waiver.SecondBy != "" && step.Waiver.SecondBy != step.Waiver.By)
				continue
			}
			require.Equal(t, StepSucceeded, step.State)
			require.False(t, step.VerifiedAt.IsZero(), "%s has proven zero", step.Participant)
			require.Equal(t, step.Counts, data.DeletedCounts[step.Participant])
		}
		require.GreaterOrEqual(t, len(data.DeletedCounts), len(now.Steps)-len(waived))
		for _, step := range before.Steps {
			for _, pass := range step.Earlier {
				require.Contains(t, data.Earlier, events.EarlierPass{ServiceName: step.Participant, DeletedCounts: pass.Counts,
					ErasedAt: pass.ErasedAt}, "the record states every pass")
			}
		}
		again, ok := now.Announcement()
		require.True(t, ok)
		require.Equal(t, e, again, "what is announced again is what was announced")
	}
}

func (r *run) anyone(t *rapid.T) []events.Participant {
	names := []events.Participant{"orders", "pos", "sales", "tenants", "loyalty"}
	return rapid.SliceOfN(rapid.SampledFrom(names), 0, 2).Draw(t, "who")
}

// result is what a participant says about an attempt.
func (r *run) result(p events.Participant, attempt int, success bool) events.Result {
	result := events.Result{TenantID: r.job.Tenant, ServiceName: p, Success: success, Errors: []events.Problem{},
		DeletedCounts: map[string]int64{string(p): int64(attempt)}, Timestamp: r.now, JobID: r.job.ID,
		Generation: r.job.Generation, Attempt: attempt, RequestID: "request"}
	if !success {
		result.Errors = []events.Problem{{Code: "database", Detail: "stated"}}
	}
	return result
}

// answerSome lets a participant answer any command it was ever sent.
func (r *run) answerSome(t *rapid.T) {
	var commands []*events.Command
	for _, e := range r.sent {
		if c, ok := e.Data.(*events.Command); ok {
			commands = append(commands, c)
		}
	}
	if len(commands) == 0 {
		return
	}
	c := rapid.SampledFrom(commands).Draw(t, "command")
	p := rapid.SampledFrom(c.Participants).Draw(t, "participant")
	result := r.result(p, c.Attempt, rapid.IntRange(0, 3).Draw(t, "luck") > 0)
	r.answers = append(r.answers, result)
	require.NoError(t, r.decide(t, Answered{result}))
}

func (r *run) redeliver(t *rapid.T) {
	if len(r.answers) > 0 {
		require.NoError(t, r.decide(t, Answered{rapid.SampledFrom(r.answers).Draw(t, "answer")}))
	}
}

// forge sends results that do not belong to the job.
func (r *run) forge(t *rapid.T) {
	result := r.result("orders", 1, true)
	switch rapid.IntRange(0, 3).Draw(t, "forgery") {
	case 0:
		result.TenantID = "t2"
	case 1:
		result.Generation--
	case 2:
		result.ServiceName = "loyalty"
	case 3:
		result.JobID = events.NewJobID()
	}
	require.ErrorIs(t, r.decide(t, Answered{result}), ErrMismatch)
}

func (r *run) previews(t *rapid.T) (previews []events.Preview) {
	for _, step := range r.job.Steps {
		p := events.Preview{TenantID: r.job.Tenant, ServiceName: step.Participant, Counts: map[string]int64{"a": 0, "b": 0}}
		switch rapid.IntRange(0, 8).Draw(t, "count") {
		case 0:
			continue
		case 1:
			p.Counts["b"] = 2
		case 2:
			p.Error = &events.Problem{Code: "database", Detail: "down"}
		}
		previews = append(previews, p)
	}
	return previews
}

// bringToItsEnd lets everybody answer. A few rounds suffice from wherever the job stands.
func (r *run) bringToItsEnd(t *rapid.T) {
	const rounds = 12
	r.guards = Guards{}
	require.NoError(t, r.decide(t, Guarded{By: "user-3", Change: GuardRelease}))
	require.NoError(t, r.decide(t, Guarded{By: "user-3", Change: GuardResume}))
	for range rounds {
		r.now = r.now.Add(time.Hour)
		if r.job.Blocked != nil && r.job.Blocked.Code == ReasonDrifted {
			require.NoError(t, r.decide(t, Renew{By: "user-2", Preview: r.preview(t)}))
		}
		approve := Approve{By: "user-2"}
		if r.job.Confirmed != nil {
			approve.Preview = r.job.Confirmed.Fingerprint
		}
		if err := r.decide(t, approve); err != nil {
			require.ErrorIs(t, err, ErrState)
		}
		require.NoError(t, r.decide(t, Tick{}))
		if r.job.Confirmed != nil {
			var answers []events.Preview
			for p, n := range r.job.Confirmed.Counts {
				answers = append(answers, events.Preview{TenantID: "t1", ServiceName: p, Counts: map[string]int64{"b": n}})
			}
			require.NoError(t, r.decide(t, Counted{Previews: answers}))
		}
		if err := r.decide(t, Replay{By: "user-2"}); err != nil {
			require.ErrorIs(t, err, ErrState)
		}
		var previews []events.Preview
		for _, step := range slices.Clone(r.job.Steps) {
			if step.State == StepRequested {
				require.NoError(t, r.decide(t, Answered{r.result(step.Participant, step.Attempt, true)}))
			}
			previews = append(previews, events.Preview{
				TenantID: r.job.Tenant, ServiceName: step.Participant, Counts: map[string]int64{"a": 0}})
		}
		require.NoError(t, r.decide(t, Verified{Previews: previews}))
	}
	require.True(t, r.job.State.Final(), "everybody answered, and the job is %s: %+v", r.job.State, r.job.Blocked)
	require.Equal(t, r.job.State == StateCompleted, r.sent[len(r.sent)-1].Type == events.TypeDeleted)
}
