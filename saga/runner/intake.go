package runner

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// intake turns requests from the bus into jobs.
func (r *Runner) intake(ctx context.Context) error {
	c := bus.Consumer{Stream: events.StreamIntake, Name: events.ConsumerIntake, BatchMax: r.cfg.BatchMax}
	return r.bus.Consume(ctx, c, r.handleIntake)
}

// asked is a batch of requests on their way to the store.
type asked struct {
	submissions []saga.Submission
	places      []int // of their deliveries
	records     []saga.AuditRecord
}

// handleIntake submits a batch in one transaction. What is refused for its content becomes a dead letter with the reason;
// a request that the rules or saga.Start refuse is a job in state refused, whose failed event tells the asker.
func (r *Runner) handleIntake(ctx context.Context, batch []bus.Delivery) []error {
	in := newInbound(events.StreamIntake, events.ConsumerIntake, batch)
	var a asked
	for place := range batch {
		e, ok := in.decode(place, events.TypeSubmitted)
		if !ok {
			continue
		}
		// Without an Inbox the source and its request id decide what counts once: the id of an event is its sender's word, and
		// another sender's word must not make this request a repeat.
		a.submissions = append(a.submissions, saga.Submission{Submitted: *e.Data.(*events.Submitted), Policy: r.cfg.Policy,
			Detached: true})
		a.places = append(a.places, place)
	}
	a = r.confirmAll(ctx, in, r.judge(ctx, in, a))
	if len(a.submissions) > 0 {
		if err := r.submitAll(ctx, in, a); err != nil {
			r.cfg.Logger.Warn().Err(err).Str("kind", "intake").Int("n", len(a.submissions)).Msg("batch not saved, comes back")
			in.fail(a.places, err)
		}
	}
	return r.settle(ctx, in)
}

// judge asks the rules about every request. Those that cannot be judged now come back.
func (r *Runner) judge(ctx context.Context, in *inbound, all asked) (judged asked) {
	if r.cfg.Rules == nil {
		return all
	}
	errs := make([]error, len(all.submissions))
	atOnce(len(errs), rulesAtOnce, func(i int) {
		s := &all.submissions[i]
		s.Refused, errs[i] = saga.Judge(ctx, r.cfg.Rules, s.Submitted, saga.Asker{Service: true})
	})
	for i, err := range errs {
		if err != nil {
			in.fail(all.places[i:i+1], err)
			continue
		}
		judged.submissions, judged.places = append(judged.submissions, all.submissions[i]), append(judged.places, all.places[i])
	}
	if err := errors.Join(errs...); err != nil {
		r.cfg.Logger.Warn().Err(err).Str("kind", "intake").Msg("requests not judged, come back")
	}
	return judged
}

// submitAll records who asks, submits, and records what became of it.
func (r *Runner) submitAll(ctx context.Context, in *inbound, a asked) error {
	if r.cfg.Auditor != nil {
		for i := range a.submissions {
			a.records = append(a.records, recordOf(a.submissions[i].Submitted).Intent(rand.Text()))
		}
		if err := r.cfg.Auditor.Record(ctx, a.records...); err != nil {
			return err // what cannot be recorded is not done
		}
	}
	outcomes, err := r.store.Submit(ctx, r.now(), a.submissions...)
	if err != nil {
		return err
	}
	for i := range outcomes {
		if refused := outcomes[i].Err; refused != nil {
			in.bury(a.places[i], refused.Error())
		}
	}
	r.committed(outcomes)
	r.enqueue(ctx, outcomes)
	r.recordOutcomes(ctx, a.records, outcomes)
	return nil
}

// operationSubmit is the name of a request for a deletion in the audit trail, wherever it comes from.
const operationSubmit = "submitJob"

// recordOf is what the trail says of a request over the bus. The broker vouches for its source, and the source for its actor.
func recordOf(s events.Submitted) saga.AuditRecord {
	return saga.AuditRecord{Operation: operationSubmit, Actor: string(s.Source), OnBehalfOf: s.RequestedBy, Source: s.Source,
		Origin: saga.OriginBus, Tenant: s.TenantID, Reason: s.Reason}
}

// recordOutcomes closes intents. What was done is done: a trail that fails now has the intents, and the history the rest.
func (r *Runner) recordOutcomes(ctx context.Context, intents []saga.AuditRecord, outcomes []saga.Outcome) {
	if len(intents) == 0 {
		return
	}
	closed := make([]saga.AuditRecord, len(intents))
	for i := range intents {
		job := &outcomes[i].Decision.Job
		code := saga.AuditDone
		switch {
		case outcomes[i].Err != nil:
			code = "dead_letter"
		case job.State == saga.StateRefused:
			code = job.Cause
		}
		closed[i] = intents[i].Outcome(code)
		closed[i].Job = job.ID
	}
	if err := r.cfg.Auditor.Record(context.WithoutCancel(ctx), closed...); err != nil {
		r.cfg.Logger.Error().Err(err).Str("kind", "audit").Int("n", len(closed)).Msg("outcomes not recorded")
	}
}

// confirmAll holds requests to the previews that they name, side by side. Those that cannot be compared now come back.
func (r *Runner) confirmAll(ctx context.Context, in *inbound, all asked) (confirmed asked) {
	errs := make([]error, len(all.submissions))
	atOnce(len(errs), previewsAtOnce, func(i int) { errs[i] = r.confirm(ctx, &all.submissions[i]) })
	for i, err := range errs {
		if err != nil {
			r.cfg.Logger.Warn().Err(err).Str("kind", "intake").Msg("request not confirmed, comes back")
			in.fail(all.places[i:i+1], err)
			continue
		}
		confirmed.submissions = append(confirmed.submissions, all.submissions[i])
		confirmed.places = append(confirmed.places, all.places[i])
	}
	return confirmed
}
