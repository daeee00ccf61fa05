package erasectl

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// nobody listens there: port 1 of the loopback interface refuses at once.
const (
	noNATS     = "nats://127.0.0.1:1"
	noPostgres = "postgres://baker:oven-secret@127.0.0.1:1/db?sslmode=disable"
)

// startNATS is a broker of the test's own, without streams.
func startNATS(t *testing.T) string {
	t.Helper()
	server, err := embedded.Start(embedded.Config{StoreDir: t.TempDir(), Port: -1})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	return server.ClientURL()
}

// streams is the broker as an administrator sees it.
func streams(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

// openTestBus is the broker as programs see it.
func openTestBus(t *testing.T, url string) *bus.JetStream {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}
