package natscluster

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Node is one server in a process of its own.
type Node struct {
	Name                string
	binary, config, log string

	mu    sync.Mutex
	cmd   *exec.Cmd
	alive io.Closer     // the process ends when this is closed, also when we are killed
	done  chan struct{} // closed when the process is gone
}

// Start starts the process, which must not run. It does not wait until it serves.
func (n *Node) Start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("natscluster: log of %s: %w", n.Name, err)
	}
	defer log.Close() // the process has its own
	args := []string{"nats", "serve", "--config", n.config, "--with-parent", "--log-level", "info"}
	cmd := exec.Command(n.binary, args...) //nolint:gosec,noctx // our own program, which Stop ends
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us: nodes are stopped one after the other
	alive, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("natscluster: start %s: %w", n.Name, err)
	}
	done := make(chan struct{})
	n.cmd, n.alive, n.done = cmd, alive, done
	go func() { // ends with the process
		_ = cmd.Wait()
		close(done)
	}()
	return nil
}

// Ended reports whether the process is gone.
func (n *Node) Ended() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.done == nil {
		return true
	}
	select {
	case <-n.done:
		return true
	default:
		return false
	}
}

// Kill is kill -9, and waits until the process is gone.
func (n *Node) Kill() { n.end(os.Kill) }

// Stop ends the process in order and waits until it is gone.
func (n *Node) Stop() { n.end(syscall.SIGTERM) }

// Reload has the server read its configuration again.
func (n *Node) Reload() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cmd.Process.Signal(syscall.SIGHUP)
}

func (n *Node) end(signal os.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(signal) // one that is gone needs none
	select {
	case <-n.done:
	case <-time.After(stopTimeout):
		_ = n.cmd.Process.Kill()
		<-n.done
	}
	_ = n.alive.Close()
}
