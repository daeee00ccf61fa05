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
		Reason: reason, Participants: slices.Clone(who), At: t.now,
	})
}

// emitDeleted keeps the promise: every participant has proven that nothing is left.
func (t *turn) emitDeleted() {
	counts := make(map[events.Participant]map[string]int64, len(t.job.Steps))
	for i := range t.job.Steps {
		counts[t.job.Steps[i].Participant] = maps.Clone(t.job.Steps[i].Counts)
	}
	t.emit(events.TypeDeleted, "", 0, 1, &events.Deleted{
		JobID: t.job.ID, TenantID: t.job.Tenant, Generation: t.job.Generation, DeletedCounts: counts, Total: t.job.Total(),
		SubmittedAt: t.job.SubmittedAt, CompletedAt: t.now,
	})
}
