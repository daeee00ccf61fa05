package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// HandlerFunc handles one finished deletion. It may be called again for the same event, whose id is the same then. Nil
// acknowledges; bus.Poison gives the event up, which becomes a dead letter; every other error brings it back after a delay that
// grows to 30 s, and nothing overtakes it meanwhile.
type HandlerFunc func(ctx context.Context, e events.Event, d *events.Deleted) error

// Config says how a subscriber runs. The zero Config trusts whoever the broker lets write tenant.deleted.
type Config struct {
	// Grace is how long the running handler may go on after the context has ended; then its own context ends. Default 20 s,
	// below the 30 s after which Kubernetes kills a process.
	Grace time.Duration
	// Logger is silent at zero.
	Logger zerolog.Logger
	// TrustedKeys are the coordinator's public keys; an event that none of them signed is a dead letter. Empty verifies
	// nothing.
	TrustedKeys []events.PublicKey
}

const graceDefault = 20 * time.Second

// errGrace is the cause of a handler's context that has outlived the shutdown.
var errGrace = errors.New("the grace after the shutdown is over")

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// Deleted hands every tenant.deleted event to the handler, one at a time and in order, until ctx ends. The events are those of
// the durable consumer downstream_<name>, which deploy/nats provisions: a process that was down gets what it has missed. It
// returns nil when ctx ended, and an error only for what never passes, such as a missing permission.
func Deleted(ctx context.Context, b bus.Bus, name string, handle HandlerFunc, cfg Config) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("client: deleted: name: %w: must be a lower-case letter, then up to 31 of a-z 0-9 _", events.ErrInvalid)
	}
	s := &subscriber{handle: handle, cfg: cfg}
	s.cfg.Grace = cmp.Or(cfg.Grace, graceDefault)
	c := bus.Consumer{Stream: events.StreamEvents, Name: "downstream_" + name}
	err := b.Consume(ctx, c, func(ctx context.Context, batch []bus.Delivery) []error {
		errs := make([]error, len(batch))
		for i := range batch {
			errs[i] = s.deliver(ctx, batch[i])
		}
		return errs
	})
	if err != nil {
		return fmt.Errorf("client: deleted: %w", err)
	}
	return nil
}

type subscriber struct {
	handle HandlerFunc
	cfg    Config
}

// deliver handles one event. What cannot be read or trusted is poison: it would block all that come after it for ever.
func (s *subscriber) deliver(ctx context.Context, d bus.Delivery) error {
	e, deleted, err := Open(d.Message, s.cfg.TrustedKeys...)
	if err != nil {
		return bus.Poison("%v", err) // names the field, repeats nothing of the message
	}
	work, end := graceful(ctx, s.cfg.Grace)
	defer end()
	started := time.Now()
	err = s.handle(work, e, deleted)
	if errors.Is(err, context.Canceled) && work.Err() == nil {
		// The handler cancelled something of its own. The bus would take that for a shutdown and bring the event back at once.
		err = errors.New(err.Error())
	}
	if err == nil {
		s.cfg.Logger.Info().Str("kind", string(e.Type)).Str("tenant", string(deleted.TenantID)).Str("job", string(deleted.JobID)).
			Dur("dur", time.Since(started)).Msg("client: handled")
	}
	return err
}

// graceful is a context that outlives its parent's end by the grace.
func graceful(parent context.Context, grace time.Duration) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	over := make(chan struct{})
	stop := context.AfterFunc(parent, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(errGrace)
		case <-over:
		}
	})
	return ctx, func() {
		stop()
		close(over)
		cancel(nil)
	}
}
