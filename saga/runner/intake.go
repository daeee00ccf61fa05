package runner

import (
	"context"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// intake turns requests from the bus into jobs.
func (r *Runner) intake(ctx context.Context) error {
	c := bus.Consumer{Stream: events.StreamIntake, Name: events.ConsumerIntake, BatchMax: r.cfg.BatchMax}
	return r.bus.Consume(ctx, c, r.handleIntake)
}

// handleIntake submits a batch in one transaction. What is refused for its content becomes a dead letter with the reason;
// a request that saga.Start refuses is a job in state refused, whose failed event tells the asker.
func (r *Runner) handleIntake(ctx context.Context, batch []bus.Delivery) []error {
	in := newInbound(events.StreamIntake, events.ConsumerIntake, batch)
	var submissions []saga.Submission
	var places []int
	for place := range batch {
		e, ok := in.decode(place, events.TypeSubmitted)
		if !ok {
			continue
		}
		// Without an Inbox the source and its request id decide what counts once: the id of an event is its sender's word, and
		// another sender's word must not make this request a repeat.
		submissions = append(submissions, saga.Submission{Submitted: *e.Data.(*events.Submitted), Policy: r.cfg.Policy, Detached: true})
		places = append(places, place)
	}
	submissions, places = r.confirmAll(ctx, in, submissions, places)
	if len(submissions) > 0 {
		outcomes, err := r.store.Submit(ctx, r.now(), submissions...)
		if err != nil {
			r.cfg.Logger.Warn().Err(err).Str("kind", "intake").Int("n", len(submissions)).Msg("batch not saved, comes back")
			in.fail(places, err)
		}
		for i := range outcomes {
			if refused := outcomes[i].Err; refused != nil {
				in.bury(places[i], refused.Error())
			}
		}
		r.committed(outcomes)
		r.enqueue(ctx, outcomes)
	}
	return r.settle(ctx, in)
}

// confirmAll holds requests to the previews that they name, side by side. Those that cannot be compared now come back.
func (r *Runner) confirmAll(
	ctx context.Context, in *inbound, all []saga.Submission, at []int,
) (confirmed []saga.Submission, places []int) {
	errs := make([]error, len(all))
	atOnce(len(all), previewsAtOnce, func(i int) { errs[i] = r.confirm(ctx, &all[i]) })
	for i, err := range errs {
		if err != nil {
			r.cfg.Logger.Warn().Err(err).Str("kind", "intake").Msg("request not confirmed, comes back")
			in.fail(at[i:i+1], err)
			continue
		}
		confirmed, places = append(confirmed, all[i]), append(places, at[i])
	}
	return confirmed, places
}
