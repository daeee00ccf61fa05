package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Limits of a publish.
const (
	publishPendingMax = 4096            // un-acknowledged at once, over all callers: several relay batches
	publishTryTimeout = 5 * time.Second // a try; a leader election takes 4 to 7 s, so the second or third try gets through
	publishDelayMin   = 50 * time.Millisecond
	publishDelayMax   = 2 * time.Second
)

// Publish implements Bus. Tries are repeated with the same ids until ctx ends, unless the broker's answer is final; messages
// keep their order as long as no try fails.
func (b *JetStream) Publish(ctx context.Context, messages ...events.Message) error {
	waiting := make([]int, 0, len(messages))
	for i, m := range messages {
		if events.StreamOfSubject(m.Subject) == "" {
			return &PublishError{Failed: allOf(messages), Err: fmt.Errorf("message %d: not the subject of a stored event", i)}
		}
		waiting = append(waiting, i)
	}
	denied, end := b.denied.watch(func(subject string) bool { return has(messages, subject) })
	defer end()
	delay := publishDelayMin
	for {
		failed, err := b.publishOnce(ctx, denied, messages, waiting)
		if err == nil {
			return nil
		}
		if final(err) {
			return &PublishError{Failed: failed, Err: err}
		}
		select {
		case <-ctx.Done():
			return &PublishError{Failed: failed, Err: errors.Join(ctx.Err(), err)}
		case <-b.closed:
			return &PublishError{Failed: failed, Err: errors.Join(ErrClosed, err)}
		case <-time.After(delay/2 + rand.N(delay/2)):
		}
		waiting, delay = failed, min(2*delay, publishDelayMax)
	}
}

// publishOnce sends the waiting messages, then waits for every answer. It returns the indexes that are not known to be
// stored and the gravest cause: a final one before one that a repeat may cure.
func (b *JetStream) publishOnce(ctx context.Context, denied *denialWatch, messages []events.Message, waiting []int) (
	failed []int, cause error) {
	futures := make([]jetstream.PubAckFuture, len(waiting))
	note := func(i int, err error) {
		failed = append(failed, i)
		if cause == nil || final(err) && !final(cause) {
			cause = err
		}
	}
	for n, i := range waiting {
		future, err := b.publishAsync(messages[i])
		if err != nil {
			note(i, err)
			continue
		}
		futures[n] = future
	}
	for n, future := range futures {
		if future == nil {
			continue
		}
		ack, err := awaitPublish(ctx, denied, future)
		if err == nil && ack.Duplicate {
			err = b.repeated(ctx, denied, messages[waiting[n]], ack)
		}
		if err != nil {
			note(waiting[n], err)
		}
	}
	return failed, cause
}

func (b *JetStream) publishAsync(m events.Message) (jetstream.PubAckFuture, error) {
	return b.js.PublishMsgAsync(toNATS(m), jetstream.WithRetryAttempts(0), jetstream.WithStallWait(publishTryTimeout),
		jetstream.WithExpectStream(events.StreamOfSubject(m.Subject)))
}

// awaitPublish waits for one answer. A denial ends the wait for all futures of the call: it names a subject, not a message,
// and what was behind it is published again by the caller.
func awaitPublish(ctx context.Context, denied *denialWatch, future jetstream.PubAckFuture) (*jetstream.PubAck, error) {
	select {
	case ack := <-future.Ok():
		return ack, nil
	case err := <-future.Err():
		return nil, named(err)
	case <-denied.seen:
		return nil, denied.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// final reports whether a repeat of the publish cannot help.
func final(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return !passing[api.ErrorCode]
	}
	for _, e := range []error{ErrPermission, nats.ErrConnectionClosed, nats.ErrMaxPayload, nats.ErrBadSubject} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// passing are the JetStream errors that pass by themselves: no leader yet, too many in flight, the first try still in flight.
var passing = map[jetstream.ErrorCode]bool{
	10008: true, // JetStream system temporarily unavailable
	10009: true, // JetStream cluster can not handle request
	10158: true, // duplicate message id is in process
	10167: true, // too many requests
}

// Answers of the broker that say that there is no room. What a store refuses has one code for every reason, so that the text
// decides.
const (
	codeStoreFailed jetstream.ErrorCode = 10077
	storeFailedFull                     = "maximum " // messages, bytes or messages per subject exceeded
)

// fullCodes are: insufficient resources, storage exceeded, memory exceeded.
var fullCodes = []jetstream.ErrorCode{10023, 10047, 10028}

// named gives the broker's answer "no room" its name; the answer stays visible.
func named(err error) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return err
	}
	full := slices.Contains(fullCodes, api.ErrorCode) ||
		api.ErrorCode == codeStoreFailed && strings.HasPrefix(api.Description, storeFailedFull)
	if full {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

func has(messages []events.Message, subject string) bool {
	for _, m := range messages {
		if m.Subject == subject {
			return true
		}
	}
	return false
}

func allOf(messages []events.Message) []int {
	all := make([]int, len(messages))
	for i := range all {
		all[i] = i
	}
	return all
}

func toNATS(m events.Message) *nats.Msg {
	header := make(nats.Header, len(m.Header)+1)
	for key, value := range m.Header {
		header[key] = []string{value}
	}
	return &nats.Msg{Subject: m.Subject, Header: header, Data: m.Body}
}

func fromNATS(subject string, header nats.Header, body []byte) events.Message {
	m := events.Message{Subject: subject, Body: body, Header: make(map[string]string, len(header))}
	for key, values := range header {
		if len(values) > 0 {
			m.Header[key] = values[0]
		}
	}
	return m
}
