package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// advisory is what the broker says about a delivery that was terminated or delivered too often. It points to the message
// and does not hold it. Other fields are the broker's own and of no use here.
type advisory struct {
	Stream     string    `json:"stream"`
	Consumer   string    `json:"consumer"`
	StreamSeq  uint64    `json:"stream_seq"`
	Deliveries int       `json:"deliveries"`
	Reason     string    `json:"reason"`
	Timestamp  time.Time `json:"timestamp"`
}

// deadLetters keeps the broker's advisories as dead letters, also for messages of participants.
func (r *Runner) deadLetters(ctx context.Context) error {
	c := bus.Consumer{Stream: events.StreamDead, Name: events.ConsumerDead, BatchMax: r.cfg.BatchMax}
	return r.bus.Consume(ctx, c, r.handleDead)
}

func (r *Runner) handleDead(ctx context.Context, batch []bus.Delivery) []error {
	verdicts := make([]error, len(batch))
	letters := make([]saga.DeadLetter, 0, len(batch))
	for place := range batch {
		letter, err := r.letterOf(batch[place])
		if err != nil {
			verdicts[place] = bus.Poison("%v", err)
			continue
		}
		r.cfg.Logger.Warn().Str("kind", letter.Consumer).Uint64("sequence", letter.Sequence).Str("reason", letter.Reason).
			Msg("a delivery was given up")
		letters = append(letters, letter)
	}
	if len(letters) == 0 {
		return verdicts
	}
	if err := r.store.Bury(ctx, letters...); err != nil {
		for place := range verdicts {
			verdicts[place] = cmp.Or(verdicts[place], err)
		}
	}
	return verdicts
}

func (r *Runner) letterOf(d bus.Delivery) (saga.DeadLetter, error) {
	var a advisory
	if err := json.Unmarshal(d.Body, &a); err != nil || a.Stream == "" || a.StreamSeq == 0 {
		return saga.DeadLetter{}, fmt.Errorf("not an advisory of the broker")
	}
	at := a.Timestamp
	if at.IsZero() {
		at = r.now()
	}
	return saga.DeadLetter{Stream: a.Stream, Consumer: a.Consumer, Sequence: a.StreamSeq, Subject: d.Subject,
		Reason:    cmp.Or(a.Reason, fmt.Sprintf("given up after %d deliveries", a.Deliveries)),
		CreatedAt: at.UTC().Truncate(time.Microsecond)}, nil
}
