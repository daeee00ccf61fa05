package saga

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
)

func TestDeadlineIsOneCalendarMonth(t *testing.T) {
	t.Parallel()
	day := func(month time.Month, day int) time.Time { return time.Date(2027, month, day, 9, 30, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		policy    Policy
		submitted time.Time
		want      time.Time
	}{
		"same date of the next month":             {Policy{}, day(3, 15), day(4, 15)},
		"last day where the date does not exist":  {Policy{}, day(1, 31), day(2, 28)},
		"over the turn of the year":               {Policy{}, day(12, 31), day(13, 31)},
		"the policy may say sooner":               {Policy{Deadline: 72 * time.Hour}, day(3, 15), day(3, 18)},
		"the policy may not say later":            {Policy{Deadline: 2000 * time.Hour}, day(3, 15), day(4, 15)},
		"thirty-one days are no month in a short": {Policy{Deadline: 31 * 24 * time.Hour}, day(4, 10), day(5, 10)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, c.policy.deadline(c.submitted))
		})
	}
}

func TestOverdueIsVisibleAndEndsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.run("submit roster=orders:1 deadline=1h")
	require.False(t, w.job.Overdue(w.job.Deadline))
	require.True(t, w.job.Overdue(w.job.Deadline.Add(time.Second)))
	w.run("wait 2h")
	w.run("answer orders orders=1")
	w.run("verify orders")
	require.Equal(t, StateCompleted, w.job.State)
	require.False(t, w.job.Overdue(w.job.Deadline.Add(time.Second)))
}

func TestPatienceDoublesUpToABound(t *testing.T) {
	t.Parallel()
	p := Policy{}.withDefaults()
	for attempt, want := range map[int]time.Duration{
		1: time.Minute, 2: 2 * time.Minute, 3: 4 * time.Minute, 4: 8 * time.Minute, 5: 15 * time.Minute, 1 << 40: 15 * time.Minute,
	} {
		require.Equal(t, want, p.patience(attempt), "attempt %d", attempt)
	}
	require.Equal(t, time.Hour, Policy{Patience: time.Hour}.patience(3), "a more patient policy stays so")
	require.Equal(t, 15*time.Minute, Policy{Patience: 14 * time.Minute}.patience(1<<20), "and nothing overflows")
}

func TestCommandsExpire(t *testing.T) {
	t.Parallel()
	d, err := Start(newWorld().request(parseCommand("submit roster=orders:1 ttl=2h")))
	require.NoError(t, err)
	command, ok := d.Events[0].Data.(*events.Command)
	require.True(t, ok)
	require.Equal(t, worldEpoch.Add(2*time.Hour), command.ExpiresAt)
	require.Equal(t, events.EventIDFor(worldJob, events.TypeRequested, "", 1, 1), d.Events[0].ID)
}

func TestAReplicaWithAClockBehindDecidesNothingBeforeTheSubmission(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.run("submit roster=orders:1 approval")
	w.now = w.now.Add(-time.Hour)
	w.run("reject by=user-2")
	require.Equal(t, w.job.SubmittedAt, w.job.FinishedAt)
}

// TestCheckFindsEveryBrokenInvariant breaks a job in every way that Check knows.
func TestCheckFindsEveryBrokenInvariant(t *testing.T) {
	t.Parallel()
	failed := newWorld()
	failed.run("submit roster=orders:1,pos:1,tenants:2")
	failed.run("answer orders orders=1")
	failed.run("refuse pos code=database")
	require.NoError(t, failed.job.Check())
	for name, breakIt := range map[string]func(*Job){
		"unknown state":                func(j *Job) { j.State = "paused" },
		"no version":                   func(j *Job) { j.Version = 0 },
		"no generation":                func(j *Job) { j.Generation = 0 },
		"finished but not final":       func(j *Job) { j.FinishedAt = worldEpoch },
		"final but not finished":       func(j *Job) { j.State = StateCancelled },
		"no pivot":                     func(j *Job) { j.PivotAt = time.Time{} },
		"no wave":                      func(j *Job) { j.Wave = 0 },
		"wakes":                        func(j *Job) { j.WakeAt = worldEpoch },
		"says nothing":                 func(j *Job) { j.Blocked = nil },
		"no steps":                     func(j *Job) { j.Steps = nil },
		"failed with an open step":     func(j *Job) { j.Steps[0].State, j.Steps[0].FinishedAt = StepRequested, time.Time{} },
		"completed with a failed step": func(j *Job) { j.State, j.FinishedAt, j.Blocked = StateCompleted, worldEpoch, nil },
		"pending with an attempt":      func(j *Job) { j.Steps[2].Attempt = 1 },
		"requested without a time":     func(j *Job) { j.Steps[0].RequestedAt = time.Time{} },
		"pending in a wave that began": func(j *Job) { j.Wave = 2 },
		"answered without a time":      func(j *Job) { j.Steps[0].FinishedAt = time.Time{} },
		"success without counts":       func(j *Job) { j.Steps[0].Counts = nil },
		"failure without a reason":     func(j *Job) { j.Steps[1].Problems = nil },
		"success with problems":        func(j *Job) { j.Steps[0].Problems = j.Steps[1].Problems },
		"residue that is not erased":   func(j *Job) { j.Steps[1].Residue = map[string]int64{"pos": 1} },
		"success with residue": func(j *Job) {
			step := &j.Steps[0]
			step.Residue, step.ResidueAttempt, step.EraseAgain = map[string]int64{"a": 1}, 1, true
		},
		"failure that proved zero":      func(j *Job) { j.Steps[1].VerifiedAt = worldEpoch },
		"wave but before its own pivot": func(j *Job) { j.State, j.PivotAt = StateAwaitingApproval, time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job := failed.job.Clone()
			breakIt(&job)
			require.ErrorIs(t, job.Check(), ErrInvariant)
			_, err := Decide(job, Lost{}, worldEpoch)
			require.NoError(t, err, "what changes nothing is not held against it")
		})
	}
}
