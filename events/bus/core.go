package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Announce implements Bus.
func (b *JetStream) Announce(_ context.Context, m events.Message) error {
	if err := b.nc.PublishMsg(toNATS(m)); err != nil {
		return fmt.Errorf("bus: announce: %w", err)
	}
	return nil
}

// Watch implements Bus.
func (b *JetStream) Watch(ctx context.Context, pattern string, fn func(events.Message)) error {
	before := b.nc.LastError()
	sub, err := b.nc.Subscribe(pattern, func(msg *nats.Msg) {
		if ctx.Err() != nil {
			return
		}
		defer func() {
			if p := recover(); p != nil {
				logPanic(b.log, p)
			}
		}()
		fn(fromNATS(msg.Subject, msg.Header, msg.Data))
	})
	if err != nil {
		return fmt.Errorf("bus: watch: %w", err)
	}
	if err := b.confirm(ctx, before, pattern); err != nil {
		b.unsubscribe(sub)
		return fmt.Errorf("bus: watch: %w", err)
	}
	context.AfterFunc(ctx, func() { b.unsubscribe(sub) })
	return nil
}

// confirm waits until the broker has seen a subscription and fails when it denied it. The denial arrives before the
// answer to the flush, as the connection's last error.
func (b *JetStream) confirm(ctx context.Context, before error, subject string) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	if err := b.nc.FlushWithContext(ctx); err != nil {
		return err
	}
	last := b.nc.LastError()
	//nolint:errorlint // identity is meant: an error that was there before says nothing about this call
	if last != before && errors.Is(last, nats.ErrPermissionViolation) && violated(last) == subject {
		return fmt.Errorf("%w: %s", ErrPermission, subject)
	}
	return nil
}

func (b *JetStream) unsubscribe(sub *nats.Subscription) {
	err := sub.Unsubscribe()
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrBadSubscription) {
		b.log.Debug().Err(err).Msg("bus: unsubscribe")
	}
}
