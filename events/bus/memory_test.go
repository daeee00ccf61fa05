package bus_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	t.Run("redeliver hands everything out again, although it was acknowledged", func(t *testing.T) {
		t.Parallel()
		b := bus.NewMemory(bus.MemoryConfig{Participants: spec.Participants})
		b.Redeliver(3)
		require.NoError(t, b.Publish(t.Context(), command("1")))
		ids := arrivals(t, b, orders)
		for range 3 {
			require.Equal(t, "1", next(t, ids))
		}
	})
	t.Run("a consumer that is not defined is an error", func(t *testing.T) {
		t.Parallel()
		b := bus.NewMemory(bus.MemoryConfig{})
		require.ErrorContains(t, b.Consume(t.Context(), orders, nil), "no such consumer")
	})
	t.Run("a consumer on a stream that is not defined is a programmer's error", func(t *testing.T) {
		t.Parallel()
		require.Panics(t, func() {
			bus.NewMemory(bus.MemoryConfig{Consumers: []bus.MemoryConsumer{{Name: "orders", Stream: "TD_NOWHERE"}}})
		})
	})
	t.Run("a full stream refuses until there is room", func(t *testing.T) {
		t.Parallel()
		intake := bus.MemoryStream{Name: events.StreamIntake, MessagesMax: 1, Subjects: []string{"tenant.deletion.submitted.*"},
			WorkQueue: true}
		b := bus.NewMemory(bus.MemoryConfig{Streams: []bus.MemoryStream{intake},
			Consumers: []bus.MemoryConsumer{{Stream: intake.Name, Name: "all", Filters: intake.Subjects}}})
		submitted := func(id string) events.Message {
			m := command(id)
			m.Subject = "tenant.deletion.submitted.crm"
			return m
		}
		require.NoError(t, b.Publish(t.Context(), submitted("1")))
		require.ErrorIs(t, b.Publish(t.Context(), submitted("2")), bus.ErrFull)
		require.NoError(t, b.Publish(t.Context(), submitted("1")), "what is stored needs no room")
		ids := arrivals(t, b, bus.Consumer{Stream: intake.Name, Name: "all"})
		require.Equal(t, "1", next(t, ids))
		require.Eventually(t, func() bool { return b.Publish(t.Context(), submitted("3")) == nil }, patience, time.Millisecond)
		require.Equal(t, "3", next(t, ids))
	})
	t.Run("an id is forgotten after its window", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := bus.NewMemory(bus.MemoryConfig{})
			for _, wait := range []time.Duration{0, 59 * time.Minute, 2 * time.Minute} {
				time.Sleep(wait) // of the bubble's clock
				require.NoError(t, b.Publish(t.Context(), command("1")))
			}
			last, err := b.Last(t.Context(), events.StreamEvents, events.RequestedSubject("t1"))
			require.NoError(t, err)
			require.EqualValues(t, 2, last.Sequence)
		})
	})
	t.Run("delays and redeliveries follow the clock of a bubble", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := bus.NewMemory(bus.MemoryConfig{Participants: spec.Participants})
			require.NoError(t, b.Publish(t.Context(), command("1")))
			ctx, cancel := context.WithCancel(t.Context())
			handled := 0
			done := make(chan error, 1)
			go func() {
				done <- b.Consume(ctx, orders, func(context.Context, []bus.Delivery) []error {
					if handled++; handled < 12 {
						return []error{context.DeadlineExceeded}
					}
					return nil
				})
			}()
			time.Sleep(10 * time.Minute)
			cancel()
			require.NoError(t, <-done)
			require.Equal(t, 12, handled)
		})
	})
	t.Run("nobody can change what others hold", func(t *testing.T) {
		t.Parallel()
		b := bus.NewMemory(bus.MemoryConfig{Participants: spec.Participants})
		m := command("1")
		require.NoError(t, b.Publish(t.Context(), m))
		m.Body[0], m.Header[events.HeaderMsgID] = 'x', "x"
		require.Equal(t, "1", next(t, arrivals(t, b, orders)))
		last, err := b.Last(t.Context(), events.StreamEvents, m.Subject)
		require.NoError(t, err)
		require.Equal(t, "1", string(last.Body))
	})
}
