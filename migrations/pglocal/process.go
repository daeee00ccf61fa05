package pglocal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// guardScript runs the server and ends it when our end of the standard input closes, which it does however we die. The
// server's end is the script's end. A temporary directory is removed only when we are not there to do it.
const guardScript = `
exec 3<&0
"$0" "$@" </dev/null >&2 3<&- &
server=$!
(cat <&3; [ -z "$TD_REMOVE" ] || : >"$TD_REMOVE/orphaned"; kill -s "$TD_SIGNAL" "$server") >/dev/null 2>&1 &
guard=$!
exec 3<&-
echo "$server"
wait "$server"
code=$?
kill "$guard" 2>/dev/null
if [ -n "$TD_REMOVE" ] && [ -e "$TD_REMOVE/orphaned" ]; then rm -rf -- "$TD_REMOVE"; fi
exit "$code"
`

// readyLine is what the server says when it accepts connections.
const readyLine = "database system is ready to accept connections"

// logLinesMax is how much of the server's log an error shows.
const logLinesMax = 20

// lastProcessTimeout bounds the wait for processes of a killed server that are busy and have not noticed yet.
const lastProcessTimeout = 20 * time.Second

// process is one run of the server.
type process struct {
	cmd   *exec.Cmd
	pid   int      // of the server, not of the script
	alive *os.File // closing it ends the server
	ready chan struct{}
	done  chan struct{} // closed when the server and all its processes are gone
	log   []string      // newest lines; read only after done
	err   error         // of the script; read only after done
}

// runGuarded starts the server and returns when it is ready.
func runGuarded(ctx context.Context, cmd *exec.Cmd) (*process, error) {
	stdin, alive, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	stderr, stderrOurs, err := pipeFrom(cmd)
	if err != nil {
		return nil, errors.Join(err, stdin.Close(), alive.Close())
	}
	cmd.Stdin = stdin
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	stdin.Close()
	stderr.Close()
	if err != nil {
		return nil, errors.Join(err, alive.Close(), stderrOurs.Close())
	}
	p := &process{cmd: cmd, alive: alive, ready: make(chan struct{}), done: make(chan struct{})}
	line, pidErr := bufio.NewReader(stdout).ReadString('\n')
	p.pid, _ = strconv.Atoi(strings.TrimSpace(line))
	go p.watch(stderrOurs) // ends with the server: see end
	if p.pid == 0 {
		p.alive.Close()
		<-p.done
		return nil, fmt.Errorf("read the server's process id: %w", errors.Join(pidErr, p.err))
	}
	return p, p.waitReady(ctx)
}

// pipeFrom connects the command's standard error to us: theirs to close after the start, ours to read.
func pipeFrom(cmd *exec.Cmd) (theirs, ours *os.File, err error) {
	ours, theirs, err = os.Pipe()
	cmd.Stderr = theirs
	return theirs, ours, err
}

func (p *process) waitReady(ctx context.Context) error {
	select {
	case <-p.ready:
		return nil
	case <-p.done:
		return fmt.Errorf("the server ended (%w): %s", p.err, strings.Join(p.log, " | "))
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), p.end(syscall.SIGQUIT, stopTimeout))
	}
}

// watch reads the server's log until its last process is gone, then collects the script. It is the owner of everything
// that done publishes.
func (p *process) watch(stderr *os.File) {
	lines := bufio.NewReader(stderr)
	ready := false
	for {
		line, _, err := lines.ReadLine() // an over-long line comes in pieces, none is lost: an unread pipe would block the server
		if err != nil {
			break
		}
		if p.log = append(p.log, string(line)); len(p.log) > logLinesMax {
			p.log = p.log[1:]
		}
		if !ready && strings.Contains(string(line), readyLine) {
			ready = true
			close(p.ready)
		}
	}
	stderr.Close()
	p.err = p.cmd.Wait()
	p.alive.Close()
	close(p.done)
}

// end signals the server and waits until its last process is gone.
func (p *process) end(sig syscall.Signal, timeout time.Duration) error {
	if err := syscall.Kill(p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("pglocal: signal server: %w", err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(timeout):
	}
	if sig == syscall.SIGKILL {
		return fmt.Errorf("pglocal: processes of the killed server are still there after %s", timeout)
	}
	return p.end(syscall.SIGKILL, lastProcessTimeout)
}

// output runs a short command and returns what it printed; the error shows the last lines.
func output(cmd *exec.Cmd) (string, error) {
	text, err := cmd.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		return "", fmt.Errorf("%w: %s", err, strings.Join(lines[max(0, len(lines)-logLinesMax):], " | "))
	}
	return string(text), nil
}
