package saga

import (
	"maps"
	"slices"

	"github.com/bakery-ia/tenant-deletion/events"
)

// emit appends an event. Its id follows from the job, so the same decision made twice sends the same message twice.
func (t *turn) emit(kind events.Type, who events.Participant, wave, attempt int, data events.Payload) {
	t.events = append(t.events, events.Event{
		ID: events.EventIDFor(t.job.ID, kind, who, wave, attempt), Source: events.SourceCoordinator, Type: kind,
		Subject: t.job.Tenant, Time: t.now, Data: data,
	})
}

// emitRequested tells the participants of the running wave to delete: one event for all of them.
func (t *turn) emitRequested(named []events.Participant) {
	t.emit(events.TypeRequested, "", t.job.Wave, 1, t.command(t.job.Wave, 1, false, named...))
}

// emitReplayed tells one participant again.
func (t *turn) emitReplayed(step *Step) {
	t.emit(events.TypeReplayed, step.Participant, step.Wave, step.Attempt,
		t.command(step.Wave, step.Attempt, step.EraseAgain, step.Participant))
}

func (t *turn) command(wave, attempt int, eraseAgain bool, named ...events.Participant) *events.Command {
	return &events.Command{
		JobID: t.job.ID, TenantID: t.job.Tenant, Generation: t.job.Generation, Wave: wave, Attempt: attempt,
		Participants: named, Reason: t.job.Reason, EraseAgain: eraseAgain,
		RequestedAt: t.now, ExpiresAt: t.now.Add(t.job.Policy.CommandTTL),
	}
}

// emitOutcome says that the job did not complete. A job may fail more than once; its version keeps the events apart.
func (t *turn) emitOutcome(kind events.Type, reason string, who []events.Participant) {
	t.emit(kind, "", t.job.Wave, int(t.job.Version), &events.Outcome{
		JobID: t.job.ID, TenantID: t.job.Tenant, Generation: t.job.Generation, State: string(t.job.State),
		Reason: reason, Participants: slices.Clone(who), At: t.now, Source: t.job.Source, RequestID: t.job.RequestID,
	})
}

// emitDeleted keeps the promise: every participant has proven that nothing is left.
func (t *turn) emitDeleted() {
	t.events = append(t.events, t.job.deleted())
}

// Announcement is the tenant.deleted event of a completed job, the same as was sent when it completed; ok is false for every
// other job. It may be sent again to those who lost it.
func (j Job) Announcement() (e events.Event, ok bool) {
	if j.State != StateCompleted {
		return events.Event{}, false
	}
	return j.deleted(), true
}

func (j Job) deleted() events.Event {
	counts := make(map[events.Participant]map[string]int64, len(j.Steps))
	var earlier []events.EarlierPass
	for i := range j.Steps {
		step := &j.Steps[i]
		if step.State != StepWaived || step.Counts != nil {
			counts[step.Participant] = maps.Clone(step.Counts)
		}
		for _, pass := range step.Earlier {
			earlier = append(earlier, events.EarlierPass{ServiceName: step.Participant, DeletedCounts: maps.Clone(pass.Counts),
				ErasedAt: pass.ErasedAt})
		}
	}
	data := &events.Deleted{
		JobID: j.ID, TenantID: j.Tenant, Generation: j.Generation, DeletedCounts: counts, Total: j.Total(),
		SubmittedAt: j.SubmittedAt, CompletedAt: j.FinishedAt, Earlier: earlier,
		Waived: waivedOf(j.Steps),
	}
	if j.Round > 1 {
		data.Round = j.Round
	}
	return events.Event{ID: events.EventIDFor(j.ID, events.TypeDeleted, "", 0, j.Round), Source: events.SourceCoordinator,
		Type: events.TypeDeleted, Subject: j.Tenant, Time: j.FinishedAt, Data: data}
}
