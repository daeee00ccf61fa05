// Package bus carries messages between the coordinator, the participants and those who listen: over JetStream in
// production (JetStream), in memory for tests and examples (Memory). Both pass the suite in bustest.
//
// # Usage
//
// Open a bus, Publish what must not be lost, Consume with a durable consumer that deploy/nats has provisioned, Request and
// Serve previews, Announce and Watch what may be lost. Both buses are also a Reader, a Pinger, a Tailer and a
// Pauser.
//
// # Guarantees
//
// Publish returns nil only when the stream has stored every message; a repeat with the same Nats-Msg-Id inside the
// stream's window is stored once, also when a try seemed to fail; only a try that failed changes the order. An id that somebody
// else has used on another subject keeps no message out: it is stored under another id. A delivery is
// redelivered until its handler returned nil (or Poison) for it. A handler that works longer than the consumer's AckWait
// keeps its delivery.
//
// # Not guaranteed
//
// Exactly-once delivery: handlers must be idempotent. Announce may lose messages.
//
// # Shutdown
//
// Consume returns when its context ends, after every running handler has returned. What was prefetched is
// handed back. Close comes last: it waits for running Watch and Serve functions.
//
// # Testing
//
// bustest.Run is the contract; Memory needs no network.
package bus

import (
	"context"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Bus is what the house needs of a broker.
type Bus interface {
	// Publish stores the messages in order (but what has to be tried again comes later) and waits until the stream has
	// acknowledged each; it is safe to call again with the same messages. On an error some may have been stored: a
	// *PublishError says which.
	Publish(ctx context.Context, messages ...events.Message) error
	// Consume hands deliveries of a durable consumer to the handler until ctx ends, then waits for running handlers.
	// It re-binds by itself after a broker restart; it returns an error only when it can never work (no such consumer is
	// retried, a permission violation is not).
	Consume(ctx context.Context, c Consumer, handle HandlerFunc) error
	// Announce sends without storing, at most once.
	Announce(ctx context.Context, m events.Message) error
	// Watch calls fn for every message on the subject pattern (NATS wildcards) that is sent while it watches, one at a time,
	// until ctx ends; it returns once the subscription is in place.
	Watch(ctx context.Context, pattern string, fn func(events.Message)) error
	// Request sends to whoever serves the subject and waits for the one answer. ErrNoResponder when nobody does.
	Request(ctx context.Context, m events.Message) (events.Message, error)
	// Serve answers requests on the subject as a discoverable service until ctx ends; several instances share the load.
	// It returns once the endpoint is in place.
	Serve(ctx context.Context, s Service, fn ServeFunc) error
	// Last is the newest stored message of a subject in a stream. ErrNotFound when there is none.
	Last(ctx context.Context, stream, subject string) (Stored, error)
}

// Consumer names a durable consumer and how its deliveries are handled.
type Consumer struct {
	Stream string
	Name   string
	// Workers run handlers side by side; each holds one batch. Zero means 1.
	Workers int
	// BatchMax is the largest batch a handler gets: what is there, at most so many. Zero means 1. A batch of 1 is heart-beaten
	// while it runs and acknowledged with confirmation; larger ones are acknowledged plainly, which is four times as fast.
	BatchMax int
	// Linger is how long a batch that is not full waits for one more message, again after each that came, lingerMax times at
	// the most. Zero hands over what is there. A transaction costs the same for three messages and for thirty.
	Linger time.Duration
}

// Delivery is one message of a batch.
type Delivery struct {
	events.Message
	// Sequence is the stream sequence, Delivered how often it was delivered, this time included.
	Sequence  uint64
	Delivered int
	StoredAt  time.Time
}

// Stored is a message read back from a stream.
type Stored struct {
	events.Message
	Sequence uint64
	StoredAt time.Time
}

// HandlerFunc handles a batch and returns one error per delivery (nil, or a slice of the batch's length). Dispose decides
// what each error does to its delivery.
type HandlerFunc func(ctx context.Context, batch []Delivery) []error

// Service describes who serves a subject.
type Service struct {
	Name    string // for discovery: tenant-deletion-orders
	Version string // semantic version
	Subject string
}

// ServeFunc answers one request with the body of the answer.
type ServeFunc func(ctx context.Context, m events.Message) (body []byte, err error)
