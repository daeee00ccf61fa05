package runner

import (
	"context"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Announce sends the tenant.deleted of a completed job once more, for those who lost it, and returns when the stream has
// stored it. Every subscriber gets it again, under the same event id.
func (r *Runner) Announce(ctx context.Context, id events.JobID, by string) error {
	job, err := r.store.Job(ctx, id)
	if err != nil {
		return fmt.Errorf("runner: announce: %w", err)
	}
	e, ok := job.Announcement()
	if !ok {
		return fmt.Errorf("runner: announce: %w: the job is %s, only a completed one has an announcement", saga.ErrState, job.State)
	}
	m, err := events.Encode(e)
	if err != nil {
		return fmt.Errorf("runner: announce: %w", err)
	}
	// The stream drops an id that it has seen within the hour; the event's own id stays, so that subscribers know it.
	m.Header[events.HeaderMsgID] = fmt.Sprintf("%s/again/%d", e.ID, r.now().UnixNano())
	if m, err = r.cfg.Signer.Sign(m); err != nil {
		return fmt.Errorf("runner: announce: %w", err)
	}
	if err := r.bus.Publish(ctx, m); err != nil {
		return fmt.Errorf("runner: announce: %w", err)
	}
	r.cfg.Logger.Info().Str("job", string(id)).Str("tenant", string(job.Tenant)).Str("kind", "announce").Str("by", by).
		Msg("announced again")
	return nil
}
