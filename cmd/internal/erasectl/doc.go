// Package erasectl is the command line of cmd/erasectl: the operator's command.
//
// # Usage
//
// Command is the whole tree, for app.Main. A console holds what every command shares: settings (flag, environment, context,
// default), forms of output, confirmation. Commands about jobs speak to the HTTP API with its own wire types; those in files
// infra_* speak to NATS and PostgreSQL. demo and dev run the platform on this machine.
//
// # Guarantees
//
// Arguments and flags are checked before anything is sent. What cannot be taken back is sent only after its name was typed,
// or given with --confirm. Data goes to standard output, everything else to standard error, an error in one line with the
// exit code of its kind (app.ExitTable); what others wrote cannot move the cursor. A job that is followed tells every entry
// of its history once, in order, however often the connection breaks. A token is never printed, and never sent unencrypted
// to another machine.
//
// # Not guaranteed
//
// That a command that was interrupted has had no effect: a request that was sent goes on. Progress is not stored, and a slow
// terminal misses some. Completion is silent when the API does not answer within a second.
//
// # Shutdown
//
// The first interrupt ends a command at once and leaves the terminal as it was; the second one kills it. Waiting commands
// print the command that goes on.
//
// # Testing
//
// Tests run the tree against the real API over a coordinator and participants in memory, behind proxies that break it, and
// as a process at a pseudo-terminal. Every example of every command, and of docs/cli.md, is parsed.
package erasectl
