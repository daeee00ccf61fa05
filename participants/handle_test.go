package participants_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/participantstest"
)

func TestDelivery(t *testing.T) {
	t.Parallel()
	t.Run("a transient error is tried again without an answer", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, func(call int) error {
			if call < 3 {
				return errors.New("connection reset")
			}
			return nil
		}, participants.Config{})
		p.run()
		p.send(command(1))
		result := p.answer()
		require.True(t, result.Success)
		require.Equal(t, map[string]int64{"orders": 5}, result.DeletedCounts)
		require.Equal(t, 3, p.calls)
	})
	t.Run("a transient error that lasts is answered as given up, without its text", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, func(int) error { return errors.New("could not reach db7.internal") }, participants.Config{GiveUpAfter: 2})
		p.run()
		p.send(command(1))
		result := p.answer()
		require.False(t, result.Success)
		require.Equal(t, []events.Problem{{Code: participants.CodeGaveUp,
			Detail: "a transient error lasted for 2 deliveries"}}, result.Errors)
		require.Empty(t, result.DeletedCounts)
	})
	t.Run("a refusal is answered at once, without its cause", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, func(int) error {
			return fmt.Errorf("sqlplan: erase: %w", &participants.RefusedError{Code: participants.CodeResidue, Detail: "table orders",
				Err: errors.New("Key (name)=(Jane) is still referenced")})
		}, participants.Config{})
		p.run()
		p.send(command(1))
		require.Equal(t, []events.Problem{{Code: participants.CodeResidue, Detail: "table orders"}}, p.answer().Errors)
		require.Equal(t, 1, p.calls)
	})
	t.Run("shutdown hands the command back without an answer", func(t *testing.T) {
		t.Parallel()
		erasing := make(chan struct{})
		p := newPlace(t, nil, participants.Config{GiveUpAfter: 1})
		ctx, cancel := context.WithCancel(t.Context())
		p.before = func(call int) error {
			if call == 1 {
				close(erasing)
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		var running sync.WaitGroup
		running.Go(func() { require.NoError(t, p.runner.Run(ctx)) })
		p.send(command(1))
		<-erasing
		cancel()
		running.Wait()
		require.Empty(t, p.answers, "even with GiveUpAfter 1 a shutdown is no failure")
		p.run()
		require.True(t, p.answer().Success)
	})
	t.Run("a command for others is acknowledged without an answer", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{GiveUpAfter: 1, Workers: 1})
		p.run()
		others := command(1)
		others.Participants = []events.Participant{"inventory"}
		p.send(others)
		p.send(command(2))
		require.Equal(t, 2, p.answer().Attempt)
		require.Equal(t, 1, p.calls)
	})
	t.Run("the answer carries the command's trace and its own deterministic id", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{})
		p.run()
		p.send(command(1))
		p.answer()
		stored, err := p.bus.Last(t.Context(), events.StreamEvents, "tenant.deletion.result.orders.acme")
		require.NoError(t, err)
		e, err := events.Decode(stored.Message)
		require.NoError(t, err)
		require.Equal(t, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", e.TraceParent)
		require.Equal(t, events.EventIDFor(command(1).JobID, events.TypeResult, "orders", 0, 1), e.ID)
	})
	t.Run("an expired command is a dead letter with a reason that holds no content", func(t *testing.T) {
		t.Parallel()
		var log bytes.Buffer
		p := newPlace(t, nil, participants.Config{Logger: zerolog.New(&log), Workers: 1,
			Now: func() time.Time { return time.Now().Add(2 * time.Hour) }})
		stop := p.run()
		p.send(command(1))
		later := command(2)
		later.ExpiresAt = later.ExpiresAt.Add(24 * time.Hour)
		p.send(later)
		require.Equal(t, 2, p.answer().Attempt)
		stop()
		dead, err := p.bus.Last(t.Context(), events.StreamDead, "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.TD_EVENTS.orders")
		require.NoError(t, err)
		require.Contains(t, string(dead.Body), "command expired")
		require.NotContains(t, string(dead.Body), "acme")
		require.Contains(t, log.String(), `"kind":"poison"`)
		require.Contains(t, log.String(), `"kind":"erased"`)
	})
	t.Run("a command older than the tenant's present life is answered, and a dead letter", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{Workers: 1})
		p.run()
		old, newer, lost := command(1), command(1), command(1)
		newer.JobID, newer.Generation = events.NewJobID(), 2
		lost.JobID = events.NewJobID() // of generation 1, and without a receipt
		late := command(2)
		for _, c := range []*events.Command{old, newer} {
			p.send(c)
			require.True(t, p.answer().Success)
		}
		p.Seed("acme", 3) // created again
		p.send(late)
		answer := p.answer()
		require.True(t, answer.Success && answer.Replayed, "the receipt: %+v", answer)
		p.send(lost)
		require.Equal(t, participants.CodeStale, p.answer().Errors[0].Code)
		require.Eventually(t, func() bool {
			dead, err := p.bus.Last(t.Context(), events.StreamDead, "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.TD_EVENTS.orders")
			return err == nil && dead.Sequence == 2 && strings.Contains(string(dead.Body), participants.CodeStale)
		}, waitMax, time.Millisecond, "two dead letters")
		counts, err := p.Preview(t.Context(), "acme")
		require.NoError(t, err)
		require.EqualValues(t, 3, counts.Total(), "nothing of the new life was deleted")
	})
	t.Run("a result that the contract refuses is answered as a failure instead of never", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, nil, participants.Config{})
		p.Memory = participantstest.NewMemory(strings.Repeat("x", 300))
		p.Seed("acme", 1)
		p.run()
		p.send(command(1))
		require.Equal(t, participants.CodeInternal, p.answer().Errors[0].Code)
	})
}
