package sagatest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
			kept := letter.Bounded()
			kept.ID, kept.Resolution = int64(len(m.dead))+1, nil
			m.dead = append(m.dead, kept)
		}
	}
	return nil
}

// Buried implements saga.DeadLetters.
func (m *Memory) Buried(_ context.Context, f saga.DeadFilter) ([]saga.DeadLetter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var newest []saga.DeadLetter
	for _, letter := range slices.Backward(m.dead) {
		if (f.Resolved || letter.Resolution == nil) && (f.Consumer == "" || letter.Consumer == f.Consumer) &&
			(f.Before == 0 || letter.ID < f.Before) {
			newest = append(newest, letter)
		}
	}
	return newest[:min(len(newest), saga.ListLimit(f.Limit))], nil
}

// Letter implements saga.DeadLetters.
func (m *Memory) Letter(_ context.Context, id int64) (saga.DeadLetter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id < 1 || id > int64(len(m.dead)) {
		return saga.DeadLetter{}, fmt.Errorf("sagatest: read dead letter: %w: %d", saga.ErrNotFound, id)
	}
	return m.dead[id-1], nil
}

// Resolve implements saga.DeadLetters.
func (m *Memory) Resolve(_ context.Context, id int64, r saga.Resolution) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	resent, discarded := r.Kind == saga.ResolutionResent, r.Kind == saga.ResolutionDiscarded && r.Reason != ""
	switch {
	case id < 1 || id > int64(len(m.dead)):
		return fmt.Errorf("sagatest: resolve dead letter: %w: %d", saga.ErrNotFound, id)
	case m.dead[id-1].Resolution != nil:
		return fmt.Errorf("sagatest: resolve dead letter: %w: it was resolved before", saga.ErrState)
	case r.By == "" || !resent && !discarded || !isText(r.By) || !isText(r.Reason):
		return fmt.Errorf("sagatest: resolve dead letter: %w: it is resent or discarded, by someone, and discarded for a reason",
			events.ErrInvalid)
	}
	r.At = r.At.UTC().Truncate(time.Microsecond)
	m.dead[id-1].Resolution = &r
	return nil
}

// isText reports whether a store that survives could keep it.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

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
