package erasectl

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// asProgram makes the test binary be erasectl: signals and terminals need a process of their own.
const asProgram = "ERASECTL_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(app.Main(Command()))
	}
	os.Exit(m.Run())
}

func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Env = append(os.Environ(), asProgram+"=1", "ERASECTL_CONFIG="+filepath.Join(t.TempDir(), "none.yaml"), "TERM=xterm",
		"NO_COLOR=")
	c.WaitDelay = waitMax
	return c
}

// openTerminal makes a pseudo-terminal of 100 columns: what a program sees, and what a person at it sees and types.
func openTerminal(t *testing.T) (inside *os.File, person *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = person.Close() })
	control := func(request uintptr, value unsafe.Pointer) {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, person.Fd(), request, uintptr(value))
		require.Zero(t, errno)
	}
	var unlock, number int32
	size := [4]uint16{50, 100}
	control(syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	control(syscall.TIOCGPTN, unsafe.Pointer(&number))
	control(syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	inside, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = inside.Close() })
	return inside, person
}

// screen reads what a terminal shows, until the program is gone.
func screen(person *os.File) *heardBuffer {
	shown := &heardBuffer{}
	go func() {
		chunk := make([]byte, 4096)
		for {
			n, err := person.Read(chunk)
			_, _ = shown.Write(chunk[:n])
			if err != nil {
				return
			}
		}
	}()
	return shown
}

func TestAtATerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldConfig{})
	w.bake("rye")
	release := w.ledgers["tenants"].hold()
	inside, person := openTerminal(t)
	shown := screen(person)
	c := program(t, "request", "rye", "--reason", "contract_ended", "--wait", "--api", w.url)
	c.Stdin, c.Stdout, c.Stderr = inside, inside, inside
	require.NoError(t, c.Start())
	w.until("the question", func() bool { return strings.Contains(shown.String(), "Type the tenant id to confirm:") })
	_, err := person.WriteString("rye\n")
	require.NoError(t, err)
	w.until("a bar that is full beside one that is not", func() bool {
		return strings.Contains(shown.String(), "6 rows  succeeded") && strings.Contains(shown.String(), "0 rows  asked")
	})
	release()
	require.NoError(t, c.Wait())
	// The preview's total is there before: what is shown last is the job, in the colours of a terminal.
	w.until("the job, in colours", func() bool { return strings.Contains(shown.String(), "\x1b[32mcompleted\x1b[m") })
	require.NotContains(t, shown.String(), "\x1b[?25l", "the cursor was never hidden")
}

func TestInterrupts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldConfig{})
	w.bake("rye")
	t.Cleanup(w.ledgers["orders"].hold())
	asked := decoded[httpapi.Job](t, w.erasectl("request", "rye", "--reason", "trial_ended", "--confirm", "rye", "-o", "json"))

	t.Run("the first one detaches with a clean terminal and the command that goes on", func(t *testing.T) {
		t.Parallel()
		inside, person := openTerminal(t)
		shown := screen(person)
		c := program(t, "watch", string(asked.JobID), "--api", w.url)
		c.Stdin, c.Stdout, c.Stderr = inside, inside, inside
		require.NoError(t, c.Start())
		w.until("the bars", func() bool { return strings.Contains(shown.String(), "tenants") })
		require.NoError(t, c.Process.Signal(os.Interrupt))
		_ = c.Wait() // its exit code tells
		require.Equal(t, app.ExitInterrupted, c.ProcessState.ExitCode())
		again := "erasectl watch " + string(asked.JobID)
		w.until("the way on", func() bool { return strings.Contains(shown.String(), again) })
		all := strings.Split(strings.TrimRight(shown.String(), "\r\n"), "\r\n")
		require.True(t, strings.HasPrefix(all[len(all)-1], "job "), "it stands on a line of its own: %q", all)
	})
	t.Run("one at the question sends nothing and ends at once", func(t *testing.T) {
		t.Parallel()
		inside, person := openTerminal(t)
		shown := screen(person)
		c := program(t, "request", "spelt", "--reason", "trial_ended", "--api", w.url)
		c.Stdin, c.Stdout, c.Stderr = inside, inside, inside
		require.NoError(t, c.Start())
		w.until("the question", func() bool { return strings.Contains(shown.String(), "to confirm:") })
		require.NoError(t, c.Process.Signal(os.Interrupt))
		began := time.Now()
		_ = c.Wait() // its exit code tells
		require.Equal(t, app.ExitInterrupted, c.ProcessState.ExitCode())
		require.Less(t, time.Since(began), waitMax/2)
		w.until("the answer", func() bool { return strings.Contains(shown.String(), "nothing was sent") })
	})
	t.Run("without a terminal nobody is asked", func(t *testing.T) {
		t.Parallel()
		var out, said bytes.Buffer
		c := program(t, "request", "spelt", "--reason", "trial_ended", "--api", w.url)
		c.Stdout, c.Stderr = &out, &said
		_ = c.Run() // its exit code tells
		inOneLine(t, ran{c.ProcessState.ExitCode(), out.String(), said.String()}, app.ExitUsage, "--confirm spelt")
	})
}
