package erasectl

import "github.com/spf13/cobra"

// infraCommands are those that speak to NATS and PostgreSQL themselves.
func (k *console) infraCommands() []*cobra.Command {
	return []*cobra.Command{k.doctorCommand(), k.natsCommand(), k.migrateCommand(), k.planCommand(), k.eventsCommand(),
		k.conformanceCommand()}
}

// eventsCommand holds what is about events: on the wire, and of one job.
func (k *console) eventsCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "events", Short: "Watch, list, send and send again events",
		Long: `Events are what the coordinator, the participants and the subscribers tell each other over NATS. tail and trigger speak
to NATS themselves.`,
		Example: `  erasectl events tail --since 1h
  erasectl events trigger --tenant test-bread`})
	c.AddCommand(k.eventsTailCommand(), k.eventsTriggerCommand(), k.eventsListCommand(), k.eventsResendCommand())
	return c
}
