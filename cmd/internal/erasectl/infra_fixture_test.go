package erasectl

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
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

// ran is what a command left behind.
type ran struct {
	code     int
	out, err string
}

// run runs erasectl as a script would: without a terminal, and without this machine's environment and contexts.
func run(ctx context.Context, t *testing.T, args ...string) ran {
	t.Helper()
	k := newConsole()
	config := filepath.Join(t.TempDir(), "config.yaml")
	k.getenv = func(name string) string { return map[string]string{"ERASECTL_CONFIG": config}[name] }
	var out, stderr bytes.Buffer
	root := k.root()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(""))
	root.SetOut(&out)
	root.SetErr(&stderr)
	code := app.ExitCode(root.ExecuteContext(ctx), &stderr)
	return ran{code, out.String(), stderr.String()}
}

// lines are those of a text, without the last line's end.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
