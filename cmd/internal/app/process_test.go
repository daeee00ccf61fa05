package app

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// binaries builds both commands once per test binary.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tenant-deletion-bin-")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator),
		"github.com/bakery-ia/tenant-deletion/cmd/coordinator", "github.com/bakery-ia/tenant-deletion/cmd/participant")
	build.Stderr = os.Stderr
	return dir, build.Run()
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binaries(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// process is one of the commands at work.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	log  *bytes.Buffer
	done chan struct{}
}

// startProcess starts a command with only these variables, and kills it when the test ends.
func startProcess(t testing.TB, env []string, name string, args ...string) *process {
	dir, err := binaries()
	require.NoError(t, err)
	p := &process{t: t, cmd: exec.Command(filepath.Join(dir, name), args...), log: &bytes.Buffer{}, done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stderr, p.cmd.Stdout = env, p.log, p.log
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // ProcessState says how it ended
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s %v:\n%s", name, args, p.log)
		}
	})
	return p
}

// ended waits for the process.
func (p *process) ended() *os.ProcessState {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(waitMax):
		require.FailNow(p.t, "the process goes on")
	}
	return p.cmd.ProcessState
}

// killed waits until the process has killed itself.
func (p *process) killed() {
	p.t.Helper()
	status, ok := p.ended().Sys().(syscall.WaitStatus)
	require.True(p.t, ok && status.Signaled() && status.Signal() == syscall.SIGKILL, "it should have crashed")
}

// modest checks the most memory that the running process ever had.
func (p *process) modest() {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kilobytes int
	_, err = fmt.Sscan(after, &kilobytes)
	require.NoError(p.t, err)
	require.Less(p.t, kilobytes, 80<<10)
}

// interrupt ends the process in order.
func (p *process) interrupt() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(os.Interrupt))
	require.Equal(p.t, ExitDone, p.ended().ExitCode())
}

func participantProcess(t testing.TB, p *Platform, name events.Participant, crash string) *process {
	return startProcess(t, []string{"DATABASE_URL=" + p.DSN(name), "NATS_URL=" + p.NATSURL(), "TD_CRASH=" + crash,
		"TRUSTED_KEYS=" + string(p.TrustedKey()), "FILES_ROOT=" + p.FilesRoot()}, "participant", "--name", string(name))
}

func coordinatorProcess(t testing.TB, p *Platform, crash string) *process {
	return startProcess(t, []string{"DATABASE_URL=" + p.DSN("coordinator"), "NATS_URL=" + p.NATSURL(), "TD_CRASH=" + crash},
		"coordinator", "--signing-seed-file", p.folders.seed(), "--migrate", "--provision")
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, PlatformConfig{})
	tenants, report := tenantsOf(t, p, 0, 4)
	exact := func(t *testing.T, job saga.Job) {
		require.Equal(t, saga.StateCompleted, job.State)
		for name, counts := range report.Rows {
			step, _ := job.Step(name)
			for table, n := range counts {
				require.Equal(t, n, step.Counts[table], "%s.%s", name, table)
			}
		}
	}
	wait := func(t *testing.T, tenant events.TenantID) saga.Job {
		ctx, cancel := context.WithTimeout(t.Context(), waitMax)
		defer cancel()
		job, err := p.Wait(ctx, tenant, request(tenant).RequestID)
		require.NoError(t, err)
		return job
	}
	t.Run("participants that are killed at any point answer with exact counts", func(t *testing.T) {
		points := map[events.Participant]string{"orders": "participant.erasing", "pos": "participant.committed",
			"training": "participant.published"}
		var victims []*process
		for name, point := range points {
			p.StopParticipant(name)
			victims = append(victims, participantProcess(t, p, name, point))
		}
		require.NoError(t, p.Submit(t.Context(), request(tenants[0])))
		for _, victim := range victims {
			victim.killed()
		}
		var again []*process
		for name := range points {
			again = append(again, participantProcess(t, p, name, ""))
		}
		exact(t, wait(t, tenants[0]))
		for _, process := range again {
			process.modest()
			process.interrupt()
		}
		for name := range points {
			require.NoError(t, p.StartParticipant(name))
		}
	})
	t.Run("a coordinator that is killed at any point loses no job and counts nothing twice", func(t *testing.T) {
		p.StopCoordinator()
		for i, point := range []string{"coordinator.decided:2", "coordinator.relayed:2"} {
			tenant := tenants[1+i]
			victim := coordinatorProcess(t, p, point)
			require.NoError(t, p.Submit(t.Context(), request(tenant)))
			victim.killed()
			again := coordinatorProcess(t, p, "")
			exact(t, wait(t, tenant))
			again.modest()
			again.interrupt()
		}
		require.NoError(t, p.StartCoordinator())
	})
	t.Run("two coordinators in two processes share the work", func(t *testing.T) {
		other := coordinatorProcess(t, p, "")
		exact(t, remove(t, p, tenants[3])[0])
		other.interrupt()
	})
}

func TestCommandsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	seed := filepath.Join(t.TempDir(), "seed")
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	text := "participant: crm\nhome: crm_home\nschemas: public\ntenant: {root: a.id, type: text}\ntables:\n  a: {by: id}\n"
	require.NoError(t, os.WriteFile(plan, []byte(text), 0o600))
	private, err := events.NewSeed()
	require.NoError(t, err)
	signer, err := events.NewSigner(private)
	require.NoError(t, err)
	key := "UBASTCR4ZNKPVQUYPUOMQJJK67NJWHWCEHCZ3LPDG4HQM75YAMHKS4NW" // not a key: its checksum is wrong
	for claim, c := range map[string]struct {
		command string
		env     []string
		args    []string
		code    int
		says    string
	}{
		"no seed":     {"coordinator", nil, nil, ExitUsage, "--signing-seed-file"},
		"no database": {"coordinator", nil, []string{"--signing-seed-file", seed}, ExitUsage, "DATABASE_URL"},
		"a DSN that is none": {"coordinator", []string{"DATABASE_URL=postgres://u:hidden@h:x/"},
			[]string{"--signing-seed-file", seed}, ExitUsage, "--database-url"},
		"a dead database": {"coordinator", []string{"DATABASE_URL=postgres://u:hidden@127.0.0.1:1/db"},
			[]string{"--signing-seed-file", seed}, ExitUnreachable, "PostgreSQL does not answer"},
		"an unknown flag":     {"coordinator", nil, []string{"--nope"}, ExitUsage, "--help"},
		"a bad log level":     {"participant", nil, []string{"--log-level", "loud"}, ExitUsage, "--log-level"},
		"no keys":             {"participant", nil, []string{"--name", "orders"}, ExitUsage, "--trusted-keys"},
		"a key that is none":  {"participant", []string{"TRUSTED_KEYS=" + key}, nil, ExitUsage, "trusted key 1"},
		"a bad crash point":   {"coordinator", []string{"TD_CRASH=x:0"}, nil, ExitUsage, "TD_CRASH"},
		"a bad roster":        {"coordinator", nil, []string{"--roster", "orders"}, ExitUsage, "name:wave"},
		"a plan that is gone": {"participant", []string{"PLAN=" + plan + ".gone"}, nil, ExitUsage, "--plan"},
		"a plan and a name": {"participant", []string{"PLAN=" + plan, "TRUSTED_KEYS=" + string(signer.PublicKey())},
			[]string{"--name", "orders"}, ExitUsage, "exclude each other"},
		"a plan with files": {"participant", []string{"PLAN=" + plan, "TRUSTED_KEYS=" + string(signer.PublicKey())},
			[]string{"--files-root", "/tmp"}, ExitUsage, "--files-root"},
	} {
		t.Run(claim+" is named with the way out", func(t *testing.T) {
			t.Parallel()
			p := startProcess(t, c.env, c.command, c.args...)
			require.Equal(t, c.code, p.ended().ExitCode())
			require.Contains(t, p.log.String(), c.says)
			require.NotContains(t, p.log.String(), "hidden")
			require.LessOrEqual(t, strings.Count(strings.TrimSpace(p.log.String()), "\n"), 0, "one line:\n%s", p.log)
		})
	}
	t.Run("every mistake of a plan is told with its line and a caret, then the first in one line", func(t *testing.T) {
		t.Parallel()
		broken := filepath.Join(t.TempDir(), "plan.yaml")
		require.NoError(t, os.WriteFile(broken, []byte(strings.Replace(text, "by: id", "bye: id", 1)), 0o600))
		p := startProcess(t, nil, "participant", "--plan", broken)
		require.Equal(t, ExitUsage, p.ended().ExitCode())
		require.Contains(t, p.log.String(), "plan.yaml:6:7: table a: there is no key bye; ")
		require.Contains(t, p.log.String(), "\n     6 |   a: {bye: id}\n       |       ^\n--plan: ")
	})
	t.Run("help shows no secret of the environment", func(t *testing.T) {
		t.Parallel()
		p := startProcess(t, []string{"DATABASE_URL=postgres://u:hidden@h/"}, "coordinator", "--help")
		require.Equal(t, ExitDone, p.ended().ExitCode())
		require.NotContains(t, p.log.String(), "hidden")
	})
}
