package client_test

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
	"github.com/bakery-ia/tenant-deletion/events/client"
)

// patience is after which something will never happen.
const patience = 20 * time.Second

// broker is a provisioned JetStream, a bus on it, and a plain connection.
type broker struct {
	*bus.JetStream
	nc *nats.Conn
	js jetstream.JetStream
}

func jetStream(t *testing.T) broker {
	t.Helper()
	server, err := embedded.Start(embedded.Config{StoreDir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	nc, err := nats.Connect("", nats.InProcessServer(server.InProcess()))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = natsdeploy.Apply(t.Context(), js, natsdeploy.Topology{Downstream: []natsdeploy.Subscriber{{Name: "billing"}}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b, err := bus.Open(ctx, bus.Config{InProcess: server.InProcess(), Name: "client"})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return broker{JetStream: b, nc: nc, js: js}
}

// onBoth runs a test on memory and on a real broker.
func onBoth(t *testing.T, run func(t *testing.T, b bus.Bus)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		run(t, bus.NewMemory(bus.MemoryConfig{Downstream: []string{"billing"}}))
	})
	t.Run("jetstream", func(t *testing.T) {
		t.Parallel()
		run(t, jetStream(t).JetStream)
	})
}

// subscribed runs a subscriber until stop is called or the test ends.
func subscribed(t *testing.T, b bus.Bus, handle client.HandlerFunc, cfg client.Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- client.Deleted(ctx, b, "billing", handle, cfg) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		require.NoError(t, receive(t, done))
	}
	t.Cleanup(stop)
	return stop
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing arrived")
	}
	panic("unreachable")
}

func publish(t *testing.T, b bus.Bus, messages ...events.Message) {
	t.Helper()
	require.NoError(t, b.Publish(t.Context(), messages...))
}

// request is a well-formed submission.
func request(key string) events.Submitted {
	return events.Submitted{RequestID: key, TenantID: "t1", Source: "crm", Reason: "contract_ended", RequestedBy: "user-9"}
}

// outcome is what the coordinator says about the request's job.
func outcome(t *testing.T, kind events.Type, state, key string) events.Message {
	t.Helper()
	at, job := time.Now(), events.NewJobID()
	m, err := events.Encode(events.Event{ID: events.EventIDFor(job, kind, "", 0, 1), Source: events.SourceCoordinator, Type: kind,
		Subject: "t1", Time: at, Data: &events.Outcome{JobID: job, TenantID: "t1", Generation: 1, State: state,
			Reason: "because", At: at, Source: "crm", RequestID: key}})
	require.NoError(t, err)
	return m
}
