package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes of the commands.
const (
	ExitDone        = 0 // ended in order
	ExitFailed      = 1 // anything else
	ExitUsage       = 2 // a flag or a setting is wrong
	ExitUnreachable = 3 // PostgreSQL or NATS does not answer
)

var (
	errUsage       = errors.New("usage")
	errUnreachable = errors.New("unreachable")
)

// Main runs a command until it ends or is interrupted, and returns its exit code. The first interrupt ends it in order; the
// second one kills it, because the signals are handed back to the runtime.
func Main(command *cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return exitCode(command.ExecuteContext(ctx), os.Stderr)
}

func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return ExitDone
	}
	fmt.Fprintln(stderr, err)
	switch {
	case errors.Is(err, errUsage):
		return ExitUsage
	case errors.Is(err, errUnreachable):
		return ExitUnreachable
	}
	return ExitFailed
}

// marked is an error of a class that decides the exit code, with a text of its own.
type marked struct {
	class error
	err   error
}

func (m marked) Error() string        { return m.err.Error() }
func (m marked) Is(target error) bool { return target == m.class }
func (m marked) Unwrap() error        { return m.err }

// Usage marks an error of settings.
func Usage(format string, args ...any) error { return marked{errUsage, fmt.Errorf(format, args...)} }

// unreachable marks an error of a server that does not answer.
func unreachable(format string, args ...any) error {
	return marked{errUnreachable, fmt.Errorf(format, args...)}
}
