package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Errors of this room.
var (
	// ErrFull is matched when the stream, or the broker, has no room: nothing was stored, and a repeat helps once there is room.
	ErrFull        = errors.New("the stream is full")
	ErrNoResponder = errors.New("nobody serves this subject")
	ErrNotFound    = errors.New("no stored message")
	// ErrPermission is matched when the broker denied a publish or a subscription; waiting does not help.
	ErrPermission = errors.New("permission denied by the broker")
	// ErrService is matched when who serves a subject answered that it could not; the cause is in its log.
	ErrService = errors.New("the service could not answer")
)

// PublishError says which messages of a Publish are not known to be stored; publishing them again is safe.
type PublishError struct {
	Failed []int // indexes into the messages of the call
	Err    error
}

func (e *PublishError) Error() string {
	return fmt.Sprintf("bus: publish: %d not stored: %v", len(e.Failed), e.Err)
}

// Unwrap returns the first cause.
func (e *PublishError) Unwrap() error { return e.Err }

// poisonError marks a delivery that no repetition can cure.
type poisonError struct{ reason string }

func (e *poisonError) Error() string { return e.reason }

// Poison is the error a handler returns for a delivery that can never be handled: it is terminated with the reason, which
// becomes a dead letter. The reason never holds the message's content.
func Poison(format string, args ...any) error { return &poisonError{fmt.Sprintf(format, args...)} }

// Verb is what happens to a delivery.
type Verb int

// The verbs; the zero Verb acknowledges.
const (
	VerbAck Verb = iota
	VerbDelay
	VerbTerm
)

// Disposition is a verb with its delay or its reason.
type Disposition struct {
	Verb   Verb
	Delay  time.Duration
	Reason string
}

// Delays of a repeated delivery.
const (
	retryDelayMin    = 200 * time.Millisecond
	retryDelayMax    = 30 * time.Second
	shutdownDelay    = 50 * time.Millisecond // never zero: a zero delay is a plain Nak
	retryDoublingMax = 8
)

// Dispose is the ONE place where a handler's error becomes an ack verb: nil acknowledges, Poison terminates, a handler cut
// by shutdown hands its delivery back at once, everything else is transient and comes back after a growing delay with jitter.
func Dispose(err error, delivered int) Disposition {
	var poison *poisonError
	switch {
	case err == nil:
		return Disposition{Verb: VerbAck}
	case errors.As(err, &poison):
		return Disposition{Verb: VerbTerm, Reason: poison.reason}
	case errors.Is(err, context.Canceled):
		return Disposition{Verb: VerbDelay, Delay: shutdownDelay}
	}
	delay := retryDelayMin << min(max(delivered-1, 0), retryDoublingMax)
	delay = min(delay, retryDelayMax)
	return Disposition{Verb: VerbDelay, Delay: delay/2 + rand.N(delay/2)}
}

// String is the verb's name, for logs.
func (v Verb) String() string {
	switch v {
	case VerbAck:
		return "ack"
	case VerbDelay:
		return "delay"
	case VerbTerm:
		return "term"
	}
	return "unknown"
}
