package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/events/bus/bustest"
)

// patience is after which something will never happen.
const patience = 20 * time.Second

// broker starts a server; port 0 serves in the process only.
func broker(t testing.TB, dir string, port int) *embedded.Server {
	t.Helper()
	server, err := embedded.Start(embedded.Config{StoreDir: dir, Port: port})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	return server
}

// provision applies the definitions, with the AckWait that a test asks for.
func provision(t testing.TB, server *embedded.Server, spec bustest.Spec) {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(server.InProcess()))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	topology := natsdeploy.Topology{Participants: spec.Participants}
	for _, name := range spec.Downstream {
		topology.Downstream = append(topology.Downstream, natsdeploy.Subscriber{Name: name})
	}
	_, err = natsdeploy.Apply(t.Context(), js, topology)
	require.NoError(t, err)
	definitions, err := natsdeploy.Define(topology)
	require.NoError(t, err)
	for _, c := range definitions.Consumers {
		c.AckWait = spec.AckWait
		_, err = js.UpdateConsumer(t.Context(), c.Stream, c.ConsumerConfig)
		require.NoError(t, err)
	}
}

func open(t testing.TB, config bus.Config) *bus.JetStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b, err := bus.Open(ctx, config)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

var spec = bustest.Spec{AckWait: 30 * time.Second, Participants: []events.Participant{"orders", "inventory"}}

// command makes a message that the stream keeps.
func command(id string) events.Message {
	header := map[string]string{events.HeaderMsgID: id}
	return events.Message{Subject: events.RequestedSubject("t1"), Header: header, Body: []byte(id)}
}

// arrivals runs a consumer and hands on the ids it gets.
func arrivals(t *testing.T, b bus.Bus, c bus.Consumer) <-chan string {
	t.Helper()
	ids := make(chan string, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- b.Consume(ctx, c, func(_ context.Context, batch []bus.Delivery) []error {
			for _, d := range batch {
				ids <- d.Header[events.HeaderMsgID]
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return ids
}

func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing arrived")
	}
	panic("unreachable")
}
