package pglocal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

const superuser = "postgres"

// home is the directory of one server: the data (named by major version, so that an upgrade never meets old files), the
// superuser's password, and the lock that keeps a second process out.
type home struct {
	account   account
	bin       string
	dir       string
	major     int
	password  string
	temporary bool
	goodbye   syscall.Signal // how Stop ends the server, and how it ends when we are gone
	lock      *os.File
}

// openHome makes the directory when it is missing, locks it, and fills it with an empty server.
func openHome(ctx context.Context, bin string, cfg Config) (_ *home, err error) {
	h := &home{bin: bin, dir: cfg.DataDir, temporary: cfg.DataDir == "", goodbye: syscall.SIGINT}
	if h.temporary && !cfg.Durable {
		h.goodbye = syscall.SIGQUIT // nothing is worth a last checkpoint
	}
	if h.account, err = serverAccount(); err != nil {
		return nil, err
	}
	if h.major, err = majorVersion(ctx, bin); err != nil {
		return nil, err
	}
	if err := h.makeDir(cfg.Durable); err != nil {
		return nil, err
	}
	if err := h.fill(ctx, cfg.Durable); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *home) makeDir(durable bool) error {
	if h.temporary {
		dir, err := temporaryDir(h.account, durable)
		h.dir = dir
		return err
	}
	dir, err := filepath.Abs(h.dir)
	if err != nil {
		return err
	}
	h.dir = dir
	if err := h.refuseForeign(); err != nil {
		return err
	}
	// Directories above ours have to be passable for the account; only ours is private.
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := h.account.own(dir); err != nil {
		return err
	}
	if err := h.account.reaches(dir); err != nil {
		return err
	}
	return h.takeLock()
}

// refuseForeign keeps us from taking over a directory that somebody uses for something else.
func (h *home) refuseForeign() error {
	entries, err := os.ReadDir(h.dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if _, lockErr := os.Stat(h.lockFile()); lockErr != nil && err == nil {
		return fmt.Errorf("%s is not empty and was not made by this package", h.dir)
	}
	return err
}

// takeLock holds the directory until we end, however we end: the kernel frees it.
func (h *home) takeLock() error {
	f, err := os.OpenFile(h.lockFile(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("%s: %w", h.dir, ErrInUse)
		}
		return err
	}
	h.lock = f
	return nil
}

// fill makes the data directory and the password when they are missing. The data appears under its name only when it is
// complete, so a start that is cut leaves nothing half made.
func (h *home) fill(ctx context.Context, durable bool) error {
	if password, err := os.ReadFile(h.passwordFile()); err == nil {
		h.password = string(password)
	} else {
		h.password = rand.Text()
		if err := os.WriteFile(h.passwordFile(), []byte(h.password), 0o600); err != nil {
			return err
		}
	}
	if err := h.account.own(h.passwordFile()); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(h.data(), "PG_VERSION")); err == nil {
		return nil
	}
	half := h.data() + ".half"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	args := []string{"-D", half, "-U", superuser, "-A", "scram-sha-256", "--pwfile", h.passwordFile(), "-E", "UTF8", "--locale=C"}
	if !durable {
		args = append(args, "--no-sync")
	}
	if _, err := output(h.command(ctx, "initdb", args...)); err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	return os.Rename(half, h.data())
}

// run starts the server with these settings and returns when it is ready.
func (h *home) run(ctx context.Context, settings []string) (*process, error) {
	args := append([]string{"-c", guardScript, filepath.Join(h.bin, "postgres"), "-D", h.data()}, settings...)
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", args...) // the server outlives the start
	h.furnish(cmd)
	cmd.Env = append(cmd.Env, "TD_SIGNAL="+map[syscall.Signal]string{syscall.SIGINT: "INT", syscall.SIGQUIT: "QUIT"}[h.goodbye])
	if h.temporary {
		cmd.Env = append(cmd.Env, "TD_REMOVE="+h.dir)
	}
	return runGuarded(ctx, cmd)
}

func (h *home) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(h.bin, program), args...)
	h.furnish(cmd)
	return cmd
}

// furnish gives a program the account, and an environment in which no setting of ours changes what it does. A locale must
// be set: without one the encoding becomes SQL_ASCII, and macOS refuses to start.
func (h *home) furnish(cmd *exec.Cmd) {
	cmd.Dir = "/"
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = h.account.attributes()
}

// close frees the lock and removes a temporary directory. The server must have ended.
func (h *home) close() error {
	var err error
	if h.lock != nil {
		err = h.lock.Close()
	}
	if h.temporary && h.dir != "" {
		err = errors.Join(err, os.RemoveAll(h.dir))
	}
	return err
}

func (h *home) data() string         { return filepath.Join(h.dir, fmt.Sprintf("pg%d", h.major)) }
func (h *home) lockFile() string     { return filepath.Join(h.dir, "lock") }
func (h *home) passwordFile() string { return filepath.Join(h.dir, "password") }

// memoryDir is where Linux keeps files in memory.
const memoryDir = "/dev/shm"

// memoryFreeMin is what must be free there before we put a temporary server into it.
const memoryFreeMin = 2 << 30

// temporaryDir makes a private directory in the first place that the account can reach.
func temporaryDir(a account, durable bool) (string, error) {
	places := []string{os.TempDir(), "/tmp", "/var/tmp"}
	if !durable && freeBytes(memoryDir) > memoryFreeMin {
		places = append([]string{memoryDir}, places...)
	}
	var errs []error
	for _, place := range places {
		if err := a.reaches(place); err != nil {
			errs = append(errs, err)
			continue
		}
		dir, err := os.MkdirTemp(place, "td-postgres-")
		if err == nil {
			return dir, a.own(dir)
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("no place for a temporary directory: %w", errors.Join(errs...))
}

// freeBytes is 0 where the directory does not exist.
func freeBytes(dir string) uint64 {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0
	}
	return stat.Bavail * uint64(stat.Bsize)
}
