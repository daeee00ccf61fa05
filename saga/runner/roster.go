package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// pingTimeout bounds the question whether a participant is there.
const pingTimeout = 2 * time.Second

// failedMax bounds the jobs that are looked through for failed steps.
const failedMax = 1000

// Participants is the roster with what is known of each now: whether an instance answers, and in how many jobs it failed.
func (r *Runner) Participants(ctx context.Context) ([]saga.Presence, error) {
	roster, err := r.store.Roster(ctx)
	if err != nil {
		return nil, fmt.Errorf("runner: participants: %w", err)
	}
	failed, err := r.store.Jobs(ctx, saga.Filter{States: []saga.State{saga.StateFailed}, Limit: failedMax})
	if err != nil {
		return nil, fmt.Errorf("runner: participants: %w", err)
	}
	count := map[events.Participant]int{}
	for i := range failed {
		for s := range failed[i].Steps {
			if step := &failed[i].Steps[s]; step.State == saga.StepFailed {
				count[step.Participant]++
			}
		}
	}
	present := make([]saga.Presence, len(roster))
	atOnce(len(roster), previewsAtOnce, func(i int) {
		present[i] = saga.Presence{RosterEntry: roster[i], Failed: count[roster[i].Participant]}
		present[i].Version, present[i].Live = r.ping(ctx, roster[i].Participant)
	})
	return present, nil
}

// ping asks whether anybody serves the participant's previews.
func (r *Runner) ping(ctx context.Context, p events.Participant) (version string, live bool) {
	pinger, ok := r.bus.(bus.Pinger)
	if !ok {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	version, err := pinger.Ping(ctx, events.ServiceName(p))
	if err != nil && !errors.Is(err, bus.ErrNoResponder) {
		r.cfg.Logger.Debug().Err(err).Str("participant", string(p)).Str("kind", "ping").Msg("no answer")
	}
	return version, err == nil
}

// SetRoster replaces who must take part in new jobs; jobs that exist keep theirs.
func (r *Runner) SetRoster(ctx context.Context, roster []saga.RosterEntry) error {
	if len(roster) == 0 {
		return fmt.Errorf("runner: set roster: roster: %w: must name somebody", events.ErrInvalid)
	}
	if err := saga.CheckRoster(roster); err != nil {
		return fmt.Errorf("runner: set roster: %w", err)
	}
	if err := r.store.SetRoster(ctx, roster); err != nil {
		return fmt.Errorf("runner: set roster: %w", err)
	}
	return nil
}
