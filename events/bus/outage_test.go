package bus_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

var (
	orders  = bus.Consumer{Stream: events.StreamEvents, Name: "orders"}
	batched = bus.Consumer{Stream: events.StreamEvents, Name: "inventory", BatchMax: 16}
)

func TestOutage(t *testing.T) {
	t.Parallel()
	t.Run("consumers and publishes go on after a restart of the broker", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		server := broker(t, dir, -1)
		provision(t, server, spec)
		b := open(t, bus.Config{URL: server.ClientURL()})
		single, batch := arrivals(t, b, orders), arrivals(t, b, batched)
		require.NoError(t, b.Publish(t.Context(), command("before")))
		require.Equal(t, "before", next(t, single))
		require.Equal(t, "before", next(t, batch))

		server.Stop()
		published := make(chan error, 1)
		go func() { // begins in the outage, and ends after it
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			published <- b.Publish(ctx, command("during"))
		}()
		broker(t, dir, server.Port())
		require.NoError(t, next(t, published))
		require.Equal(t, "during", next(t, single))
		require.Equal(t, "during", next(t, batch))
	})
	t.Run("consumers find a broker that lost everything, once it is provisioned again", func(t *testing.T) {
		t.Parallel()
		server := broker(t, t.TempDir(), -1)
		provision(t, server, spec)
		b := open(t, bus.Config{URL: server.ClientURL()})
		single, batch := arrivals(t, b, orders), arrivals(t, b, batched)
		require.NoError(t, b.Publish(t.Context(), command("before")))
		require.Equal(t, "before", next(t, single))
		require.Equal(t, "before", next(t, batch))
		port := server.Port()
		server.Stop()

		empty := broker(t, t.TempDir(), port)
		published := make(chan error, 1)
		go func() { // no stream yet: the same message is tried until there is one
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			published <- b.Publish(ctx, command("after"))
		}()
		provision(t, empty, spec)
		require.NoError(t, next(t, published))
		require.Equal(t, "after", next(t, single))
		require.Equal(t, "after", next(t, batch))
	})
	t.Run("a consumer that is missing at the start is waited for", func(t *testing.T) {
		t.Parallel()
		server := broker(t, t.TempDir(), 0)
		b := open(t, bus.Config{InProcess: server.InProcess()})
		ids := arrivals(t, b, orders)
		provision(t, server, spec)
		require.NoError(t, b.Publish(t.Context(), command("first")))
		require.Equal(t, "first", next(t, ids))
	})
	t.Run("a service answers after a restart of the broker", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		server := broker(t, dir, -1)
		b := open(t, bus.Config{URL: server.ClientURL(), Name: "orders"})
		asker := open(t, bus.Config{URL: server.ClientURL(), Name: "asker"})
		service := bus.Service{Name: "orders", Version: "1.0.0", Subject: "tenant.deletion.preview.orders"}
		require.NoError(t, b.Serve(t.Context(), service,
			func(context.Context, events.Message) ([]byte, error) { return []byte("yes"), nil }))
		server.Stop()
		broker(t, dir, server.Port())
		require.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			answer, err := asker.Request(ctx, events.Message{Subject: "tenant.deletion.preview.orders"})
			return err == nil && string(answer.Body) == "yes"
		}, patience, 20*time.Millisecond)
	})
	t.Run("a publish into an outage ends with its context, and names what is not stored", func(t *testing.T) {
		t.Parallel()
		server := broker(t, t.TempDir(), -1)
		provision(t, server, spec)
		b := open(t, bus.Config{URL: server.ClientURL()})
		server.Stop()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		err := b.Publish(ctx, command("1"), command("2"))
		var failure *bus.PublishError
		require.ErrorAs(t, err, &failure)
		require.Equal(t, []int{0, 1}, failure.Failed)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("a publish that failed in an outage is not stored behind the caller's back", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		server := broker(t, dir, -1)
		provision(t, server, spec)
		b := open(t, bus.Config{URL: server.ClientURL()})
		server.Stop()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		require.Error(t, b.Publish(ctx, command("given up")))
		broker(t, dir, server.Port())
		retry, done := context.WithTimeout(t.Context(), patience)
		defer done()
		require.NoError(t, b.Publish(retry, command("kept")))
		last, err := b.Last(t.Context(), events.StreamEvents, events.RequestedSubject("t1"))
		require.NoError(t, err)
		require.EqualValues(t, 1, last.Sequence)
	})
}

func TestOpen(t *testing.T) {
	t.Parallel()
	t.Run("gives up with its context", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := bus.Open(ctx, bus.Config{URL: "nats://127.0.0.1:1"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("waits for a broker that starts later", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		first := broker(t, dir, -1)
		port, url := first.Port(), first.ClientURL()
		first.Stop()
		opened := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			b, err := bus.Open(ctx, bus.Config{URL: url})
			if err == nil {
				b.Close()
			}
			opened <- err
		}()
		broker(t, dir, port)
		require.NoError(t, next(t, opened))
	})
	t.Run("refuses a name that would reach into a subject", func(t *testing.T) {
		t.Parallel()
		_, err := bus.Open(t.Context(), bus.Config{Name: "orders.>"})
		require.ErrorContains(t, err, "Name")
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	server := broker(t, t.TempDir(), 0)
	provision(t, server, spec)
	b := open(t, bus.Config{InProcess: server.InProcess()})
	consumed := make(chan error, 2)
	for _, c := range []bus.Consumer{orders, batched} {
		go func() {
			consumed <- b.Consume(context.Background(), c, func(context.Context, []bus.Delivery) []error { return nil })
		}()
	}
	b.Close()
	b.Close() // again is no harm
	require.ErrorIs(t, next(t, consumed), bus.ErrClosed)
	require.ErrorIs(t, next(t, consumed), bus.ErrClosed)
	require.Error(t, b.Publish(t.Context(), command("1")))
	require.Error(t, b.Announce(t.Context(), command("1")))
	require.Error(t, b.Watch(t.Context(), "x", func(events.Message) {}))
}

func TestConsumeWastesNoTurn(t *testing.T) {
	t.Parallel()
	const n = 400
	server := broker(t, t.TempDir(), 0)
	provision(t, server, spec)
	b := open(t, bus.Config{InProcess: server.InProcess()})
	messages := make([]events.Message, n)
	for i := range messages {
		messages[i] = command(strconv.Itoa(i))
	}
	require.NoError(t, b.Publish(t.Context(), messages...))
	ids := arrivals(t, b, orders)
	for range n {
		started := time.Now()
		next(t, ids)
		require.Less(t, time.Since(started), 3*time.Second, "a pull was lost and only the missing heartbeat repaired it")
	}
}

func TestPublishErrorIsReadable(t *testing.T) {
	t.Parallel()
	err := error(&bus.PublishError{Failed: []int{1, 2}, Err: os.ErrDeadlineExceeded})
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.ErrorContains(t, err, "2 not stored")
	require.NotErrorIs(t, err, errors.ErrUnsupported)
}

func TestFullStream(t *testing.T) {
	t.Parallel()
	server := broker(t, t.TempDir(), 0)
	provision(t, server, spec)
	nc, err := nats.Connect("", nats.InProcessServer(server.InProcess()))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), events.StreamEvents)
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	config.MaxMsgs = 1
	_, err = js.UpdateStream(t.Context(), config)
	require.NoError(t, err)

	b := open(t, bus.Config{InProcess: server.InProcess(), Name: "suite"})
	err = b.Publish(t.Context(), command("1"), command("2"))
	require.ErrorIs(t, err, bus.ErrFull)
	var failure *bus.PublishError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, []int{1}, failure.Failed)
	require.NoError(t, b.Publish(t.Context(), command("1")), "what is stored needs no room")
}
