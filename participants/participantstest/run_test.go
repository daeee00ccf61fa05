package participantstest_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/participantstest"
)

func TestMemoryOverJetStream(t *testing.T) {
	t.Parallel()
	participantstest.Run(t, participantstest.Harness{Bus: jetStream, Open: memory})
}

func TestMemoryOverMemory(t *testing.T) {
	t.Parallel()
	participantstest.Run(t, participantstest.Harness{Open: memory})
}

// memory is a service without a database.
func memory(testing.TB) participantstest.Fixture {
	ledger := participantstest.NewMemory("orders", "customers")
	return participantstest.Fixture{
		Service: participants.Service{Name: "orders", Ledger: ledger},
		Seed: func(_ context.Context, tenant events.TenantID) error {
			ledger.Seed(tenant, 3)
			return nil
		},
		Digest: func(_ context.Context, except events.TenantID) (participantstest.Digests, error) {
			return ledger.Digest(except), nil
		},
	}
}

// jetStream is a bus over a server of its own.
func jetStream(t testing.TB, p events.Participant) bus.Bus {
	t.Helper()
	server, err := embedded.Start(embedded.Config{StoreDir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	nc, err := nats.Connect("", nats.InProcessServer(server))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = natsdeploy.Apply(t.Context(), js, natsdeploy.Topology{Participants: []events.Participant{p}})
	require.NoError(t, err)
	b, err := bus.Open(t.Context(), bus.Config{InProcess: server, Name: string(p)})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}
