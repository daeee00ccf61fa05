package erasectl

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
)

// argument is one word that a command wants: its name in the usage, and what is wrong with a text for it.
type argument struct {
	name  string
	check func(text string) error
}

var (
	argTenant = argument{"TENANT", func(text string) error { _, err := events.ParseTenantID(text); return err }}
	argJob    = argument{"JOB", func(text string) error { _, err := events.ParseJobID(text); return err }}
	argLetter = argument{"ID", func(text string) error { _, err := parseLetter(text); return err }}
	argName   = argument{"NAME", func(text string) error {
		if !contextForm.MatchString(text) {
			return app.Usage("want a-z 0-9 _ . -, at most 63")
		}
		return nil
	}}
)

func oneOf(name string, set []string) argument {
	return argument{name, func(text string) error {
		if !slices.Contains(set, text) {
			return app.Usage("must be one of %s", strings.Join(set, ", "))
		}
		return nil
	}}
}

func parseLetter(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, app.Usage("want the number of a dead letter")
	}
	return id, nil
}

// exactly wants these arguments and no others, each in its form, before anything else happens.
func exactly(wanted ...argument) cobra.PositionalArgs { return between(len(wanted), wanted...) }

// between wants at least so many of these arguments.
func between(atLeast int, wanted ...argument) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < atLeast {
			return app.Usage("%s: %s is missing (see %[1]s --help)", c.CommandPath(), wanted[len(args)].name)
		}
		if len(args) > len(wanted) {
			return app.Usage("%s: %s: one argument too many (see %[1]s --help)", c.CommandPath(), args[len(wanted)])
		}
		for i, text := range args {
			if err := wanted[i].check(text); err != nil {
				return app.Usage("%s: %s: %w", c.CommandPath(), wanted[i].name, err)
			}
		}
		return nil
	}
}
