package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// worker handles one delivery at a time and asks for the next when it is settled.
type worker struct {
	ctx     context.Context // of Consume; receive is a callback and gets none
	x       *consumption
	mu      sync.Mutex // held while a delivery is handled
	ackWait time.Duration
}

func newWorker(ctx context.Context, x *consumption) *worker { return &worker{ctx: ctx, x: x} }

func (w *worker) bound(ackWait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ackWait = ackWait
}

func (w *worker) wait() {
	w.mu.Lock()
	defer w.mu.Unlock()
}

// receive handles a delivery, or hands it back at once when the shutdown has begun.
func (w *worker) receive(msg jetstream.Msg) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() != nil {
		w.x.handBack(msg)
		return
	}
	delivery, ok := w.x.delivery(msg)
	if !ok {
		return
	}
	beating := startHeart(w.ackWait/beatsPerWait, func() { w.x.beat(msg) })
	err := run(w.ctx, w.x.log, w.x.handle, []Delivery{delivery})[0]
	beating.stop()
	w.x.settle(msg, delivery, err, true)
}

// delivery reads a message; one that no consumer delivered is dropped.
func (x *consumption) delivery(msg jetstream.Msg) (Delivery, bool) {
	meta, err := msg.Metadata()
	if err != nil {
		x.log.Error().Err(err).Msg("bus: not a delivery")
		return Delivery{}, false
	}
	return Delivery{Message: fromNATS(msg.Subject(), msg.Headers(), msg.Data()), Sequence: meta.Sequence.Stream,
		Delivered: int(meta.NumDelivered), StoredAt: meta.Timestamp}, true
}

func (x *consumption) beat(msg jetstream.Msg) {
	if err := msg.InProgress(); err != nil { // disconnected: the delivery may come again
		x.log.Debug().Err(err).Msg("bus: heartbeat")
	}
}

// handBack returns a delivery that nobody has looked at, so that another instance gets it at once.
func (x *consumption) handBack(msg jetstream.Msg) {
	if err := msg.NakWithDelay(shutdownDelay); err != nil {
		x.log.Debug().Err(err).Msg("bus: hand back")
	}
}

// settle does to a delivery what Dispose decides. An acknowledgement that does not arrive means that the delivery comes
// again, which handlers expect.
func (x *consumption) settle(msg jetstream.Msg, d Delivery, err error, confirmed bool) {
	disposition := Dispose(err, d.Delivered)
	if err != nil {
		logDisposed(x.log, d, err, disposition)
	}
	if ackErr := x.send(msg, disposition, confirmed); ackErr != nil && !errors.Is(ackErr, jetstream.ErrMsgAlreadyAckd) {
		x.log.Warn().Err(ackErr).Uint64("sequence", d.Sequence).Msg("bus: acknowledgement did not arrive")
	}
}

func (x *consumption) send(msg jetstream.Msg, disposition Disposition, confirmed bool) error {
	switch disposition.Verb {
	case VerbTerm:
		return msg.TermWithReason(disposition.Reason)
	case VerbDelay:
		return msg.NakWithDelay(disposition.Delay)
	}
	if !confirmed {
		return msg.Ack()
	}
	ctx, cancel := context.WithTimeout(context.Background(), ackTimeout) // a finished delivery is acknowledged even in a shutdown
	defer cancel()
	return msg.DoubleAck(ctx)
}
