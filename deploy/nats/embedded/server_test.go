package embedded_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
)

func start(t *testing.T, config embedded.Config) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(config)
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	return s
}

func connect(t *testing.T, s *embedded.Server) jetstream.JetStream {
	t.Helper()
	url, options := s.ClientURL(), []nats.Option{}
	if url == "" {
		options = append(options, nats.InProcessServer(s.InProcess()))
	}
	nc, err := nats.Connect(url, options...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

func TestServer(t *testing.T) {
	t.Parallel()
	t.Run("without a port serves in the process only", func(t *testing.T) {
		t.Parallel()
		s := start(t, embedded.Config{StoreDir: t.TempDir()})
		require.Empty(t, s.ClientURL())
		require.Zero(t, s.Port())
		require.NoError(t, s.Healthy())
		_, err := connect(t, s).CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
		require.NoError(t, err)
	})
	t.Run("keeps messages and port over a restart", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		first := start(t, embedded.Config{StoreDir: dir, Port: -1})
		js := connect(t, first)
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
		require.NoError(t, err)
		_, err = js.Publish(t.Context(), "s", []byte("kept"))
		require.NoError(t, err)
		first.Stop()
		first.Stop() // again is no harm

		second := start(t, embedded.Config{StoreDir: dir, Port: first.Port()})
		require.Equal(t, first.ClientURL(), second.ClientURL())
		stream, err := connect(t, second).Stream(t.Context(), "S")
		require.NoError(t, err)
		require.EqualValues(t, 1, stream.CachedInfo().State.Msgs)
	})
	t.Run("refuses a folder in use, and says whose it is", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		start(t, embedded.Config{StoreDir: dir})
		_, err := embedded.Start(embedded.Config{StoreDir: dir})
		require.ErrorIs(t, err, embedded.ErrLocked)
		require.ErrorContains(t, err, filepath.Join(dir, "LOCK"))
	})
	t.Run("releases the folder when it cannot start", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "jetstream"), []byte("a file where a folder must be"), 0o600))
		_, err := embedded.Start(embedded.Config{StoreDir: dir})
		require.Error(t, err)
		require.NotErrorIs(t, err, embedded.ErrLocked)
		require.NoError(t, os.Remove(filepath.Join(dir, "jetstream")))
		start(t, embedded.Config{StoreDir: dir})
	})
	t.Run("refuses a configuration that cannot be meant", func(t *testing.T) {
		t.Parallel()
		_, err := embedded.Start(embedded.Config{})
		require.ErrorContains(t, err, "StoreDir")
		_, err = embedded.Start(embedded.Config{StoreDir: t.TempDir(), Port: 70000})
		require.ErrorContains(t, err, "70000")
	})
	t.Run("syncs always when asked", func(t *testing.T) {
		t.Parallel()
		js := connect(t, start(t, embedded.Config{StoreDir: t.TempDir(), SyncAlways: true, SyncInterval: time.Second}))
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
		require.NoError(t, err)
		_, err = js.Publish(t.Context(), "s", []byte("durable"))
		require.NoError(t, err)
	})
}
