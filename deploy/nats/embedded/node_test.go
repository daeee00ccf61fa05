package embedded_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
)

// configured writes a configuration with one user.
func configured(t *testing.T, path, store, user string) {
	t.Helper()
	text := fmt.Sprintf("listen: \"127.0.0.1:-1\"\njetstream { store_dir: %q, max_mem: 1MB, max_file: 1MB }\n"+
		"authorization { users: [ { user: %s, password: p } ] }\n", store, user)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestNode(t *testing.T) {
	t.Parallel()
	dial := func(n *embedded.Node, user string) error {
		nc, err := nats.Connect(n.ClientURL(), nats.UserInfo(user, "p"))
		if err == nil {
			nc.Close()
		}
		return err
	}
	t.Run("serves from a file, takes its changes, and keeps what it had when they are wrong", func(t *testing.T) {
		t.Parallel()
		file, store := filepath.Join(t.TempDir(), "nats.conf"), filepath.Join(t.TempDir(), "store")
		configured(t, file, store, "one")
		n, err := embedded.StartNode(file, zerolog.Nop())
		require.NoError(t, err)
		require.NoError(t, dial(n, "one"))
		ctx, cancel := context.WithCancel(t.Context())
		reload, ended := make(chan os.Signal), make(chan error, 1)
		go func() { ended <- n.Run(ctx, zerolog.Nop(), reload) }()

		configured(t, file, store, "two")
		reload <- syscall.SIGHUP
		reload <- syscall.SIGHUP // taken once the first one is done
		require.ErrorIs(t, dial(n, "one"), nats.ErrAuthorization)
		require.NoError(t, dial(n, "two"))

		require.NoError(t, os.WriteFile(file, []byte("listen: {"), 0o600))
		reload <- syscall.SIGHUP
		reload <- syscall.SIGHUP
		require.NoError(t, dial(n, "two"))
		require.Error(t, n.Reload())

		cancel()
		require.NoError(t, <-ended)
		<-n.Done()
		n.Stop() // again is no harm
	})
	t.Run("refuses a store in use, and releases its own", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		file, store := filepath.Join(dir, "nats.conf"), filepath.Join(dir, "store")
		configured(t, file, store, "one")
		n, err := embedded.StartNode(file, zerolog.Nop())
		require.NoError(t, err)
		_, err = embedded.StartNode(file, zerolog.Nop())
		require.ErrorIs(t, err, embedded.ErrLocked)
		n.Stop()
		again, err := embedded.StartNode(file, zerolog.Nop())
		require.NoError(t, err)
		again.Stop()
	})
	t.Run("says that it stopped by itself", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "nats.conf")
		configured(t, file, filepath.Join(t.TempDir(), "store"), "one")
		n, err := embedded.StartNode(file, zerolog.Nop())
		require.NoError(t, err)
		n.Stop()
		require.ErrorContains(t, n.Run(t.Context(), zerolog.Nop(), nil), "by itself")
	})
	t.Run("refuses a file that is none, or has no store", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "nats.conf")
		_, err := embedded.StartNode(file, zerolog.Nop())
		require.ErrorContains(t, err, "configuration")
		require.NoError(t, os.WriteFile(file, []byte("listen: \"127.0.0.1:-1\"\n"), 0o600))
		_, err = embedded.StartNode(file, zerolog.Nop())
		require.ErrorContains(t, err, "store_dir")
	})
}

func TestLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release, err := embedded.Lock(dir)
	require.NoError(t, err)
	_, err = embedded.Lock(dir)
	require.ErrorIs(t, err, embedded.ErrLocked)
	require.NoError(t, release())
	release, err = embedded.Lock(dir)
	require.NoError(t, err)
	require.NoError(t, release())
}
