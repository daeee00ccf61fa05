package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrLocked is matched when another process uses the folder.
var ErrLocked = errors.New("the store is in use")

// Lock takes a folder for this process, as Start takes its store, and returns what gives it back. A folder in use matches
// ErrLocked.
func Lock(dir string) (release func() error, err error) {
	held, err := lock(filepath.Join(dir, "LOCK"))
	if err != nil {
		return nil, err
	}
	return held.Close, nil
}

// lock takes an exclusive flock, which ends with the process however it ends. The file names its holder.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("embedded: open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path) // only for the message
		_ = f.Close()
		return nil, fmt.Errorf("embedded: %w by process %s (lock file %s): stop that process, or choose another data folder",
			ErrLocked, strings.TrimSpace(string(holder)), path)
	}
	if err := errors.Join(f.Truncate(0), writeHolder(f)); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("embedded: write lock: %w", err)
	}
	return f, nil
}

func writeHolder(f *os.File) error {
	_, err := f.WriteAt([]byte(fmt.Sprintf("%d\n", os.Getpid())), 0)
	return err
}
