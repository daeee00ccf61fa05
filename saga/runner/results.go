package runner

import (
	"context"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// results feeds the participants' answers to their jobs.
func (r *Runner) results(ctx context.Context) error {
	c := bus.Consumer{Stream: events.StreamEvents, Name: events.ConsumerResults, BatchMax: r.cfg.BatchMax,
		Linger: resultsLinger}
	return r.bus.Consume(ctx, c, r.handleResults)
}

// handleResults saves a batch in one transaction. A result that fits no job or no step becomes a dead letter, so that it
// never blocks the others; when the transaction itself fails, the whole batch comes back.
func (r *Runner) handleResults(ctx context.Context, batch []bus.Delivery) []error {
	in := newInbound(events.StreamEvents, events.ConsumerResults, batch)
	now := r.now()
	var changes []saga.Change
	var places []int
	for place := range batch {
		e, ok := in.decode(place, events.TypeResult)
		if !ok {
			continue
		}
		result := e.Data.(*events.Result)
		changes = append(changes, saga.Change{Job: result.JobID, Inbox: inboxOf(result), Decide: answered(*result, now)})
		places = append(places, place)
	}
	if len(changes) > 0 {
		outcomes, err := r.store.Update(ctx, changes...)
		if err != nil {
			r.cfg.Logger.Warn().Err(err).Str("kind", "results").Int("n", len(changes)).Msg("batch not saved, comes back")
			in.fail(places, err)
		}
		for i := range outcomes {
			if unfit := outcomes[i].Err; unfit != nil {
				in.bury(places[i], unfit.Error())
			}
		}
		r.committed(outcomes)
		r.enqueue(ctx, outcomes)
	}
	return r.settle(ctx, in)
}

// inboxOf is the id under which a result counts once. It follows from what the subject vouches for, not from the event's own
// id: a participant could give its event the id of a neighbour's, which would then be taken for a repeat.
func inboxOf(r *events.Result) events.EventID {
	return events.EventIDFor(r.JobID, events.TypeResult, r.ServiceName, 0, r.Attempt)
}

func answered(result events.Result, now time.Time) func(saga.Job) (saga.Decision, error) {
	return func(job saga.Job) (saga.Decision, error) {
		return saga.Decide(job, saga.Answered{Result: result}, now)
	}
}
