package client_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/events/client"
)

// told hands on the generations of the handled events.
func told(to chan<- int) client.HandlerFunc {
	return func(_ context.Context, _ events.Event, d *events.Deleted) error {
		to <- d.Generation
		return nil
	}
}

func TestDeleted(t *testing.T) {
	t.Parallel()
	t.Run("an event that fails comes again, and nothing overtakes it", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, b bus.Bus) {
			publish(t, b, gone("t1", 1), gone("t2", 2), gone("t1", 3))
			heard := make(chan int, 10)
			failures := 3
			subscribed(t, b, func(_ context.Context, _ events.Event, d *events.Deleted) error {
				heard <- d.Generation
				if d.Generation == 1 && failures > 0 {
					failures--
					if failures == 1 {
						return context.Canceled // of something of its own
					}
					return errors.New("the database is away")
				}
				return nil
			}, client.Config{})
			var got []int
			for range 6 {
				got = append(got, receive(t, heard))
			}
			require.Equal(t, []int{1, 1, 1, 1, 2, 3}, got)
		})
	})
	t.Run("what cannot be read or trusted is a dead letter and blocks nobody", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, b bus.Bus) {
			signer := newSigner(t)
			unreadable := gone("t1", 1)
			unreadable.Body = []byte(`{"specversion":"1.0","secret":"Jane"}`)
			signed, err := signer.Sign(unreadable)
			require.NoError(t, err)
			good, err := signer.Sign(gone("t1", 3))
			require.NoError(t, err)
			publish(t, b, signed, gone("t1", 2), good)
			heard := make(chan int, 10)
			stop := subscribed(t, b, told(heard), client.Config{TrustedKeys: []events.PublicKey{signer.PublicKey()}})
			require.Equal(t, 3, receive(t, heard))
			stop()
			var letters []string // the broker writes them in its own time
			require.Eventually(t, func() bool {
				letters = readAll(t, b, events.StreamDead)
				return len(letters) == 2
			}, patience, 5*time.Millisecond)
			require.Contains(t, letters[0], "invalid")
			require.NotContains(t, letters[0], "Jane")
			require.Contains(t, letters[1], "signature")
		})
	})
	t.Run("the running handler finishes, its event is acknowledged, the next one is left for the next process", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, b bus.Bus) {
			publish(t, b, gone("t1", 1), gone("t1", 2))
			started, release := make(chan struct{}), make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			var calls atomic.Int32
			done := make(chan error, 1)
			go func() {
				done <- client.Deleted(ctx, b, "billing", func(ctx context.Context, _ events.Event, _ *events.Deleted) error {
					calls.Add(1)
					close(started)
					<-release
					return ctx.Err()
				}, client.Config{})
			}()
			receive(t, started)
			cancel()
			close(release)
			require.NoError(t, receive(t, done))
			require.EqualValues(t, 1, calls.Load())
			heard := make(chan int, 10)
			subscribed(t, b, told(heard), client.Config{})
			require.Equal(t, 2, receive(t, heard))
		})
	})
	t.Run("a handler that outlives the grace is cut, and its event comes again", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := bus.NewMemory(bus.MemoryConfig{Downstream: []string{"billing"}})
			publish(t, b, gone("t1", 1))
			ctx, cancel := context.WithCancel(t.Context())
			var cutAfter time.Duration
			err := client.Deleted(ctx, b, "billing", func(work context.Context, _ events.Event, _ *events.Deleted) error {
				cancel()
				stopped := time.Now()
				<-work.Done()
				cutAfter = time.Since(stopped)
				return work.Err()
			}, client.Config{Grace: 7 * time.Second})
			require.NoError(t, err)
			require.Equal(t, 7*time.Second, cutAfter)
			heard := make(chan int, 10)
			again, stop := context.WithCancel(t.Context())
			require.NoError(t, client.Deleted(again, b, "billing",
				func(ctx context.Context, e events.Event, d *events.Deleted) error {
					stop()
					return told(heard)(ctx, e, d)
				},
				client.Config{}))
			require.Equal(t, 1, <-heard)
		})
	})
	t.Run("a handler that cancels something of its own is no shutdown: its event comes back later every time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := bus.NewMemory(bus.MemoryConfig{Downstream: []string{"billing"}})
			publish(t, b, gone("t1", 1))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // of the bubble's clock
			defer cancel()
			calls := 0
			err := client.Deleted(ctx, b, "billing", func(context.Context, events.Event, *events.Deleted) error {
				calls++
				return context.Canceled
			}, client.Config{})
			require.NoError(t, err)
			require.InDelta(t, 35, calls, 20, "every 15 to 30 s in the end")
		})
	})
	t.Run("a handler may give an event up", func(t *testing.T) {
		t.Parallel()
		b := bus.NewMemory(bus.MemoryConfig{Downstream: []string{"billing"}})
		publish(t, b, gone("t1", 1), gone("t1", 2))
		heard := make(chan int, 10)
		subscribed(t, b, func(_ context.Context, _ events.Event, d *events.Deleted) error {
			heard <- d.Generation
			return bus.Poison("generation %d is not ours", d.Generation)
		}, client.Config{})
		require.Equal(t, []int{1, 2}, []int{receive(t, heard), receive(t, heard)})
	})
	t.Run("its consumer is the one that deploy/nats provisions", func(t *testing.T) {
		t.Parallel()
		b := bus.NewMemory(bus.MemoryConfig{})
		err := client.Deleted(t.Context(), b, "billing", told(nil), client.Config{})
		require.ErrorContains(t, err, natsdeploy.DownstreamConsumer("billing"))
		require.ErrorIs(t, client.Deleted(t.Context(), b, "Billing.*", told(nil), client.Config{}), events.ErrInvalid)
	})
}

// readAll are the bodies of a stream, from its first message on.
func readAll(t *testing.T, b bus.Bus, stream string) (bodies []string) {
	t.Helper()
	reader, ok := b.(bus.Reader)
	require.True(t, ok)
	for from := uint64(1); ; from++ {
		stored, err := reader.Next(t.Context(), stream, ">", from)
		if errors.Is(err, bus.ErrNotFound) {
			return bodies
		}
		require.NoError(t, err)
		bodies = append(bodies, string(stored.Body))
	}
}

// A team that uses neither this package nor JetStream hears the same bytes on the plain subject.
func TestPlainSubscriber(t *testing.T) {
	t.Parallel()
	b, signer := jetStream(t), newSigner(t)
	sub, err := b.nc.SubscribeSync("tenant.deleted")
	require.NoError(t, err)
	require.NoError(t, b.nc.Flush())
	sent, err := signer.Sign(gone("t1", 1))
	require.NoError(t, err)
	publish(t, b, sent)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	msg, err := sub.NextMsgWithContext(ctx)
	require.NoError(t, err)
	require.Equal(t, string(sent.Body), string(msg.Data))
	require.Equal(t, "tenant.deleted.t1", msg.Header.Get("Nats-Subject"))
	require.Equal(t, "application/cloudevents+json", msg.Header.Get("Content-Type"))

	heard := events.Message{Subject: msg.Subject, Header: map[string]string{}, Body: slices.Clone(msg.Data)}
	for key := range msg.Header {
		heard.Header[key] = msg.Header.Get(key)
	}
	e, d, err := client.Open(heard, signer.PublicKey())
	require.NoError(t, err)
	require.EqualValues(t, sent.Header[events.HeaderMsgID], e.ID)
	require.EqualValues(t, "t1", d.TenantID)
	heard.Header["Nats-Subject"] = "tenant.deleted.t2"
	_, _, err = client.Open(heard, signer.PublicKey())
	require.ErrorIs(t, err, events.ErrSignature)
	_, _, err = client.Open(heard)
	require.ErrorIs(t, err, events.ErrInvalid)
}
