package runner

import (
	"context"
	"time"
)

const (
	// sweepEvery is often enough for what grows by some megabytes a day.
	sweepEvery = 24 * time.Hour
	// sweepKeep is longer than the 90 days that TD_EVENTS keeps a message, so that no message that can still be read has
	// been forgotten by the inbox.
	sweepKeep = 91 * 24 * time.Hour
)

// sweeper is a store that keeps what was counted and sent; one that does not has nothing to sweep.
type sweeper interface {
	Sweep(ctx context.Context, before time.Time) (rows int64, err error)
}

// sweep forgets inbox, outbox, dead letters and previews that are older than any message of the streams: at start, then daily.
// Replicas may do it side by side.
func (r *Runner) sweep(ctx context.Context) error {
	store, ok := r.store.(sweeper)
	if !ok {
		return nil
	}
	next := time.NewTicker(sweepEvery)
	defer next.Stop()
	for {
		rows, err := store.Sweep(ctx, r.now().Add(-sweepKeep))
		if err != nil && ctx.Err() == nil {
			r.cfg.Logger.Warn().Err(err).Str("kind", "sweep").Msg("not swept, will try again tomorrow")
		}
		if rows > 0 {
			r.cfg.Logger.Info().Str("kind", "sweep").Int64("rows", rows).Msg("forgot what is older than the streams")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
	}
}
