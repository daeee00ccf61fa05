package pglocal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/migrations/pglocal"
)

// parentVariable makes the test binary a process that starts a server, says where, and waits to be killed. Its value is
// the data directory, or temporary.
const parentVariable = "TD_TEST_PGLOCAL_PARENT"

const temporary = "temporary"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentVariable); dir != "" {
		beParent(strings.TrimPrefix(dir, temporary))
	}
	os.Exit(m.Run())
}

func beParent(dir string) {
	c, err := pglocal.Start(context.Background(), pglocal.Config{DataDir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(c.DSN("postgres"))
	<-time.After(5 * time.Minute) // should the test forget to kill us
}

func TestOrphan(t *testing.T) {
	t.Parallel()

	t.Run("a temporary server and its directory are gone after kill -9 of its parent", func(t *testing.T) {
		t.Parallel()
		parent, dsn := startParent(t, temporary)
		data, server := whereIs(t, dsn)
		require.NoError(t, parent.Process.Kill())
		waitFor(t, "the server to end", func() bool { return errors.Is(syscall.Kill(server, 0), syscall.ESRCH) })
		waitFor(t, "its directory to go", func() bool {
			_, err := os.Stat(filepath.Dir(data))
			return errors.Is(err, os.ErrNotExist)
		})
	})
	t.Run("kept data can be opened at once by the next process", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		parent, dsn := startParent(t, dir)
		conn, err := pgx.Connect(t.Context(), dsn)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "CREATE TABLE bread AS SELECT 7 AS id")
		require.NoError(t, err)
		require.NoError(t, parent.Process.Kill())
		require.Error(t, parent.Wait())
		c := start(t, pglocal.Config{DataDir: dir})
		require.Equal(t, "7", value(t, c, "SELECT id::text FROM bread"))
	})
}

// startParent runs this test binary as a process with a server.
func startParent(t *testing.T, dir string) (parent *osexec.Cmd, dsn string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	parent = osexec.Command(self)
	parent.Env = append(os.Environ(), parentVariable+"="+dir)
	parent.Stderr = os.Stderr
	stdout, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	t.Cleanup(func() { parent.Process.Kill() }) //nolint:errcheck // it is dead already unless the test failed
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	return parent, strings.TrimSpace(line)
}

func whereIs(t *testing.T, dsn string) (data string, pid int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	require.NoError(t, conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&data))
	file, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(file), "\n")
	pid, err = strconv.Atoi(first)
	require.NoError(t, err)
	return data, pid
}

// waitFor asks until the condition holds; it is about processes that are no children of ours, so nothing can tell us.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			require.FailNow(t, "waited in vain for "+what)
		case <-tick.C:
		}
	}
}
