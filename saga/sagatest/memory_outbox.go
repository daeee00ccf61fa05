package sagatest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Relay implements saga.Outbox.
func (m *Memory) Relay(
	ctx context.Context, limit int, send func(context.Context, []events.Message) ([]int, error),
) (sent int, more bool, err error) {
	claimed, messages := m.claim(limit)
	if len(claimed) == 0 {
		return 0, false, nil
	}
	failed, err := send(ctx, messages)
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, u := range claimed {
		u.locked = false
		if err == nil && !slices.Contains(failed, i) {
			u.sent = true
			sent++
		}
	}
	m.outbox = slices.DeleteFunc(m.outbox, func(u *unsent) bool { return u.sent })
	if err != nil {
		return 0, false, fmt.Errorf("sagatest: relay: %w", err)
	}
	return sent, len(claimed) == limit && len(failed) == 0, nil
}

func (m *Memory) claim(limit int) (claimed []*unsent, messages []events.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.outbox {
		if u.locked || len(claimed) == limit {
			continue
		}
		u.locked = true
		claimed, messages = append(claimed, u), append(messages, u.message)
	}
	return claimed, messages
}

// Wait implements saga.Outbox.
func (m *Memory) Wait(ctx context.Context) error {
	select {
	case <-m.wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Bury implements saga.DeadLetters.
func (m *Memory) Bury(_ context.Context, letters ...saga.DeadLetter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, letter := range letters {
		known := slices.ContainsFunc(m.dead, func(d saga.DeadLetter) bool {
			return d.Stream == letter.Stream && d.Sequence == letter.Sequence && d.Consumer == letter.Consumer
		})
		if !known {
			m.dead = append(m.dead, letter.Bounded())
		}
	}
	return nil
}

// Buried implements saga.DeadLetters.
func (m *Memory) Buried(_ context.Context, limit int) ([]saga.DeadLetter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	newest := slices.Clone(m.dead)
	slices.Reverse(newest)
	return newest[:min(len(newest), saga.ListLimit(limit))], nil
}

// SetRoster implements saga.Rosters.
func (m *Memory) SetRoster(_ context.Context, roster []saga.RosterEntry) error {
	if err := saga.CheckRoster(roster); err != nil {
		return fmt.Errorf("sagatest: set roster: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.roster = slices.Clone(roster)
	slices.SortFunc(m.roster, func(a, b saga.RosterEntry) int {
		return cmp.Or(cmp.Compare(a.Wave, b.Wave), cmp.Compare(a.Participant, b.Participant))
	})
	return nil
}

// Roster implements saga.Rosters.
func (m *Memory) Roster(context.Context) ([]saga.RosterEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.roster), nil
}
