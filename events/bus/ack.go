package bus

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// The words of the acknowledgement protocol.
const (
	wordAck      = "+ACK"
	wordProgress = "+WPI"
	wordTerm     = "+TERM"
	wordDelay    = "-NAK"
)

// delivery reads a message; one that no consumer delivered is dropped.
func (x *consumption) delivery(msg *nats.Msg) (Delivery, bool) {
	meta, err := msg.Metadata()
	if err != nil {
		x.log.Error().Err(err).Msg("bus: not a delivery")
		return Delivery{}, false
	}
	return Delivery{Message: fromNATS(msg.Subject, msg.Header, msg.Data), Sequence: meta.Sequence.Stream,
		Delivered: int(meta.NumDelivered), StoredAt: meta.Timestamp}, true
}

// beat says that the work goes on, so that AckWait starts again.
func (x *consumption) beat(msg *nats.Msg) { x.say(msg, wordProgress) }

// handBack returns deliveries that nobody has looked at, so that another instance gets them at once.
func (x *consumption) handBack(messages []*nats.Msg) {
	for _, msg := range messages {
		x.say(msg, delayed(shutdownDelay))
	}
}

// settle does to a delivery what Dispose decides. An acknowledgement that does not arrive means that the delivery comes
// again, which handlers expect. Confirmed ones are waited for, even in a shutdown.
func (x *consumption) settle(msg *nats.Msg, d Delivery, err error, confirmed bool) {
	disposition := Dispose(err, d.Delivered)
	if err != nil {
		logDisposed(x.log, d, err, disposition)
	}
	switch {
	case disposition.Verb == VerbTerm:
		x.say(msg, wordTerm+" "+oneLine(disposition.Reason))
	case disposition.Verb == VerbDelay:
		x.say(msg, delayed(disposition.Delay))
	case !confirmed:
		x.say(msg, wordAck)
	default:
		ctx, cancel := context.WithTimeout(context.Background(), ackTimeout)
		defer cancel()
		if _, err := x.bus.nc.RequestWithContext(ctx, msg.Reply, []byte(wordAck)); err != nil {
			x.log.Warn().Err(err).Uint64("sequence", d.Sequence).Msg("bus: acknowledgement is not confirmed")
		}
	}
}

// say sends a word about a delivery. While disconnected it cannot; then the delivery comes again.
func (x *consumption) say(msg *nats.Msg, word string) {
	if err := x.bus.nc.Publish(msg.Reply, []byte(word)); err != nil {
		x.log.Debug().Err(err).Str("kind", word).Msg("bus: not said")
	}
}

func delayed(by time.Duration) string {
	return fmt.Sprintf(`%s {"delay": %d}`, wordDelay, by.Nanoseconds())
}

// oneLine keeps a reason readable in an advisory.
func oneLine(reason string) string { return strings.Join(strings.Fields(reason), " ") }
