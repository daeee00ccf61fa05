package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"

	"github.com/spf13/cobra"
)

// Exit codes of the commands. The coordinator and the participants use 0, 1, 2, 9 and 130 alone.
const (
	ExitDone        = 0   // ended in order
	ExitFailed      = 1   // anything else
	ExitUsage       = 2   // an argument, a flag or a setting is wrong; nothing was sent
	ExitNotFound    = 3   // what was named is not there
	ExitAuth        = 4   // who asks is not known, or may not
	ExitConflict    = 5   // not possible in this state, or it has changed meanwhile
	ExitEnded       = 6   // the job ended without a deletion, or failed
	ExitTimeout     = 7   // the wait was over first
	ExitNotProven   = 8   // a proof, or a MUST of the protocol, did not hold
	ExitUnreachable = 9   // the API, PostgreSQL or NATS does not answer
	ExitInterrupted = 130 // Ctrl-C; what shells report for it
)

// ExitTable says what each code means, for people.
var ExitTable = []struct {
	Code    int    `json:"code"`
	Meaning string `json:"meaning"`
}{
	{ExitDone, "ended in order; with --wait: the deletion is completed and proven"},
	{ExitFailed, "anything that no other code names"},
	{ExitUsage, "an argument, a flag or a setting is wrong, or a confirmation is missing; nothing was sent"},
	{ExitNotFound, "there is no such job, dead letter or participant"},
	{ExitAuth, "who asks is not known (401), or may not (403)"},
	{ExitConflict, "not possible as it stands, changed meanwhile (409, 412), key used twice (422), nats diff or plan check differs"},
	{ExitEnded, "the job was refused, rejected or cancelled, or failed and waits for a person"},
	{ExitTimeout, "the wait of --timeout was over first; the job goes on"},
	{ExitNotProven, "a proof, or a MUST of the protocol, did not hold"},
	{ExitUnreachable, "the API, PostgreSQL or NATS does not answer"},
	{ExitInterrupted, "interrupted by Ctrl-C; what was sent goes on"},
}

// Main runs a command until it ends or is interrupted, and returns its exit code. The first interrupt ends it in order; the
// second one kills it, because the signals are handed back to the runtime.
func Main(command *cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := command.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil && !errors.As(err, new(coded)) {
		err = coded{ExitInterrupted, err}
	}
	return ExitCode(err, os.Stderr)
}

// ExitCode is the code of what a command returned. Of an error it says one line.
func ExitCode(err error, stderr io.Writer) int {
	if err == nil {
		return ExitDone
	}
	if text := OneLine(err.Error()); text != "" {
		fmt.Fprintln(stderr, text)
	}
	return ExitCodeOf(err)
}

// ExitCodeOf is the code of an error.
func ExitCodeOf(err error) int {
	var c coded
	if errors.As(err, &c) {
		return c.code
	}
	return ExitFailed
}

// OneLine makes a text fit for one line of a terminal: whatever a stranger wrote, no line break and no escape sequence.
func OneLine(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
}

// coded is an error that decides the exit code.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string { return c.err.Error() }
func (c coded) Unwrap() error { return c.err }

// Exit marks an error with the exit code of its class.
func Exit(code int, format string, args ...any) error {
	return coded{code, fmt.Errorf(format, args...)}
}

// Usage marks an error of settings.
func Usage(format string, args ...any) error { return Exit(ExitUsage, format, args...) }

// Unreachable marks an error of a server that does not answer.
func Unreachable(format string, args ...any) error { return Exit(ExitUnreachable, format, args...) }

// unreachable marks an error of a server that does not answer.
func unreachable(format string, args ...any) error { return Unreachable(format, args...) }
