package fileplan

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

const folder = "tenants/{tenant}/models"

func open(t *testing.T) (*Plan, string) {
	t.Helper()
	dir := t.TempDir()
	plan, err := New(dir, Config{Folder: folder, Name: "model_files"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, plan.Close()) })
	return plan, dir
}

// write makes nine files in three folders.
func write(t *testing.T, dir, tenant string) {
	t.Helper()
	for _, sub := range []string{"a", "b", "b/c"} {
		at := filepath.Join(dir, "tenants", tenant, "models", sub)
		require.NoError(t, os.MkdirAll(at, 0o750))
		for _, name := range []string{"m.pkl", "m.json", "log"} {
			require.NoError(t, os.WriteFile(filepath.Join(at, name), []byte(tenant), 0o600))
		}
	}
}

func command(attempt int) *events.Command {
	return &events.Command{JobID: "018f4e1a-0000-7000-8000-000000000001", TenantID: "acme", Generation: 1, Attempt: attempt}
}

// erase runs one erasure and is the number of files it adds.
func erase(t *testing.T, plan *Plan, c *events.Command, since int) (int64, error) {
	t.Helper()
	e := participants.NewErasure(c, nil, nil)
	e.Since = since
	if err := plan.Erase(t.Context(), e); err != nil {
		return 0, err
	}
	return e.Receipt(participants.ModeTransaction, nil).Counts["model_files"], nil
}

func preview(t *testing.T, plan *Plan, tenant events.TenantID) int64 {
	t.Helper()
	counts, err := plan.Preview(t.Context(), tenant)
	require.NoError(t, err)
	require.Contains(t, counts, "model_files")
	return counts["model_files"]
}

func TestErase(t *testing.T) {
	t.Parallel()
	t.Run("deletes what the preview counted and nothing of a neighbour", func(t *testing.T) {
		t.Parallel()
		plan, dir := open(t)
		write(t, dir, "acme")
		write(t, dir, "acme2")
		require.EqualValues(t, 9, preview(t, plan, "acme"))
		n, err := erase(t, plan, command(1), 0)
		require.NoError(t, err)
		require.EqualValues(t, 9, n)
		require.Zero(t, preview(t, plan, "acme"))
		require.EqualValues(t, 9, preview(t, plan, "acme2"))
		require.NoDirExists(t, filepath.Join(dir, "tenants", "acme"), "the folder that bears the tenant's id goes when it is empty")
	})
	t.Run("keeps what lies beside the planned folder", func(t *testing.T) {
		t.Parallel()
		plan, dir := open(t)
		write(t, dir, "acme")
		beside := filepath.Join(dir, "tenants", "acme", "exports")
		require.NoError(t, os.MkdirAll(beside, 0o750))
		_, err := erase(t, plan, command(1), 0)
		require.NoError(t, err)
		require.DirExists(t, beside)
	})
	t.Run("adds zero for a tenant without a folder", func(t *testing.T) {
		t.Parallel()
		plan, dir := open(t)
		n, err := erase(t, plan, command(1), 0)
		require.NoError(t, err)
		require.Zero(t, n)
		require.NoDirExists(t, filepath.Join(dir, erasingFolder), "an absent tenant leaves no trace")
	})
	t.Run("counts every file once when two deliveries run side by side", func(t *testing.T) {
		t.Parallel()
		for range 20 {
			plan, dir := open(t)
			write(t, dir, "acme")
			var counts [2]int64
			var errs [2]error
			var both sync.WaitGroup
			for i := range counts {
				both.Go(func() {
					e := participants.NewErasure(command(1), nil, nil)
					errs[i] = plan.Erase(t.Context(), e)
					counts[i] = e.Receipt(participants.ModeTransaction, nil).Counts["model_files"]
				})
			}
			both.Wait()
			require.NoError(t, errors.Join(errs[:]...))
			require.Equal(t, [2]int64{9, 9}, counts)
		}
	})
	t.Run("stops when its context ends", func(t *testing.T) {
		t.Parallel()
		plan, dir := open(t)
		write(t, dir, "acme")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, plan.Erase(ctx, participants.NewErasure(command(1), nil, nil)), context.Canceled)
		n, err := erase(t, plan, command(1), 0)
		require.NoError(t, err)
		require.EqualValues(t, 9, n)
	})
}

var errStop = errors.New("stopped")

func TestCrash(t *testing.T) {
	t.Parallel()
	for stopAt := 1; stopAt <= 8; stopAt++ {
		plan, dir := open(t)
		write(t, dir, "acme")
		steps := 0
		plan.stop = func(string) error {
			if steps++; steps == stopAt {
				return errStop
			}
			return nil
		}
		_, err := erase(t, plan, command(1), 0)
		if err != nil {
			require.ErrorIs(t, err, errStop)
			n, err := erase(t, plan, command(1), 0)
			require.NoError(t, err)
			require.EqualValues(t, 9, n, "after a stop at step %d", stopAt)
		} else {
			require.Greater(t, stopAt, 4, "an erasure has at least: moved, counted, deleting, deleted")
		}
		require.Zero(t, preview(t, plan, "acme"))
	}
}

func TestAgain(t *testing.T) {
	t.Parallel()
	t.Run("a repeat adds the same count", func(t *testing.T) {
		t.Parallel()
		plan, dir := open(t)
		write(t, dir, "acme")
		for range 3 {
			n, err := erase(t, plan, command(1), 0)
			require.NoError(t, err)
			require.EqualValues(t, 9, n)
		}
	})
	t.Run("a later attempt without a receipt counts what earlier ones moved", func(t *testing.T) {
		t.Parallel()
		plan, dir := open(t)
		write(t, dir, "acme")
		_, err := erase(t, plan, command(1), 0)
		require.NoError(t, err)
		write(t, dir, "acme")
		n, err := erase(t, plan, command(2), 0)
		require.NoError(t, err)
		require.EqualValues(t, 18, n)
	})
	t.Run("a pass after a receipt counts only what came later", func(t *testing.T) {
		t.Parallel()
		plan, dir := open(t)
		write(t, dir, "acme")
		_, err := erase(t, plan, command(1), 0)
		require.NoError(t, err)
		write(t, dir, "acme")
		for range 2 {
			n, err := erase(t, plan, command(2), 1)
			require.NoError(t, err)
			require.EqualValues(t, 9, n)
		}
	})
	t.Run("a later job finishes and counts what an earlier job left", func(t *testing.T) {
		t.Parallel()
		plan, dir := open(t)
		write(t, dir, "acme")
		plan.stop = func(string) error { return errStop }
		_, err := erase(t, plan, command(1), 0)
		require.ErrorIs(t, err, errStop)
		plan.stop = nil
		require.EqualValues(t, 9, preview(t, plan, "acme"), "what was moved aside is not gone")
		later := command(1)
		later.JobID = "018f4e1a-0000-7000-8000-000000000002"
		n, err := erase(t, plan, later, 0)
		require.NoError(t, err)
		require.EqualValues(t, 9, n)
		require.Zero(t, preview(t, plan, "acme"))
	})
}

func TestLinks(t *testing.T) {
	t.Parallel()
	t.Run("a link inside the folder is removed and not followed", func(t *testing.T) {
		t.Parallel()
		plan, dir := open(t)
		outside := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(outside, "keep"), nil, 0o600))
		write(t, dir, "acme")
		write(t, dir, "acme2")
		models := filepath.Join(dir, "tenants", "acme", "models")
		require.NoError(t, os.Symlink(outside, filepath.Join(models, "out")))
		require.NoError(t, os.Symlink("../../acme2/models", filepath.Join(models, "in")))
		n, err := erase(t, plan, command(1), 0)
		require.NoError(t, err)
		require.EqualValues(t, 11, n)
		require.FileExists(t, filepath.Join(outside, "keep"))
		require.EqualValues(t, 9, preview(t, plan, "acme2"))
	})
	for name, link := range map[string]string{"the tenant's folder": "tenants/acme", "the planned folder": "tenants/acme/models"} {
		t.Run(name+" being a link is refused", func(t *testing.T) {
			t.Parallel()
			plan, dir := open(t)
			write(t, dir, "acme2")
			at := filepath.Join(dir, filepath.FromSlash(link))
			require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o750))
			require.NoError(t, os.Symlink(filepath.Join(dir, "tenants", "acme2"), at))
			_, err := erase(t, plan, command(1), 0)
			require.ErrorIs(t, err, participants.ErrRefused)
			_, err = plan.Preview(t.Context(), "acme")
			require.ErrorIs(t, err, participants.ErrRefused)
			require.EqualValues(t, 9, preview(t, plan, "acme2"))
		})
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	t.Run("a tenant id that is no path element is refused", func(t *testing.T) {
		t.Parallel()
		plan, dir := open(t)
		write(t, dir, "acme")
		for _, id := range []events.TenantID{"", ".", "..", "../acme", "a/b", "acme/", ".erasing", "a\x00"} {
			c := command(1)
			c.TenantID = id
			_, err := erase(t, plan, c, 0)
			require.ErrorIs(t, err, participants.ErrRefused)
		}
		require.EqualValues(t, 9, preview(t, plan, "acme"))
	})
	t.Run("a folder that could meet another tenant's is refused", func(t *testing.T) {
		t.Parallel()
		for _, bad := range []string{"tenants", "t{tenant}", "{tenant}/{tenant}", "../{tenant}", "/{tenant}", "a/./{tenant}",
			".erasing/{tenant}"} {
			_, err := New(t.TempDir(), Config{Folder: bad})
			require.ErrorContains(t, err, "Config.Folder", bad)
		}
	})
	t.Run("a missing root is an error", func(t *testing.T) {
		t.Parallel()
		_, err := New(filepath.Join(t.TempDir(), "none"), Config{})
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
	t.Run("an error does not repeat a file's name", func(t *testing.T) {
		t.Parallel()
		err := bare("delete files", &fs.PathError{Op: "unlink", Path: "jane.doe.pkl", Err: fs.ErrPermission})
		require.EqualError(t, err, "fileplan: delete files: permission denied")
		require.ErrorIs(t, err, fs.ErrPermission)
	})
}
