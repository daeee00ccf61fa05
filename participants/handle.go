package participants

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

func (r *Runner) handle(ctx context.Context, batch []bus.Delivery) []error {
	errs := make([]error, len(batch))
	for i := range batch {
		errs[i] = r.deliver(ctx, batch[i])
	}
	return errs
}

// deliver handles one delivery. The order is the promise: nothing is deleted before every check, the result is published
// only after the commit, and the delivery is acknowledged (by returning nil) only after the result is stored.
func (r *Runner) deliver(ctx context.Context, d bus.Delivery) error {
	event, command, err := r.admit(d)
	if err != nil {
		r.cfg.Logger.Warn().Err(err).Str("participant", string(r.service.Name)).Uint64("sequence", d.Sequence).
			Str("kind", "poison").Msg("command not admitted")
		return err
	}
	if command == nil {
		return nil
	}
	log := r.cfg.Logger.With().Str("job", string(command.JobID)).Str("tenant", string(command.TenantID)).
		Str("participant", string(r.service.Name)).Int("attempt", command.Attempt).Int("wave", command.Wave).Logger()
	started := r.cfg.Now()
	result, outlived, err := r.erase(ctx, command, event.ID)
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil && d.Delivered < r.cfg.GiveUpAfter:
		log.Warn().Err(err).Int("delivered", d.Delivered).Str("kind", "transient").Msg("will be tried again")
		return err
	case err != nil:
		log.Error().Err(err).Int("delivered", d.Delivered).Str("kind", CodeGaveUp).Msg("gave up")
		result = r.failure(command, event.ID, events.Problem{Code: CodeGaveUp,
			Detail: fmt.Sprintf("a transient error lasted for %d deliveries", d.Delivered)})
	}
	r.cfg.Reached(PointCommitted)
	if err := r.publish(ctx, event, result); err != nil {
		return err
	}
	r.cfg.Reached(PointPublished)
	r.announceDone(ctx, result)
	logResult(log, result, r.cfg.Now().Sub(started))
	if outlived { // answered, and a dead letter: somebody should look who sent it
		return bus.Poison("%s: older than the tenant's present life; nothing was deleted", CodeStale)
	}
	return nil
}

// admit checks everything that must hold before a command may act: its form, its signature, its expiry. A command that
// does not name this participant is nil.
func (r *Runner) admit(d bus.Delivery) (events.Event, *events.Command, error) {
	event, err := events.Decode(d.Message)
	if err != nil {
		return event, nil, bus.Poison("not an event of the contract: %v", err)
	}
	command, ok := event.Data.(*events.Command)
	if !ok {
		return event, nil, bus.Poison("a %s event is no command", event.Type)
	}
	if !command.Names(r.service.Name) { // nothing follows from it, so nobody has to vouch for it
		return event, nil, nil
	}
	if err := events.Verify(d.Message, r.cfg.TrustedKeys...); err != nil {
		return event, nil, bus.Poison("not verified: %v", err)
	}
	if r.cfg.Now().After(command.ExpiresAt) {
		return event, nil, bus.Poison("command expired")
	}
	return event, command, nil
}

// publish stores the result. One that the contract refuses (too many tables, too large) can never be published: the
// coordinator learns that instead.
func (r *Runner) publish(ctx context.Context, request events.Event, result *events.Result) error {
	message, err := events.Encode(r.resultEvent(request, result))
	if err != nil {
		command := request.Data.(*events.Command)
		result = r.failure(command, request.ID, events.Problem{Code: CodeInternal,
			Detail: "deleted, but the result does not fit the contract"})
		message, err = events.Encode(r.resultEvent(request, result))
	}
	if err != nil {
		return fmt.Errorf("participants: publish result: %w", err)
	}
	if err := r.bus.Publish(ctx, message); err != nil {
		return fmt.Errorf("participants: publish result: %w", err)
	}
	return nil
}

// resultEvent has the same id for every repeat of the same attempt, so that the stream keeps one.
func (r *Runner) resultEvent(request events.Event, result *events.Result) events.Event {
	return events.Event{
		ID:     events.EventIDFor(result.JobID, events.TypeResult, r.service.Name, 0, result.Attempt),
		Source: r.source(), Type: events.TypeResult, Subject: result.TenantID, Time: result.Timestamp,
		TraceParent: request.TraceParent, Data: result,
	}
}

func (r *Runner) source() string { return "/participants/" + string(r.service.Name) }

func logResult(log zerolog.Logger, result *events.Result, took time.Duration) {
	if !result.Success {
		log.Error().Str("kind", result.Errors[0].Code).Str("detail", result.Errors[0].Detail).Dur("dur", took).Msg("answered")
		return
	}
	log.Info().Str("kind", "erased").Int64("deleted", result.Total()).Bool("replayed", result.Replayed).Dur("dur", took).
		Msg("answered")
}
