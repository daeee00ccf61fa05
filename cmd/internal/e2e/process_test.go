package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
)

// built is the folder of the binaries, empty as long as no test asked for them.
var built string

// binaries are the real commands, built once for all tests that kill processes.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tenant-deletion-e2e-")
	if err != nil {
		return "", err
	}
	built = dir
	build := exec.Command("go", "build", "-race", "-o", dir, "../../coordinator", "../../participant", "../../erasectl")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build commands: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	if config := os.Getenv(subscriberEnv); config != "" { // this process is a test's subscriber
		os.Exit(subscriberMain(config))
	}
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// process is a coordinator or a participant in a process of its own.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{} // closed when the process is gone and waited for
}

func (s *stack) start(binary string, env []string, args ...string) *process {
	s.t.Helper()
	dir, err := binaries()
	require.NoError(s.t, err)
	log, err := os.CreateTemp(s.t.TempDir(), binary+"-*.log")
	require.NoError(s.t, err)
	p := &process{t: s.t, cmd: exec.Command(filepath.Join(dir, binary), args...), log: log, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(s.t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	s.t.Cleanup(func() {
		p.kill()
		if s.t.Failed() {
			if text, err := os.ReadFile(log.Name()); err == nil {
				s.t.Logf("%s wrote:\n%s", binary, text)
			}
		}
	})
	return p
}

// kill is kill -9, and waits until the process is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (p *process) died() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// awaitCrash waits until the process has killed itself at its point.
func (p *process) awaitCrash() {
	p.t.Helper()
	until(p.t, "the process to die at its point", p.died)
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(p.t, ok && status.Signaled() && status.Signal() == syscall.SIGKILL, "died by itself: %s", p.cmd.ProcessState)
}

// crashAt makes a process kill itself when it reaches the point.
func crashAt(point string) []string { return []string{"TD_CRASH=" + point} }

func (s *stack) coordinatorProcess(env ...string) *process {
	s.t.Helper()
	return s.start("coordinator", env, "--database-url", s.dsn("coordinator"), "--nats-url", s.nats.ClientURL(),
		"--signing-seed-file", s.seedFile, "--patience", s.patience.String())
}

func (s *stack) participantProcess(name events.Participant, env ...string) *process {
	s.t.Helper()
	return s.start("participant", env, "--name", string(name), "--database-url", s.dsn(string(name)),
		"--nats-url", s.nats.ClientURL(), "--trusted-keys", string(s.key), "--files-root", s.filesRoot)
}
