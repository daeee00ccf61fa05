package runner

import (
	"context"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// bodyBytesMax is what a dead letter keeps of a message.
const bodyBytesMax = 64 << 10

// inbound is a batch on its way through a handler: one verdict per delivery, and a dead letter for each that is poison.
type inbound struct {
	stream, consumer string
	batch            []bus.Delivery
	verdicts         []error
	letters          []saga.DeadLetter
	buried           []int // the place of each letter's delivery in the batch
}

func newInbound(stream, consumer string, batch []bus.Delivery) *inbound {
	return &inbound{stream: stream, consumer: consumer, batch: batch, verdicts: make([]error, len(batch))}
}

// decode reads the delivery at a place; a delivery that is not an event of the type gets buried.
func (in *inbound) decode(place int, want events.Type) (events.Event, bool) {
	e, err := events.Decode(in.batch[place].Message)
	if err != nil {
		in.bury(place, "invalid: "+err.Error())
		return events.Event{}, false
	}
	if e.Type != want {
		in.bury(place, "unexpected type "+string(e.Type))
		return events.Event{}, false
	}
	return e, true
}

// bury marks the delivery as poison. The reason never holds the message's content.
func (in *inbound) bury(place int, reason string) {
	d := in.batch[place]
	in.verdicts[place] = bus.Poison("%s", reason)
	in.buried = append(in.buried, place)
	in.letters = append(in.letters, saga.DeadLetter{Stream: in.stream, Consumer: in.consumer, Sequence: d.Sequence,
		Subject: d.Subject, Reason: reason, Body: d.Body[:min(len(d.Body), bodyBytesMax)]})
}

// fail makes the deliveries at the places transient.
func (in *inbound) fail(places []int, err error) {
	for _, place := range places {
		in.verdicts[place] = err
	}
}

// settle stores the dead letters and returns the verdicts. A delivery whose letter could not be stored comes back.
func (r *Runner) settle(ctx context.Context, in *inbound) []error {
	if len(in.letters) == 0 {
		return in.verdicts
	}
	now := r.now()
	for i := range in.letters {
		in.letters[i].CreatedAt = now
		r.cfg.Logger.Warn().Str("kind", in.consumer).Uint64("sequence", in.letters[i].Sequence).
			Str("reason", in.letters[i].Reason).Msg("message becomes a dead letter")
	}
	if err := r.store.Bury(ctx, in.letters...); err != nil {
		r.cfg.Logger.Error().Err(err).Str("kind", in.consumer).Msg("dead letters not stored, will try again")
		in.fail(in.buried, err)
	}
	return in.verdicts
}
