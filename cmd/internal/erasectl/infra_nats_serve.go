package erasectl

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
)

func (k *console) natsServeCommand() *cobra.Command {
	var config, logLevel string
	var withParent bool
	c := &cobra.Command{Use: "serve", Args: exactly(), Short: "Run a NATS server from its configuration file",
		Long: `Runs the server that this program has inside, from a configuration file, until Ctrl-C. It is the same as nats-server:
an installation takes that, or this. SIGHUP reloads the file: accounts, keys and certificates. When the file is wrong, the
server goes on as it was.`,
		Example: `  erasectl nats serve --config /etc/nats/nats.conf
  erasectl nats serve --config ./n1/nats.conf --log-level debug`}
	f := c.Flags()
	f.StringVar(&config, "config", "", "configuration file, as nats-server takes it; required")
	f.StringVar(&logLevel, "log-level", "", "trace, debug, info, warn, error or disabled, default warn [$LOG_LEVEL]")
	f.BoolVar(&withParent, "with-parent", false, "end when standard input is closed")
	_ = f.MarkHidden("with-parent")
	_ = c.MarkFlagFilename("config", "conf")
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		if config == "" {
			return app.Usage("--config: missing; a configuration file of nats-server")
		}
		log, err := app.NewLogger(k.err, cmp.Or(logLevel, k.getenv("LOG_LEVEL"), "warn"))
		if err != nil {
			return app.Usage("--log-level: %w", err)
		}
		path, err := filepath.Abs(config)
		if err != nil {
			return app.Usage("--config: %w", err)
		}
		reload := make(chan os.Signal, 1)
		signal.Notify(reload, syscall.SIGHUP)
		defer signal.Stop(reload)
		node, err := embedded.StartNode(path, log)
		if errors.Is(err, embedded.ErrLocked) {
			return app.Exit(app.ExitConflict, "%w", err)
		}
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(c.Context())
		defer cancel()
		if withParent {
			go func() { // ends with the process
				_, _ = io.Copy(io.Discard, k.in)
				cancel()
			}()
		}
		log.Info().Str("kind", "start").Str("url", node.ClientURL()).Msg("NATS serves")
		return node.Run(ctx, log, reload)
	})
	return c
}
