package runner

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Config tunes a Runner. The zero value of every field but Signer works.
type Config struct {
	// BatchMax is the largest number of messages, due jobs or verifications that share one transaction. Zero means 256: a
	// commit costs milliseconds whatever it holds, and 256 results with their jobs stay well under a megabyte.
	BatchMax int
	// Clock says what time it is. Nil means time.Now.
	Clock func() time.Time
	// Logger is silent at its zero value.
	Logger zerolog.Logger
	// Policy is frozen into jobs that come in over the bus.
	Policy saga.Policy
	// PreviewTimeout is how long one participant may take to be counted in a verification. Zero means 5 s; keep it below
	// the policy's patience, or answers arrive after the next question.
	PreviewTimeout time.Duration
	// Reached is called when the runner reaches a point; tests stop the process there. Nil in production.
	Reached func(Point)
	// Rules decide whether a new request may become a job. Nil lets every request.
	Rules saga.Rules
	// Signer signs what is sent, so that participants can tell a command from a forgery. Required.
	Signer *events.Signer
	// VerifyWorkers is how many jobs are verified side by side. Zero means 64: workers mostly wait for participants.
	VerifyWorkers int
}

// Point is a place where a crash must do no harm.
type Point string

// The points, in the order an event passes them.
const (
	PointDecided Point = "coordinator.decided" // job, inbox and outbox committed; nothing sent, delivery not acknowledged
	PointRelayed Point = "coordinator.relayed" // stored by the stream, outbox not marked
)

// Limits of the loops.
const (
	resultsLinger    = 3 * time.Millisecond // fewer transactions under load; an idle job waits this long once a wave
	relayBatchMax    = 256                  // messages per relay transaction; as many as bus.Publish keeps in flight
	relayPoll        = 2 * time.Second      // safety net: a wake that was lost costs so much
	relayPublishMax  = 10 * time.Second     // below the pool's idle-in-transaction timeout of 30 s
	dueLease         = 15 * time.Second     // a replica that dies with claimed jobs delays them by so much
	duePoll          = 5 * time.Second      // safety net: another replica may have saved an earlier WakeAt
	verifyQueueMax   = 1024                 // jobs waiting for a verify worker; beyond it results wait, which is what we want
	noResponderMax   = 3 * time.Second      // a participant that restarts is back in that time
	noResponderPause = 250 * time.Millisecond
	recoverProbe     = 5 * time.Second // how soon a lost stream is noticed
	recoverPageMax   = 500             // jobs per page of a recovery
	followPoll       = time.Second     // safety net: another replica may have saved the change
	followPageMax    = 500             // entries per page of a history
	progressMax      = 64              // progress waiting for a slow follower; more is dropped, it is not stored anyway
	previewsAtOnce   = 16              // participants asked side by side, per preview of a tenant
	replayPageMax    = 100             // jobs a replay looks at in one call
	originalsMax     = 1000            // stored requests of a tenant that are looked through for the original
	retryPauseMin    = 50 * time.Millisecond
	retryPauseMax    = 5 * time.Second
)

func (c Config) withDefaults() Config {
	c.BatchMax = cmp.Or(c.BatchMax, 256)
	c.PreviewTimeout = cmp.Or(c.PreviewTimeout, 5*time.Second)
	c.VerifyWorkers = cmp.Or(c.VerifyWorkers, 64)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Reached == nil {
		c.Reached = func(Point) {}
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	if c.Signer == nil {
		errs = append(errs, errors.New("runner: Signer: missing"))
	}
	if c.BatchMax < 1 || c.BatchMax > 4096 {
		errs = append(errs, fmt.Errorf("runner: BatchMax: %d is not between 1 and 4096", c.BatchMax))
	}
	if c.PreviewTimeout < 0 {
		errs = append(errs, fmt.Errorf("runner: PreviewTimeout: %v is negative", c.PreviewTimeout))
	}
	if c.VerifyWorkers < 1 {
		errs = append(errs, fmt.Errorf("runner: VerifyWorkers: %d is below 1", c.VerifyWorkers))
	}
	return errors.Join(errs...)
}
