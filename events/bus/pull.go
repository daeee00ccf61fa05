package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Limits of a pull.
const (
	pullExpiry    = 30 * time.Second
	pullHeartbeat = 3 * time.Second // a silent broker is noticed after two
	controlMax    = 64              // room for heartbeats while a handler holds its puller up: a pull sends ten, then ends
	drainFlush    = time.Second
)

var (
	errSilent = errors.New("no heartbeat from the broker")
	errGone   = errors.New("the broker has no such consumer")
)

// puller asks a consumer for messages and receives them. It keeps between low and size messages asked for; with a size of
// 1 the next message is asked for after the last one is settled, so that nothing waits behind a long handler.
//
// This is not jetstream's Consume: with PullMaxMessages(1), a handler that ends before the client has booked its own
// request leaves it without a request until the heartbeat is missed. That was measured: 1 of 100 messages, 6 s each.
type puller struct {
	bus     *JetStream
	subject string // of the requests
	size    int
	low     int
	asked   int // messages that the broker still owes
	sub     *nats.Subscription
	in      chan *nats.Msg
	silence *time.Timer
}

// pullRequest is the body of a request ($JS.API.CONSUMER.MSG.NEXT).
type pullRequest struct {
	Batch     int           `json:"batch"`
	Expires   time.Duration `json:"expires"`
	Heartbeat time.Duration `json:"idle_heartbeat"`
}

func (b *JetStream) newPuller(c Consumer, size, low int) (*puller, error) {
	p := &puller{bus: b, subject: b.api("CONSUMER.MSG.NEXT." + c.Stream + "." + c.Name), size: size, low: low,
		in: make(chan *nats.Msg, 2*size+controlMax), silence: time.NewTimer(2 * pullHeartbeat)}
	var err error
	p.sub, err = b.nc.ChanSubscribe(b.nc.NewInbox(), p.in)
	return p, err
}

// next waits for a message. Nil without an error means that ctx ended; an error means that the consumer must be bound
// anew.
func (p *puller) next(ctx context.Context, denied *denialWatch) (*nats.Msg, error) {
	for ctx.Err() == nil {
		connected := p.bus.connectedAgain()
		if p.asked < p.low && len(p.in) == 0 {
			if err := p.ask(); err != nil {
				return nil, err
			}
		}
		select {
		case msg := <-p.in:
			p.silence.Reset(2 * pullHeartbeat)
			if isDelivery(msg) {
				p.asked = max(p.asked-1, 0)
				return msg, nil
			}
			if err := p.control(msg); err != nil {
				return nil, err
			}
		case <-connected: // what was asked for is forgotten
			p.asked = 0
		case <-p.silence.C:
			p.silence.Reset(2 * pullHeartbeat)
			if p.bus.nc.IsConnected() {
				return nil, errSilent
			}
		case <-denied.seen:
			return nil, denied.err
		case <-p.bus.closed:
			return nil, ErrClosed
		case <-ctx.Done():
		}
	}
	return nil, nil
}

func (p *puller) ask() error {
	body, err := json.Marshal(pullRequest{Batch: p.size - p.asked, Expires: pullExpiry, Heartbeat: pullHeartbeat})
	if err != nil {
		return err
	}
	err = p.bus.nc.PublishRequest(p.subject, p.sub.Subject, body)
	if err != nil && !p.bus.nc.IsConnected() { // asked again after the reconnect
		err = nil
	}
	p.asked, _ = p.size, p.silence.Reset(2*pullHeartbeat)
	return err
}

func isDelivery(msg *nats.Msg) bool {
	return len(msg.Data) > 0 || len(msg.Header) == 0 || msg.Header.Get("Status") == ""
}

// control reads what the broker says about a pull.
func (p *puller) control(msg *nats.Msg) error {
	code, text := msg.Header.Get("Status"), strings.ToLower(msg.Header.Get("Description"))
	switch {
	case code == "100": // a heartbeat
	case code == "404" || code == "408": // the pull has ended
		left, err := strconv.Atoi(msg.Header.Get("Nats-Pending-Messages"))
		if err != nil {
			left = p.asked
		}
		p.asked = max(p.asked-left, 0)
	case code == "409" && (strings.Contains(text, "leadership change") || strings.Contains(text, "batch completed")):
		p.asked = 0
	case code == "409" && strings.Contains(text, "server shutdown"): // asked again after the reconnect
	case code == "503" || code == "409" && strings.Contains(text, "consumer deleted"):
		return errGone
	default:
		return fmt.Errorf("the broker answered %s %s", code, text)
	}
	return nil
}

// close asks for nothing more and returns what is still on its way, so that it can be handed back: a message that reached
// nobody would otherwise be missing for a whole AckWait.
func (p *puller) close() (left []*nats.Msg) {
	p.silence.Stop()
	if p.asked > 0 && p.bus.nc.IsConnected() {
		ctx, cancel := context.WithTimeout(context.Background(), drainFlush)
		defer cancel()
		if p.sub.Drain() == nil { // the broker forgets the pull, the subscription still receives
			_ = p.bus.nc.FlushWithContext(ctx) // without the answer, what is missing comes after AckWait
		}
	} else {
		p.bus.unsubscribe(p.sub)
	}
	for {
		select {
		case msg := <-p.in:
			if isDelivery(msg) {
				left = append(left, msg)
			}
		default:
			return left
		}
	}
}
