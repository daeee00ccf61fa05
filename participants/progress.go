package participants

import (
	"context"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Limits of progress events: what a person can follow, and little enough that a thousand small tenants cost nothing.
const (
	progressInterval = 250 * time.Millisecond // between two of one erasure
	donePerSecondMax = 20                     // last events of a participant
)

// throttle counts events per second.
type throttle struct {
	mu    sync.Mutex
	start time.Time
	n     int
}

// allow reports whether one more event may be sent in this second.
func (t *throttle) allow(now time.Time, perSecondMax int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.start) >= time.Second || now.Before(t.start) {
		t.start, t.n = now, 0
	}
	t.n++
	return t.n <= perSecondMax
}

// progressOf tells whoever watches how far the erasure is; an erasure shorter than the interval tells nothing before its end.
func (r *Runner) progressOf(ctx context.Context, c *events.Command) func(table string, deleted int64) {
	if r.bus == nil {
		return nil
	}
	last := r.cfg.Now()
	return func(table string, deleted int64) {
		now := r.cfg.Now()
		if now.Sub(last) < progressInterval {
			return
		}
		last = now
		r.announce(ctx, now, &events.Progress{JobID: c.JobID, TenantID: c.TenantID, ServiceName: r.service.Name,
			Attempt: c.Attempt, Deleted: deleted, Table: table})
	}
}

// announceDone tells that the attempt is committed.
func (r *Runner) announceDone(ctx context.Context, result *events.Result) {
	now := r.cfg.Now()
	if !result.Success || !r.finished.allow(now, donePerSecondMax) {
		return
	}
	r.announce(ctx, now, &events.Progress{JobID: result.JobID, TenantID: result.TenantID, ServiceName: r.service.Name,
		Attempt: result.Attempt, Deleted: result.Total(), Done: true})
}

// announce drops what cannot be sent: progress may be lost, an erasure may not be.
func (r *Runner) announce(ctx context.Context, now time.Time, p *events.Progress) {
	message, err := events.Encode(events.Event{
		ID:     events.EventIDFor(p.JobID, events.TypeProgress, r.service.Name, 0, p.Attempt),
		Source: r.source(), Type: events.TypeProgress, Subject: p.TenantID, Time: now.UTC(), Data: p,
	})
	if err == nil {
		_ = r.bus.Announce(ctx, message)
	}
}
