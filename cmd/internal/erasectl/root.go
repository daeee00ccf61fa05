package erasectl

import (
	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
)

// Groups of the commands in the help.
const (
	groupJobs   = "jobs"
	groupGuards = "guards"
	groupRepair = "repair"
	groupInfra  = "infra"
	groupOwn    = "own"
)

// Command is erasectl with its commands.
func Command() *cobra.Command { return newConsole().root() }

// root is the whole tree. Every command that talks to a server is run through console.run, which completes its settings.
func (k *console) root() *cobra.Command {
	root := group(&cobra.Command{Use: "erasectl", Short: "Delete tenants from a platform of services, and prove it",
		Long: `erasectl asks for deletions of tenants, follows them, and repairs what does not move.

It speaks to the coordinator's HTTP API. Where that is, and who asks, comes from flags, then from the environment, then
from the selected context (erasectl context), then from defaults. Data goes to standard output, everything else to
standard error; exit codes say what happened (erasectl help exit-codes).`,
		Example: `  erasectl preview 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801
  erasectl request 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 --reason contract_ended --wait
  erasectl list --state failed`})
	root.SilenceErrors, root.SilenceUsage = true, true
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(helpCommand())
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return app.Usage("%w (see %s --help)", err, c.CommandPath())
	})
	k.addFlags(root)
	root.AddGroup(&cobra.Group{ID: groupJobs, Title: "Deletions:"}, &cobra.Group{ID: groupGuards, Title: "Guards:"},
		&cobra.Group{ID: groupRepair, Title: "Repair:"}, &cobra.Group{ID: groupInfra, Title: "Platform:"},
		&cobra.Group{ID: groupOwn, Title: "This program:"})
	root.SetHelpCommandGroupID(groupOwn)
	in := func(id string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	in(groupJobs, k.requestCommand(), k.previewCommand(), k.listCommand(), k.getCommand(), k.watchCommand())
	in(groupJobs, k.decisionCommands()...)
	in(groupJobs, k.renewCommand())
	in(groupGuards, k.guardCommands()...)
	in(groupRepair, k.retryCommand(), k.replayCommand(), k.waiveCommand(), k.deadLettersCommand())
	in(groupInfra, k.participantsCommand(), k.rosterCommand(), k.auditCommand(), demoCommand(), devCommand(), k.tokenCommand())
	in(groupInfra, k.infraCommands()...)
	in(groupOwn, k.contextCommand(), completionCommand(), versionCommand(k))
	root.AddCommand(exitCodesTopic())
	return root
}

// group makes a command that only holds others: it refuses a word that names none of them, and says which one was meant.
func group(c *cobra.Command) *cobra.Command {
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		if c.SuggestionsMinimumDistance <= 0 {
			c.SuggestionsMinimumDistance = 2
		}
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			return app.Usage("%s: no such command; did you mean %s? (%s --help lists them)", args[0], near[0], c.CommandPath())
		}
		return app.Usage("%s: no such command; %s --help lists them", args[0], c.CommandPath())
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		return app.Usage("%s: a command is missing; %[1]s --help lists them", c.CommandPath())
	}
	return c
}
