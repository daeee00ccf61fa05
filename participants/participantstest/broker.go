package participantstest

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// JetStream is a Harness's Bus over a server of its own in this process, with the streams and consumers of deploy/nats.
func JetStream(t testing.TB, p events.Participant) bus.Bus {
	t.Helper()
	server, err := embedded.Start(embedded.Config{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatalf("start a broker: %v", err)
	}
	t.Cleanup(server.Stop)
	nc, err := nats.Connect("", nats.InProcessServer(server))
	if err != nil {
		t.Fatalf("connect to the broker: %v", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatalf("open JetStream: %v", err)
	}
	if _, err := natsdeploy.Apply(t.Context(), js, natsdeploy.Topology{Participants: []events.Participant{p}}); err != nil {
		t.Fatalf("apply the definitions: %v", err)
	}
	b, err := bus.Open(t.Context(), bus.Config{InProcess: server, Name: string(p)})
	if err != nil {
		t.Fatalf("open the bus: %v", err)
	}
	t.Cleanup(b.Close)
	return b
}
