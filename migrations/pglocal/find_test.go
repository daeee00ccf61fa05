package pglocal

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFind(t *testing.T) {
	t.Parallel()

	t.Run("versions compare as numbers", func(t *testing.T) {
		t.Parallel()
		dirs := newestFirst([]string{"/usr/lib/postgresql/9/bin", "/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/15/bin"})
		require.Equal(t, []string{"/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/9/bin"}, dirs)
	})
	t.Run("a named directory without a server is an error and nothing else is tried", func(t *testing.T) {
		t.Parallel()
		bin, err := Find()
		require.NoError(t, err)
		_, err = find(t.TempDir(), []string{bin})
		require.ErrorContains(t, err, BinVariable)
		require.NotErrorIs(t, err, ErrNotFound, "an installation would hide the wrong setting")
	})
	t.Run("places without a server are passed over", func(t *testing.T) {
		t.Parallel()
		want, err := Find()
		require.NoError(t, err)
		bin, err := find("", []string{t.TempDir(), want})
		require.NoError(t, err)
		require.Equal(t, want, bin)
	})
	t.Run("no server at all says what to do", func(t *testing.T) {
		t.Parallel()
		_, err := find("", []string{t.TempDir()})
		require.ErrorIs(t, err, ErrNotFound)
		require.ErrorContains(t, err, "apt-get install postgresql")
	})
}
